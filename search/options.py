"""Sections of the sweep file that name one of several engines: ``searcher: tpe`` or ``{type: tpe, startup: 16}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

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


def parse_options(what: str, registry: Mapping[str, type[AnyOptions]], raw: Any) -> AnyOptions:
    """The options model for a word or a mapping with ``type``.

    Raises:
        SpaceError: for an unknown word, with the closest known one, or wrong options.
    """
    if isinstance(raw, Options):
        raw = raw.model_dump()
    if isinstance(raw, str):
        raw = {"type": raw}
    if not isinstance(raw, Mapping) or "type" not in raw:
        raise SpaceError(f"expected {one_of(registry)}, or a mapping with `type`, got {shown(raw)}")
    word = raw["type"]
    if not isinstance(word, str) or word not in registry:
        hint = did_you_mean(word, registry)
        raise SpaceError([Problem(("type",), f"there is no {what} {shown(word)}{hint}: use {one_of(registry)}")])
    try:
        return registry[word].model_validate(raw)
    except ValidationError as error:
        raise SpaceError(problems(error, registry[word])) from error
