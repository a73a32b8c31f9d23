"""The forms in which a sweep file writes a parameter, for its JSON Schema; `spaces` reads and checks them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from .section import Section

_NUMBER = r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][-+]?\d+)?"
_RANGES = "uniform|loguniform|int|logint|normal|lognormal"
_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}

Scalar = Annotated[Any, WithJsonSchema(_SCALAR)]
When = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]},
                },
                {"type": "null"},
            ]
        }
    ),
]


class _Form(Section):
    default: Scalar = None
    """Where the search starts."""
    when: When = None
    """Active only while others have these values, {optimizer: sgd}, or while an expression holds, layers >= 3."""
    help: str | None = None
    """For people."""


class PriorForm(Section):
    """A guess at the best value: half of what is drawn lies near it."""

    center: float
    """The guess."""
    confidence: Literal["low", "medium", "high"] = "medium"
    """Near is within 20 % (low), 10 % (medium) or 5 % (high) of the range."""


class RangeForm(_Form):
    """A number between two bounds, both included, or a normal."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["min", "max"]}, {"required": ["mean", "std"]}]}
    )

    type: Literal["int", "float"] | None = None
    """Taken from the bounds when left out: 1 is a whole number, 1.0 is not."""
    min: float | None = None
    """The smallest value."""
    max: float | None = None
    """The largest value."""
    log: bool = False
    """Uniform in the logarithm."""
    step: float | None = Field(default=None, gt=0)
    """Only min, min + step, min + 2 step, ..."""
    mean: float | None = None
    """Of a normal instead of a uniform; with log, of the natural logarithm."""
    std: float | None = Field(default=None, gt=0)
    """Standard deviation of a normal; with log, of the natural logarithm."""
    prior: PriorForm | None = None
    """A guess at the best value."""


class ChoiceForm(_Form):
    """One of several values."""

    values: list[Scalar] = Field(min_length=1)
    """The choices, each once."""
    weights: list[Annotated[float, Field(gt=0)]] | None = Field(default=None, min_length=1)
    """How often each value is drawn, relative to the others."""
    ordered: bool = False
    """Neighbours in the list are alike."""


class ConstantForm(Section):
    """A value that is not searched."""

    value: Scalar
    """The value."""
    when: When = None
    """Present only while others have these values, {optimizer: sgd}, or while an expression holds, layers >= 3."""
    help: str | None = None
    """For people."""


_ONE_LINE: list[dict[str, Any]] = [
    {
        "description": "A range in one line: loguniform(1e-5, 1e-1), int(1, 6), normal(0, 1).",
        "type": "string",
        "pattern": rf"^\s*({_RANGES})\s*\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*,?\s*\)\s*$",
        "patternErrorMessage": "Write a range with two numbers, such as loguniform(1e-5, 1e-1) or int(1, 6).",
    },
    {
        "description": "A group of parameters: preset(adamw, sgd).",
        "type": "string",
        "pattern": r"^\s*preset\s*\([^()]*\)\s*$",
    },
    {
        "description": "Text that is not searched.",
        "type": "string",
        "not": {"pattern": rf"^\s*(({_RANGES}|preset)\s*\(|[A-Za-z_][A-Za-z0-9_]*\s*\([\s\S]*\)\s*$)"},
    },
    {"description": "A value that is not searched.", "type": ["number", "boolean"]},
    {"description": "A choice: [adam, sgd].", "type": "array", "items": _SCALAR, "minItems": 1},
]


class _Parameter:
    """Annotates what is read as a parameter with the JSON Schema of all its forms."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        forms = [handler(form.__pydantic_core_schema__) for form in (RangeForm, ChoiceForm, ConstantForm)]
        return {"anyOf": [*_ONE_LINE, *forms]}


class _Count:
    """The same for what must have whole numbers as its values."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        whole = {"type": "integer", "minimum": 1}
        line = {"type": "string", "pattern": rf"^\s*(int|logint)\s*\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*,?\s*\)\s*$"}
        forms = [handler(form.__pydantic_core_schema__) for form in (RangeForm, ChoiceForm, ConstantForm)]
        return {"anyOf": [whole, {"type": "array", "items": whole, "minItems": 1}, line, *forms]}


class _Parameters(_Parameter):
    """The same for a mapping from names to parameters."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        one = super().__get_pydantic_json_schema__(schema, handler)
        return {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"},
            "additionalProperties": one,
        }


COUNT = _Count()
PARAMETERS = _Parameters()
