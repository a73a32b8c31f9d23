"""What a sweep may say and nothing acts on is named, with its line, what it would do, and the cure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from assay.search import SCHEDULERS, SEARCHERS, Sweep, at_lines_of, missing_engines, read_sweep
from assay.search.missing_engines import _MISSING
from assay.spaces import SweepError, one_of

VALID = Path(__file__).parent / "sweeps" / "valid"
FRONTS = one_of(word for word, options in SEARCHERS.items() if options.several)
GOOD: dict[str, Any] = {
    "name": "x",
    "objectives": [{"metric": "loss", "goal": "minimize"}],
    "parameters": {"lr": "uniform(0, 1)"},
    "budget": {"trials": 1},
}
ASKED: dict[str, Any] = {
    "command": {"command": ["python", "train.py"]},
    "objectives.*.aggregate": {"objectives": [{"metric": "loss", "goal": "minimize", "aggregate": "best"}]},
    "constraints.*": {"constraints": [{"require": "lr <= 0.5"}, {"metric": "size", "max": 3}]},
    "architecture": {
        "architecture": {"input": [3], "output": 10, "stages": [{"ops": ["a", "b"], "depth": 2, "width": [16, 32]}]}
    },
    "leaderboard.test": {"leaderboard": {"test": "bayes_signed_rank", "rope": 0.01}},
    "leaderboard.rope": {"leaderboard": {"rope": 0.01}},
    "leaderboard.tie_break": {"leaderboard": {"tie_break": ["size"]}},
    "leaderboard.data": {"leaderboard": {"data": "test"}},
    "tracking.wandb": {"tracking": {"wandb": "vision"}},
    "tracking.mlflow": {"tracking": {"mlflow": "vision"}},
    "export.formats.*": {"export": {"formats": ["yaml", "mlflow"]}},
    "export.model": {"export": {"model": {"formats": ["onnx"]}}},
}
"""For each key what asks for it; ``scheduler.type`` has none, because every scheduler of the format has an engine."""


def missing(file: Path) -> list[str]:
    """As a run is refused."""
    with pytest.raises(SweepError) as caught, at_lines_of(file):
        raise SweepError(missing_engines(read_sweep(file)))
    return [line.removeprefix(f"{file}:") for line in str(caught.value).splitlines()]


def test_a_sweep_that_asks_for_nothing_special_has_all_its_engines() -> None:
    assert missing_engines(read_sweep(VALID / "quickstart.yaml")) == []
    for searcher in SEARCHERS.keys() - {"one_shot"}:  # which needs an architecture
        assert missing_engines(Sweep.make(GOOD | {"searcher": searcher})) == []
    for scheduler in SCHEDULERS:
        assert missing_engines(Sweep.make(GOOD | {"scheduler": scheduler, "fidelity": {"max": 9}})) == []


@pytest.mark.parametrize("file", ["cnn-pbt", "nas-regularized-evolution", "tabular-asha-tpe"])
def test_the_long_examples(file: str) -> None:
    expected = (VALID / f"{file}.txt").read_text(encoding="utf-8").replace("<searchers>", one_of(SEARCHERS))
    assert missing(VALID / f"{file}.yaml") == expected.splitlines()


@pytest.mark.parametrize("path", sorted({line.path for line in _MISSING} - {"scheduler.type"}))
def test_every_line_of_the_table_names_what_asks_for_it(path: str) -> None:
    problems = missing_engines(Sweep.make(GOOD | ASKED[path]))
    asked = [re.sub(r"\.\d+\b", ".*", ".".join(map(str, problem.where))) for problem in problems]
    assert path in asked
    assert all(" is not in this version: " in problem.message for problem in problems)


TWO = [{"metric": "loss", "goal": "minimize", "reference": 3}, {"metric": "ms", "goal": "minimize"}]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"objectives": TWO}, []),
        ({"objectives": TWO, "export": {"select": "knee"}}, []),
        (
            {"objectives": TWO[:1]},
            ["objectives.0.reference: measuring from a reference is of a front, and one objective has none: remove it"],
        ),
        (
            {"objectives": TWO, "searcher": "hyperopt"},
            [f"searcher: looking for a front with hyperopt is not in this version: use {FRONTS}"],
        ),
        (
            {"objectives": TWO, "leaderboard": {"replicate": "race"}},
            [
                "leaderboard.replicate: sharing replicates out by several objectives is not in this version: write "
                "replicate: top_k (what is weak in the first objective may be on the front)"
            ],
        ),
    ],
)
def test_what_looks_at_one_objective_is_refused_where_there_are_several(
    changes: dict[str, Any], expected: list[str]
) -> None:
    assert [str(one) for one in missing_engines(Sweep.make(GOOD | changes))] == expected
