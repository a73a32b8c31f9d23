"""Errors: the drawn tree is the real one; problems keep their place; hints find the right word."""

import pickle
import re

import pytest

import assay.spaces
from assay.spaces import AssayError, Problem, SpaceError, did_you_mean, one_of
from assay.spaces import errors as module

LINE = re.compile(r"^(?P<indent>[ │]*)(?:[├└]── )?(?P<name>[A-Z]\w+) +(?P<code>\d+)? ")


def drawn_tree() -> dict[str, tuple[str | None, int]]:
    """Name -> parent and exit code, read from the picture in the docstring."""
    tree: dict[str, tuple[str | None, int]] = {}
    branch: list[tuple[int, str]] = []
    for line in (module.__doc__ or "").splitlines():
        if not (match := LINE.match(line)):
            continue
        column = match.start("name")
        branch = [(at, name) for at, name in branch if at < column]
        parent = branch[-1][1] if branch else None
        code = int(match["code"]) if match["code"] else tree[parent or ""][1]
        tree[match["name"]] = (parent, code)
        branch.append((column, match["name"]))
    return tree


def real_tree() -> dict[str, tuple[str | None, int]]:
    classes = [AssayError]
    for cls in classes:
        classes += [child for child in cls.__subclasses__() if child.__module__ == module.__name__]
    parents: list[str | None] = [None, *(cls.__bases__[0].__name__ for cls in classes[1:])]
    return {cls.__name__: (parent, cls.exit_code) for cls, parent in zip(classes, parents, strict=True)}


def test_the_drawn_tree_is_the_real_one() -> None:
    assert drawn_tree() == real_tree()
    assert len(drawn_tree()) == 11
    assert drawn_tree()["SpaceError"] == ("UsageError", 2)
    assert AssayError.__bases__ == (Exception,)


def test_every_error_is_exported() -> None:
    assert set(real_tree()) <= set(assay.spaces.__all__)


def test_exit_codes() -> None:
    codes = {name: code for name, (_, code) in real_tree().items()}
    assert codes == {
        "AssayError": 1,
        "UsageError": 2,
        "SpaceError": 2,
        "SweepError": 2,
        "TrainableError": 2,
        "DamagedFileError": 2,
        "SweepExistsError": 2,
        "NoResultError": 3,
        "NotFoundError": 4,
        "ClusterError": 5,
        "SweepInterrupted": 130,
    }


def test_a_problem_shows_its_place() -> None:
    assert str(Problem((), "wrong")) == "wrong"
    assert str(Problem(("lr", "when", 0), "wrong")) == "lr.when.0: wrong"
    assert str(Problem(("a\nb",), "wrong")) == "'a\\nb': wrong"
    assert Problem(("min",), "wrong").under("parameters", "lr") == Problem(("parameters", "lr", "min"), "wrong")


def test_a_space_error_holds_all_problems() -> None:
    problems = [Problem(("a",), "one"), Problem(("b", 2), "two")]
    error = SpaceError(iter(problems))
    assert error.problems == problems
    assert str(error) == "a: one\nb.2: two"
    assert SpaceError("only").problems == [Problem((), "only")]


def test_a_space_error_travels_between_processes() -> None:
    error = SpaceError([Problem(("a",), "one"), Problem((), "two")])
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is SpaceError
    assert again.problems == error.problems
    assert str(again) == str(error)


@pytest.mark.parametrize(
    ("word", "choices", "hint"),
    [
        ("optimiser", ["optimizer", "lr"], " (did you mean 'optimizer'?)"),
        ("low", ["min", "max"], " (did you mean 'min'?)"),
        ("lower", ["min", "max"], " (did you mean 'min'?)"),
        ("high", ["min", "max"], " (did you mean 'max'?)"),
        ("upper", ["min", "max"], " (did you mean 'max'?)"),
        ("choices", ["values", "value"], " (did you mean 'values'?)"),
        ("max", ["maximize", "minimize"], " (did you mean 'maximize'?)"),
        ("min", ["maximize", "minimize"], " (did you mean 'minimize'?)"),
        ("reduction_factor", ["eta", "grace"], " (did you mean 'eta'?)"),
        ("num_samples", ["trials", "time"], " (did you mean 'trials'?)"),
        ("low", ["lot", "value"], " (did you mean 'lot'?)"),
        ("xyz", ["min", "max"], ""),
        ("min", [], ""),
        (1, ["1", "2"], " (did you mean '1'?)"),
        (None, ["min"], ""),
        (10**5000, ["min"], ""),
    ],
    ids=lambda value: str(value)[:20] if not isinstance(value, int) else "number",
)
def test_did_you_mean(word: object, choices: list[str], hint: str) -> None:
    assert did_you_mean(word, iter(choices)) == hint


def test_one_of() -> None:
    assert one_of(["a"]) == "'a'"
    assert one_of(["a", "b"]) == "'a' or 'b'"
    assert one_of(iter(["a", "b", 3])) == "'a', 'b' or 3"


def test_shown_is_short_and_never_fails() -> None:
    assert module.shown("a") == "'a'"
    assert len(module.shown("x" * 1000)) == 200
    assert module.shown([10**5000]) == "<list>"
