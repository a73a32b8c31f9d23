"""Optuna's random sampler draws what a space declares, also conditions; constraints prune."""

from __future__ import annotations

import pickle
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from assay.spaces import Space, SpaceError
from assay.spaces.to_optuna import optuna_function, suggest_config, to_optuna

from .agreement import DRAWS, EVERY, TREE, disagreements, nearly_equal


def study(seed: int = 0) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))


@pytest.mark.parametrize("space", [EVERY, TREE], ids=["every kind", "conditions"])
def test_draws_follow_what_is_declared(space: Space) -> None:
    asked = study(1)
    configs = [suggest_config(space, asked.ask()) for _ in range(DRAWS)]
    assert disagreements(space, configs) == []
    for config in configs[:20]:
        fixed: Any = optuna.trial.FixedTrial(to_optuna(space, config)[0])
        assert nearly_equal(space, suggest_config(space, fixed), config)


@pytest.mark.parametrize(
    ("name", "distribution"),
    [
        ("rate", FloatDistribution(1e-5, 1e-1, log=True)),
        ("width", IntDistribution(1, 12, log=True)),
        ("even", IntDistribution(2, 8, step=2)),
        ("grid", IntDistribution(0, 5)),
        ("size", IntDistribution(0, 2)),
        ("kind", CategoricalDistribution([0, 1, 2, 3, 4])),
        *(
            (name, FloatDistribution(0.0, 1.0))
            for name in ("shift", "bounded", "guess", "wide", "near", "rare", "sizes")
        ),
    ],
)
def test_what_optuna_has_a_word_for_is_asked_in_it(name: str, distribution: Any) -> None:
    space = Space({name: EVERY[name]})
    assert to_optuna(space, space.default())[1] == {name: distribution}


def test_an_infeasible_config_is_pruned() -> None:
    space = Space({"a": {"min": 0.0, "max": 1.0}, "b": {"min": 0.0, "max": 1.0}}, ["a <= b"])
    search = study()
    search.optimize(lambda trial: float(suggest_config(space, trial)["a"]), n_trials=60)  # type: ignore[arg-type]
    states = {optuna.trial.TrialState.COMPLETE: True, optuna.trial.TrialState.PRUNED: False}
    assert {trial.state for trial in search.trials} == states.keys()
    for trial in search.trials:
        assert space.feasible(trial.params) == states[trial.state]
    with pytest.raises(optuna.TrialPruned, match="the config breaks the constraint a <= b"):
        suggest_config(space, optuna.trial.FixedTrial({"a": 0.5, "b": 0.1}))  # type: ignore[arg-type]


def test_the_function_for_ray_tune_names_what_the_study_has() -> None:
    function, trial = optuna_function(TREE), study(3).ask()
    given = function(trial)
    assert given["optim/rate"] == trial.params["optim/rate"]
    assert set(trial.params) <= set(given)
    with pytest.raises(SpaceError, match=r"constraints.0: Ray Tune has no constraints such as layers > 1: remove it"):
        optuna_function(Space({"layers": {"min": 1, "max": 3}}, ["layers > 1"]))


def test_the_function_for_ray_tune_can_be_pickled() -> None:
    """Ray Tune saves its searchers."""
    space = Space({"a": [1, 2], "b": {"min": 0.0, "max": 1.0, "when": {"a": 2}}})
    define = pickle.loads(pickle.dumps(optuna_function(space)))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    assert {tuple(define(study.ask())) for _ in range(20)} == {("a",), ("a", "b")}
