"""What ConfigSpace samples is what the space made of it declares; the rest is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import ConfigSpace as library
import pytest

from assay.spaces import Categorical, Constant, Float, Integer, Space, SpaceError, UsageError
from assay.spaces.from_config_space import from_config_space

from .agreement import DRAWS, disagreements


def space_of(*items: Any) -> Any:
    found = library.ConfigurationSpace(seed=3)
    found.add(list(items))
    return found


KEPT: dict[str, tuple[Any, Any]] = {
    "uniform": (library.UniformFloatHyperparameter("uniform", 0, 2), Float(0, 2)),
    "log": (library.UniformFloatHyperparameter("log", 1e-4, 1, log=True), Float(1e-4, 1, log=True)),
    "default": (library.UniformFloatHyperparameter("default", 0, 2, default_value=0.5), Float(0, 2, default=0.5)),
    "normal": (library.NormalFloatHyperparameter("normal", 0, 1, -1, 3), Float(-1, 3, mean=0, std=1)),
    "integer": (library.UniformIntegerHyperparameter("integer", 2, 9, default_value=3), Integer(2, 9, default=3)),
    "log_integer": (library.UniformIntegerHyperparameter("log_integer", 4, 20, log=True), None),
    "normal_integer": (library.NormalIntegerHyperparameter("normal_integer", 3, 2, 0, 9), None),
    "choice": (
        library.CategoricalHyperparameter("choice", ["a", "b"], default_value="b"),
        Categorical(["a", "b"], "b"),
    ),
    "weights": (
        library.CategoricalHyperparameter("weights", ["a", "b", "c"], weights=[3, 0, 1]),
        Categorical(["a", "c"], weights=[3, 1]),
    ),
    "ordinal": (library.OrdinalHyperparameter("ordinal", ["s", "m", "l"]), Categorical(["s", "m", "l"], ordered=True)),
    "constant": (library.Constant("constant", 3), Constant(3)),
}


def test_every_hyperparameter_keeps_its_distribution() -> None:
    theirs = space_of(*(one for one, _ in KEPT.values()))
    space = from_config_space(theirs)
    for name, (_, expected) in KEPT.items():
        assert expected is None or space[name] == expected
    draws = [
        {name: value.item() if hasattr(value, "item") else value for name, value in dict(one).items()}
        for one in theirs.sample_configuration(DRAWS)
    ]
    assert disagreements(space, [space.validate(one) for one in draws]) == []


def test_conditions_and_forbidden_clauses_are_read() -> None:
    theirs = space_of(
        library.OrdinalHyperparameter("o", ["s", "m", "l"], default_value="m"),
        library.UniformIntegerHyperparameter("i", 1, 5),
        library.UniformIntegerHyperparameter("j", 1, 5),
        *(library.UniformFloatHyperparameter(name, 0, 1) for name in "abcd"),
    )
    o, i, j = theirs["o"], theirs["i"], theirs["j"]
    theirs.add(library.GreaterThanCondition(theirs["a"], o, "s"))
    theirs.add(library.NotEqualsCondition(theirs["b"], i, 3))
    both = library.InCondition(theirs["c"], i, [1, 2]), library.EqualsCondition(theirs["c"], o, "s")
    theirs.add(library.AndConjunction(*both))
    either = library.LessThanCondition(theirs["d"], j, 3), library.GreaterThanCondition(theirs["d"], i, 4)
    theirs.add(library.OrConjunction(*either))
    clauses = library.ForbiddenLessThanClause(o, "m"), library.ForbiddenInClause(i, [4, 5])
    theirs.add(library.ForbiddenAndConjunction(*clauses))
    theirs.add(library.ForbiddenGreaterThanRelation(i, j))
    theirs.add(library.ForbiddenGreaterThanEqualsClause(theirs["b"], 0.75))
    space = from_config_space(theirs)
    assert {name: space[name].when for name in "abcd"} == {
        "a": {"o": ("m", "l")},
        "b": "i != 3",
        "c": {"i": (1, 2), "o": "s"},
        "d": "(j < 3) or (i > 4)",
    }
    assert {one.text for one in space.constraints} == {
        "not ((o in ['s']) and (i in [4, 5]))",
        "not (i > j)",
        "not (b >= 0.75)",
    }
    for one in theirs.sample_configuration(200):
        space.validate({name: value.item() if hasattr(value, "item") else value for name, value in dict(one).items()})


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (library.BetaFloatHyperparameter("a", alpha=2, beta=3, lower=0, upper=1), "a: Assay has no BetaFloat"),
        (library.BetaIntegerHyperparameter("a", alpha=2, beta=3, lower=0, upper=9), "a: Assay has no BetaInteger"),
        (library.NormalFloatHyperparameter("a", 1, 1, 0.1, 3, log=True), "a: on a log scale ConfigSpace takes sigma"),
        (library.NormalIntegerHyperparameter("a", 2, 1, 1, 9, log=True), "a: on a log scale ConfigSpace takes sigma"),
        (library.UniformIntegerHyperparameter("a", 1, 5000, log=True), "a: 5000 values that are not equally likely"),
        (library.CategoricalHyperparameter("a", [(1, 2), (3, 4)]), r"a: \(1, 2\) is not a plain value"),
        (library.Constant("a:b", 1), "'a:b' is not a name"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_cannot_be_kept_is_refused(raw: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        from_config_space(space_of(raw))


def test_a_hyperparameter_changed_by_hand_is_read_as_it_is_now() -> None:
    from assay.spaces.to_config_space import to_config_space

    written = to_config_space(Space({"a": {"min": 2, "max": 8, "step": 2, "help": "even"}, "b": [1, 2]}))
    changed = written.to_serialized_dict()
    changed["hyperparameters"][0]["sequence"] = [2, 4, 6]
    changed["hyperparameters"][0]["default_value"] = 4
    changed["hyperparameters"][1]["default_value"] = 2
    space = from_config_space(changed)
    assert space == Space({"a": Categorical([2, 4, 6], 4, ordered=True), "b": Categorical([1, 2], 2)})


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(SpaceError, match="ConfigSpace cannot read this: JSONDecodeError"):
        from_config_space(tmp_path / "bad.json")
    with pytest.raises(UsageError, match=r"none.yaml: cannot be read: No such file"):
        from_config_space(tmp_path / "none.yaml")
    with pytest.raises(SpaceError, match="ConfigSpace cannot read this"):
        from_config_space({"hyperparameters": [{"type": "gamma", "name": "a"}]})
    with pytest.raises(SpaceError, match="expected a ConfigurationSpace, or its file with `hyperparameters`, got 3"):
        from_config_space(3)  # type: ignore[arg-type]


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.spaces.to_config_space import to_config_space

    monkeypatch.setitem(sys.modules, "ConfigSpace", None)
    with pytest.raises(UsageError, match=r"ConfigSpace is not installed: pip install 'assay\[configspace\]'"):
        to_config_space(Space({"a": [1, 2]}))
