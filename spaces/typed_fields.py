"""The fields of a Pydantic model, a dataclass or a function, in one form."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache, partial
from typing import Annotated, Any, Final, get_args, get_origin

from .errors import SpaceError, shown


class _Missing(Enum):
    MISSING = "missing"


MISSING: Final = _Missing.MISSING
"""A field without a default."""

SKIPPED = ("trial", "config")
"""Parameters of a training function that are no parameters of its space, unless they have a range."""


@dataclass(frozen=True)
class Field:
    """One field, with what stands in ``Annotated`` taken out.

    Args:
        annotation: the type, without ``Annotated`` around it.
        metadata: what ``Annotated`` and Pydantic's ``Field`` say about it.
        default: MISSING when there is none, or a factory makes it.
        tag: the name of the discriminator of a union, as far as one is named.
    """

    name: str
    annotation: Any
    metadata: tuple[Any, ...] = ()
    default: Any = MISSING
    factory: Callable[[], Any] | None = None
    help: str = ""
    tag: Any = None

    @property
    def required(self) -> bool:
        return self.default is MISSING and self.factory is None

    def made_default(self) -> Any:
        """The default, also when a factory makes it.

        Raises:
            SpaceError: when the factory fails.
        """
        if self.factory is None:
            return self.default
        try:
            return self.factory()
        except Exception as error:  # noqa: BLE001 - a factory of the user may raise anything
            text = " ".join(str(error).split())
            raise SpaceError(f"its default cannot be made: {type(error).__name__}: {text}") from None


def is_class(source: object) -> bool:
    """Whether ``source`` is a Pydantic model or a dataclass."""
    return isinstance(source, type) and (dataclasses.is_dataclass(source) or is_pydantic(source))


def is_pydantic(source: object) -> bool:
    """Whether Pydantic checks the instances of ``source``."""
    return isinstance(source, type) and isinstance(getattr(source, "__pydantic_fields__", None), Mapping)


def fields_of(source: Any) -> list[Field]:
    """What ``source`` asks for, in order.

    Raises:
        SpaceError: when it is none of the three, or an annotation cannot be resolved.
    """
    if is_pydantic(source):
        return list(_of_pydantic(source))
    if is_class(source):
        return list(_of_dataclass(source))
    if callable(source) and not isinstance(source, type):
        return list(_of_function(source))
    raise SpaceError(f"expected a Pydantic model, a dataclass or a function, got {shown(source)}")


def unwrapped(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without ``Annotated``, ``NewType`` and names for types around it, and what they say about it."""
    metadata: tuple[Any, ...] = ()
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            metadata += tuple(more)
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        else:
            return annotation, metadata


def resolved(source: Any, **options: Any) -> dict[str, Any]:
    """The annotations of ``source`` as types.

    Raises:
        SpaceError: when one cannot be resolved.
    """
    try:
        return typing.get_type_hints(source, include_extras=True, **options)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        name = getattr(source, "__qualname__", shown(source))
        cure = "import what it names at the top of the module, not in `if TYPE_CHECKING` or in a function"
        raise SpaceError(f"an annotation of {name} cannot be resolved ({error}): {cure}") from None


def _of_pydantic(source: Any) -> Iterator[Field]:
    if not getattr(source, "__pydantic_complete__", True) and hasattr(source, "model_rebuild"):
        try:
            source.model_rebuild()
        except NameError as error:
            first, *_ = str(error).splitlines()
            raise SpaceError(f"{source.__name__} is not complete: {first}") from None
    docs = attribute_docs(source)
    for name, info in source.__pydantic_fields__.items():
        if info.init is False:
            continue
        yield _field(
            name,
            info.annotation,
            tuple(info.metadata),
            default=MISSING if info.is_required() or info.default_factory else info.default,
            factory=partial(info.get_default, call_default_factory=True, validated_data={})
            if info.default_factory
            else None,
            help=info.description or docs.get(name, ""),
            tag=info.discriminator,
        )


