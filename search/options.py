"""Sections of the sweep file that name one of several engines: ``searcher: tpe`` or ``{type: tpe, startup: 16}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ..spaces import Problem, SpaceError, did_you_mean, one_of
from ..spaces.errors import shown
from .explain import problems


class Options(BaseModel):
    """Options of one engine; unknown keys are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    type: str


AnyOptions = TypeVar("AnyOptions", bound=Options)


class Engines(Generic[AnyOptions]):
    """Reads a section that names an engine, and describes it in a JSON Schema.

    Args:
        what: ``searcher`` or ``scheduler``.
        registry: word -> options.
    """

    def __init__(self, what: str, registry: Mapping[str, type[AnyOptions]]) -> None:
        self._what = what
        self._registry = registry

    @property
    def keys(self) -> set[str]:
        """Of the options of all engines together."""
        return {key for options in self._registry.values() for key in options.model_fields}

    def read(self, raw: Any) -> AnyOptions:
        """The options model for a word or a mapping with ``type``.

        Raises:
            SpaceError: for an unknown word, with the closest known one, or wrong options.
        """
        known = self._registry
        if isinstance(raw, Options):
            raw = raw.model_dump()
        if isinstance(raw, str):
            raw = {"type": raw}
        if not isinstance(raw, Mapping) or "type" not in raw:
            words = one_of(self._registry)
            raise SpaceError(f"expected {words}, or a mapping with `type`, got {shown(raw)}")
        word = raw["type"]
        if not isinstance(word, str) or word not in known:
            hint, words = did_you_mean(word, known), one_of(self._registry)
            raise SpaceError([Problem(("type",), f"there is no {self._what} {shown(word)}{hint}: use {words}")])
        try:
            return known[word].model_validate(raw)
        except ValidationError as error:
            raise SpaceError(problems(error, known[word])) from error

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A word, or a mapping whose keys depend on ``type``."""
        mappings = []
        for word, options in self._registry.items():
            reference = handler(options.__pydantic_core_schema__)
            form = handler.resolve_ref_schema(reference)
            form["properties"]["type"] = {"const": word, "description": form.get("description", word)}
            form["required"] = ["type", *(key for key in form.get("required", ()) if key != "type")]
            mappings.append(reference)
        return {"anyOf": [{"enum": list(self._registry)}, *mappings]}
