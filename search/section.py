"""What all sections of a sweep file have in common, and the units in which people write."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from ..spaces.errors import shown

_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,15})s)?")
_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?) ?(KB|MB|GB|TB|KiB|MiB|GiB|TiB)", re.IGNORECASE)
_BYTES = {
    f"{letter}{form}": base**power
    for power, letter in enumerate("kmgt", 1)
    for form, base in (("b", 1000), ("ib", 1024))
}
_LEAST_BYTES = 1_000_000


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys refused, docstrings become help."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
    )


def parse_duration(value: Any) -> float:
    """Seconds of ``"1h30m"``, ``"90s"``, ``"2d"``.

    Raises:
        ValueError: for anything else, with an example.
    """
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) and value.strip() else None
    if match is None:
        raise ValueError(f"{shown(value)} is not a duration: write 90s, 10m, 2h or 1h30m")
    seconds = sum(int(part or 0) * unit for part, unit in zip(match.groups(), (86400, 3600, 60, 1), strict=True))
    if not seconds:
        raise ValueError("a duration must be above 0")
    return float(seconds)


def parse_bytes(value: Any) -> int:
    """Bytes of ``"12GiB"``, ``"500MB"`` or a number.

    Raises:
        ValueError: for anything else, or too little to mean it, with an example.
    """
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None:
        size = int(float(match[1]) * _BYTES[match[2].lower()])
    else:
        size = value if isinstance(value, int) and not isinstance(value, bool) else 0
    if size < _LEAST_BYTES:
        raise ValueError(f"{shown(value)} is not an amount of memory: write 500MB or 12GiB")
    return size


def _text_or_texts(value: Any) -> Any:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) and one.strip() for one in texts):
        raise ValueError(f"expected text or a list of texts, got {shown(value)}")
    return value


_TEXT = {"type": "string", "pattern": r"\S"}

Duration = Annotated[
    float | None,
    BeforeValidator(lambda raw: None if raw is None else parse_duration(raw)),
    PlainSerializer(lambda seconds: None if seconds is None else f"{seconds:.0f}s"),
    WithJsonSchema(
        {
            "anyOf": [
                # At least one part that is not all zeros.
                {
                    "type": "string",
                    "pattern": r"^\s*(?=.*[1-9])(?=\S)(\d{1,9}d)?(\d{1,9}h)?(\d{1,9}m)?(\d{1,15}s)?\s*$",
                    "patternErrorMessage": "Write a duration such as 90s, 10m, 2h or 1h30m.",
                },
                {"type": "null"},
            ]
        }
    ),
]
"""Seconds, written as 90s, 10m, 2h or 1h30m."""

Size = Annotated[
    int | None,
    BeforeValidator(lambda raw: None if raw is None else parse_bytes(raw)),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "string",
                    "pattern": r"^\s*\d{1,6}(\.\d{1,6})? ?[kKmMgGtT][iI]?[bB]\s*$",
                    "patternErrorMessage": "Write an amount of memory such as 500MB or 12GiB.",
                },
                {"type": "integer", "minimum": _LEAST_BYTES},
                {"type": "null"},
            ]
        }
    ),
]
"""Bytes, written as 500MB or 12GiB."""

Texts = Annotated[
    str | list[str],
    BeforeValidator(_text_or_texts),
    WithJsonSchema({"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}),
]
"""Text, or a list of at least one."""