def _of_dataclass(source: Any) -> Iterator[Field]:
    hints, docs = resolved(source), attribute_docs(source)
    for one in dataclasses.fields(source):
        if not one.init:
            continue
        yield _field(
            one.name,
            hints[one.name],
            default=MISSING if one.default is dataclasses.MISSING else one.default,
            factory=None if one.default_factory is dataclasses.MISSING else one.default_factory,
            help=one.metadata.get("help", one.metadata.get("description", docs.get(one.name, ""))),
        )


def _of_function(source: Any) -> Iterator[Field]:
    for name, one in inspect.signature(source).parameters.items():
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        if name in SKIPPED and isinstance(one.annotation, str) and "Annotated" not in one.annotation:
            continue  # the trial, often known to type checkers alone
        annotation = annotation_of(source, one)
        if name not in SKIPPED or _has_range(annotation):
            yield _field(name, annotation, default=MISSING if one.default is one.empty else one.default)


def annotation_of(function: Any, parameter: inspect.Parameter) -> Any:
    """What a parameter is annotated with, as a type; ``Any`` when it is not.

    Raises:
        SpaceError: when it cannot be resolved; other parameters do not matter.
    """
    if parameter.annotation is parameter.empty:
        return Any
    told = getattr(function, "__qualname__", type(function).__qualname__)
    alone = types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation}, __qualname__=told)
    return resolved(alone, globalns=_names(function))[parameter.name]


def _names(function: Any) -> dict[str, Any]:
    """The names that annotations of ``function`` may use."""
    while isinstance(function, partial):
        function = function.func
    if isinstance(function, type):
        function = getattr(function, "__init__")  # noqa: B009 - a type checker cannot know whose it is
    elif not inspect.isroutine(function):
        function = type(function).__call__
    return dict(getattr(inspect.unwrap(function), "__globals__", {}))


def _has_range(annotation: Any) -> bool:
    return bool(unwrapped(annotation)[1])


def _field(name: str, annotation: Any, metadata: Iterable[Any] = (), *, tag: Any = None, **options: Any) -> Field:
    annotation, inner = unwrapped(annotation)
    opened = list(_opened((*inner, *metadata)))
    tags = [one.discriminator for one in (*inner, *metadata) if getattr(one, "discriminator", None) is not None]
    told = (getattr(one, "description", None) or getattr(one, "documentation", None) for one in inner)
    options["help"] = options.get("help") or next((text for text in told if isinstance(text, str)), "")
    return Field(name, annotation, tuple(opened), tag=tags[0] if tag is None and tags else tag, **options)


def metadata_of(annotation: Any) -> tuple[Any, ...]:
    """What is said about a type inside a union."""
    return tuple(_opened(unwrapped(annotation)[1]))


def _opened(metadata: Iterable[Any]) -> Iterator[Any]:
    """``Interval`` and Pydantic's ``Field`` as the bounds that they stand for."""
    from annotated_types import GroupedMetadata
    from pydantic.fields import FieldInfo

    for one in metadata:
        if isinstance(one, FieldInfo):
            yield from _opened(one.metadata)
        elif isinstance(one, GroupedMetadata) and not isinstance(one, type):
            yield from one
        else:
            yield one


@lru_cache(maxsize=256)  # reading source files takes milliseconds
def attribute_docs(source: type) -> dict[str, str]:
    """The texts below the fields of a class and of those it inherits from; none where the source is not to be had."""
    docs: dict[str, str] = {}
    for one in reversed(source.__mro__):
        if one.__module__.partition(".")[0] in ("builtins", "pydantic"):
            continue
        try:
            body = ast.parse(textwrap.dedent(inspect.getsource(one))).body[0]
        except (OSError, TypeError, SyntaxError, IndexError):  # typed into a session: there is no help text
            continue
        lines = body.body if isinstance(body, ast.ClassDef) else []
        for line, text in itertools.pairwise(lines):
            if (
                isinstance(line, ast.AnnAssign)
                and isinstance(line.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
                and isinstance(text.value.value, str)
            ):
                docs[line.target.id] = inspect.cleandoc(text.value.value)
    return docs
