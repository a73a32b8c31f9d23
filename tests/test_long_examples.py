"""The long examples and the presets run under every searcher, with a stub in place of the network.

They do not run as they stand. :func:`runnable` keeps the parameters, constraints, objectives, scheduler and fidelity,
and replaces the searcher, the budget (three trials), the resources and the cluster (what is there), the sizes of the
leaderboard and the population of PBT; a prefilter compares with fewer networks. Sections without engine in this version
are taken out as their messages say.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import assay
from assay.search import Phase, State, Sweep, missing_engines, registry
from assay.search.yaml_reader import read_yaml

VALID = Path(__file__).parent / "search" / "sweeps" / "valid"
LONG = ["tabular-asha-tpe", "cnn-pbt", "nas-regularized-evolution"]
SEARCHERS = ["random", "tpe", "hyperopt"]
PRESETS = {
    "optimizer": "preset(sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw)",
    "schedule": "preset(constant, step, exponential, cosine, warm_restarts, one_cycle, warmup)",
    "regularization": "preset(l1, l2, dropout, label_smoothing, clipping, augmentation)",
    "batch_size": "preset(batch_size)",
}


def stub(config: dict[str, Any], trial: Any) -> Iterator[dict[str, float]]:
    """Numbers that depend on the config, as a network's would."""
    luck = zlib.crc32(repr(sorted(config.items(), key=str)).encode()) / 2**32
    for step in trial.steps():
        trial.save_checkpoint(lambda folder: (folder / "weights").write_text("none"))
        curve = luck * (1 - math.exp(-step / 5))
        yield {
            "val_auc": curve,
            "val_accuracy": curve,
            "latency_ms": 10 + luck,
            "params_m": 1 + luck,
            "flops_m": 100 + luck,
        }


def runnable(raw: Any, searcher: str) -> Sweep:
    """Three trials of a sweep, without what has no engine in this version: each of it is named, and taken out."""
    few = {"trials": 3, "concurrent": 2}
    scheduler = raw.get("scheduler", "none")
    if isinstance(scheduler, Mapping) and scheduler["type"] == "pbt":
        scheduler = {**scheduler, "population": 3}
    if not registry.SEARCHERS[searcher].several:
        raw = {key: value for key, value in raw.items() if key != "export"}
        raw["objectives"] = [{k: v for k, v in raw["objectives"][0].items() if k != "reference"}]
    raw = raw | {
        "searcher": searcher,
        "scheduler": scheduler,
        "budget": few,
        "resources": {},
        "cluster": {},
        "leaderboard": {"top": 2, "seeds": 2},
    }
    for problem in sorted(missing_engines(Sweep(**raw)), key=lambda problem: problem.where, reverse=True):
        raw.pop(problem.where[0], None)
    return Sweep(**raw)


@pytest.mark.parametrize("searcher", SEARCHERS)
@pytest.mark.parametrize("name", LONG)
def test_a_long_example_runs(name: str, searcher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.search.nas.screening._REFERENCES", 8)  # of 64; each is built and run
    sweep = runnable(read_yaml((VALID / f"{name}.yaml").read_text()).value, searcher)
    assert sweep.searcher.type == searcher
    assert missing_engines(sweep) == []
    check(sweep, tmp_path)


@pytest.mark.parametrize("searcher", SEARCHERS)
def test_the_presets_run(searcher: str, tmp_path: Path) -> None:
    raw = {
        "name": "presets",
        "objectives": [{"metric": "val_auc", "goal": "maximize"}],
        "parameters": PRESETS,
        "fidelity": {"unit": "epoch", "min": 1, "max": 9},
        "scheduler": "asha",
    }
    check(runnable(raw, searcher), tmp_path)


def check(sweep: Sweep, store: Path) -> None:
    """Three different valid configs were searched, the default first, and there is a winner."""
    results = assay.run(sweep, stub, store=store, inline=True, progress=False)
    searched = results.phase(Phase.SEARCH)
    assert len(searched) == 3
    assert all(trial.state in (State.COMPLETE, State.STOPPED) for trial in searched), [t.reason for t in searched]
    configs = [trial.segments[0].config if trial.segments else trial.config for trial in searched]
    assert configs[0] == sweep.parameters.default()
    assert len(set(configs)) == 3
    assert [sweep.parameters.validate(config) for config in configs] == configs
    assert results.leaderboard().winner is not None
