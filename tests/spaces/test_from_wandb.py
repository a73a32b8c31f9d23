"""Every distribution of Weights & Biases is kept exactly, or refused with the cure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from assay.spaces import Categorical, Constant, Float, Integer, Space, SpaceError
from assay.spaces.from_wandb import from_wandb, wandb_notes, wandb_sections

from .agreement import agrees

Inverse = Callable[[Any], Any]


def log_uniform(low: float, high: float) -> Inverse:
    return lambda share: np.exp(low + share * (high - low))


def rounded(inverse: Inverse, q: float) -> Inverse:
    return lambda share: np.round(inverse(share) / q) * q


KEPT: dict[str, tuple[dict[str, Any], Inverse | None, Any]] = {
    # What W&B writes, what it samples (wandb/sweeps, params.py), and what it has to become.
    "value": ({"value": 3}, None, Constant(3)),
    "constant": ({"distribution": "constant", "value": "x"}, None, Constant("x")),
    "values": ({"values": ["a", 1, True, None]}, None, Categorical(["a", 1, True, None])),
    "weights": ({"values": [1, 2, 3], "probabilities": [0.5, 0, 0.25]}, None, Categorical([1, 3], weights=[0.5, 0.25])),
    "ints": ({"min": 1, "max": 9}, None, Integer(1, 9)),
    "int_uniform": ({"distribution": "int_uniform", "min": 0, "max": 1}, None, Integer(0, 1)),
    "floats": ({"min": 1.0, "max": 9}, None, Float(1, 9)),
    "uniform": ({"distribution": "uniform", "min": 0, "max": 1}, None, Float(0, 1)),
    "log_uniform": (
        {"distribution": "log_uniform", "min": -4, "max": 0},
        log_uniform(-4, 0),
        Float(float(np.exp(-4)), 1, log=True),
    ),
    "log_uniform_values": (
        {"distribution": "log_uniform_values", "min": 1e-5, "max": 0.1},
        None,
        Float(1e-5, 0.1, log=True),
    ),
    "inv_log_uniform": (
        {"distribution": "inv_log_uniform", "min": 0, "max": 4},
        lambda share: np.exp(-4 * (1 - share)),
        Float(float(np.exp(-4)), 1, log=True),
    ),
    "inv_log_uniform_values": (
        {"distribution": "inv_log_uniform_values", "min": 1e-5, "max": 0.1},
        None,
        Float(1e-5, 0.1, log=True),
    ),
    "q_uniform": (
        {"distribution": "q_uniform", "min": 0, "max": 4, "q": 2},
        rounded(lambda share: 4 * share, 2),
        Categorical([0, 2, 4], weights=[1, 2, 1], ordered=True),
    ),
    "q_even": ({"distribution": "q_uniform", "min": -0.25, "max": 1.25, "q": 0.5}, None, Float(0, 1, step=0.5)),
    "q_default": ({"distribution": "q_uniform", "min": 0.5, "max": 3.5}, None, Float(1, 3, step=1)),
    "q_whole": ({"distribution": "q_uniform", "min": 0.5, "max": 3.5, "q": 1}, None, Integer(1, 3)),
    "q_log_uniform": (
        {"distribution": "q_log_uniform", "min": 0, "max": 2.5},
        rounded(log_uniform(0, 2.5), 1),
        None,
    ),
    "q_log_uniform_values": (
        {"distribution": "q_log_uniform_values", "min": 16, "max": 128, "q": 16},
        rounded(log_uniform(np.log(16), np.log(128)), 16),
        None,
    ),
    "q_log_even": (
        {"distribution": "q_log_uniform_values", "min": 8, "max": 136, "q": 16},
        None,
        Integer(16, 128, log=True, step=16),
    ),
    "normal": ({"distribution": "normal"}, None, Float(mean=0, std=1)),
    "log_normal": ({"distribution": "log_normal", "mu": -1, "sigma": 2}, None, Float(mean=-1, std=2, log=True)),
    "beta_of_1": ({"distribution": "beta"}, None, Float(0, 1)),
    "q_beta": (
        {"distribution": "q_beta", "a": 2, "b": 5, "q": 0.1},
        rounded(stats.beta(2, 5).ppf, 0.1),
        None,
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_every_distribution_is_kept(name: str) -> None:
    raw, inverse, expected = KEPT[name]
    parameter = from_wandb({"method": "random", "parameters": {"a": raw}})["a"]
    if expected is not None:
        assert parameter.describe() == expected.describe()
        assert parameter == expected
    if inverse is not None:
        draws = [inverse(share).item() for share in np.random.default_rng(1).random(800)]
        if all(isinstance(choice, int) for choice in (parameter.choices if parameter.cardinality < 99 else [0.0])):
            draws = [int(draw) for draw in draws]
        assert agrees(parameter, draws)


def test_nested_parameters_become_dotted_names() -> None:
    inner = {"lr": {"min": 0.0, "max": 0.1}, "sub": {"parameters": {"x": {"values": [1, 2]}}}}
    space = from_wandb({"parameters": {"optim": {"parameters": inner}, "epochs": {"value": 3}}})
    assert space == Space({"optim.lr": Float(0, 0.1), "optim.sub.x": [1, 2], "epochs": 3})


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (3, r"a: expected a mapping such as .*, got 3"),
        ({}, "a: needs min and max, values, a value or a distribution"),
        ({"min": 1}, "a: needs min and max"),
        ({"min": 1, "max": 2, "q": 1}, r"a.q: int_uniform has no 'q': it has 'min' or 'max'"),
        (
            {"distribution": "loguniform", "min": 1, "max": 2},
            r"a.distribution: 'loguniform' is not a .*did you mean",
        ),
        ({"distribution": "uniform", "min": 1}, "a: max is missing"),
        ({"distribution": "uniform", "min": "1e-3", "max": 1}, r"a: min must be a number, got '1e-3': write 0.001"),
        ({"distribution": "int_uniform", "min": 0.5, "max": 2}, "a: min must be a whole number, got 0.5"),
        ({"distribution": "constant"}, "a: value is missing"),
        ({"distribution": "beta", "a": 2, "b": 2}, "a: Assay has no beta distribution: write a normal between 0 and 1"),
        ({"distribution": "q_beta", "q": 0}, "a: a, b and q must be above 0"),
        ({"distribution": "q_normal"}, "a: has infinitely many values: leave q out"),
        ({"distribution": "q_log_normal", "q": 0.1}, "a: has infinitely many values: leave q out"),
        ({"distribution": "log_uniform", "min": 1e-5, "max": 1e5}, "exponents here.* did you mean log_uniform_values"),
        ({"distribution": "q_uniform", "min": 2, "max": 1}, "a: expected min < max, got 2 and 1"),
        ({"distribution": "q_uniform", "min": 0, "max": 5000}, "a: 5001 values that are not equally likely"),
        ({"values": [[1, 2], [3]]}, r"a: \[1, 2\] is not a plain value"),
        ({"values": [1, 2], "probabilities": [1]}, "a: expected one probability for each of the 2 values, got 1"),
        ({"values": [1, 2], "probabilities": 1}, r"a.probabilities: expected a list of numbers, got 1"),
        (
            {"values": [1, 2], "probabilities": [0, 0]},
            r"a.probabilities: one of them at least must be above 0",
        ),
        ({"values": [1, 2], "probabilities": [-1, 2]}, r"a.probabilities: a probability must be 0 or more, got \[-1,"),
        ({"values": [1, 2], "probabilities": ["x", 2]}, r"a.probabilities: a probability must be a number, got 'x'"),
        ({"values": [1, 2], "probabilities": []}, "a: expected one probability for each of the 2 values, got 0"),
        ({"values": []}, "a: expected a list with at least one value"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_kept_is_refused(raw: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        from_wandb({"parameters": {"a": raw}})


def test_the_rest_becomes_sections() -> None:
    sweep = {
        "name": "digits",
        "program": "train.py",
        "method": "bayes",
        "metric": {"name": "val_loss"},
        "early_terminate": {"type": "hyperband", "max_iter": 81, "s": 3},
        "run_cap": 40,
        "parameters": {"a": {"value": 1}},
    }
    assert wandb_sections(sweep) == {
        "name": "digits",
        "objectives": [{"metric": "val_loss", "goal": "minimize"}],
        "searcher": {"type": "tpe"},
        "scheduler": {"type": "asha", "eta": 3},
        "fidelity": {"unit": "step", "min": 3, "max": 81},
        "budget": {"trials": 40},
    }
    least = wandb_sections({"early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 4}, "parameters": {}})
    assert least == {"scheduler": {"type": "asha", "eta": 4}, "fidelity": {"unit": "step", "min": 2}}


@pytest.mark.parametrize(
    ("key", "raw", "message"),
    [
        ("metric", "loss", r"metric: expected {name: \.\.\., goal: \.\.\.}, got 'loss'"),
        ("metric", {"name": "loss", "goal": "min"}, r"metric.goal: use 'minimize' or 'maximize', got 'min'"),
        ("method", "baies", r"method: 'baies' is not a method of W&B \(did you mean 'bayes'\?\)"),
        ("early_terminate", {"type": "envelope"}, "early_terminate: expected {type: hyperband"),
        ("early_terminate", {"type": "hyperband"}, "early_terminate: needs min_iter or max_iter"),
        ("run_cap", "many", "run_cap must be a number, got 'many'"),
    ],
)
def test_sections_that_cannot_be_read_are_told(key: str, raw: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        wandb_sections({key: raw})


def test_something_else_is_told() -> None:
    with pytest.raises(SpaceError, match="expected a sweep of Weights & Biases"):
        from_wandb({"method": "random"})


def test_what_changes_its_name_or_is_left_out_is_told() -> None:
    sweep = {"method": "bayes", "program": "train.py", "early_terminate": {"type": "hyperband"}, "parameters": {}}
    assert wandb_notes(sweep) == [
        "method bayes is searcher tpe here",
        "Hyperband is scheduler asha here: both compare a run with all that came as far as it",
        "left out, because it has no counterpart: program",
    ]
    assert wandb_notes({"method": "random", "metric": {}, "parameters": {}}) == []
