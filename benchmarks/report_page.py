"""The report of a large search: how large it is, and how long it takes to write and to show."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import assay
from assay.search import Journal, Ledger, Phase, Report, State, Sweep, Trial
from assay.spaces import Config

Json = dict[str, Any]
LARGEST = 600_000
"""Target: bytes of the file."""
LONGEST = 2.0
"""Target: seconds until everything is drawn in a browser."""
SPEC: Json = {
    "name": "large",
    "objectives": [{"metric": "accuracy", "goal": "maximize"}],
    "parameters": {
        "optimizer": ["adamw", "sgd"],
        "lr": {"min": 1e-5, "max": 1e-1, "log": True},
        "momentum": {"min": 0.0, "max": 0.99, "when": {"optimizer": "sgd"}},
        "weight_decay": "loguniform(1e-6, 1e-1)",
        "layers": "int(1, 6)",
        "hidden": "logint(16, 1024)",
        "dropout": "uniform(0.0, 0.5)",
        "model.norm": ["none", "batch", "layer"],
        "batch_size": [32, 64, 128, 256],
    },
    "scheduler": {"type": "asha", "eta": 3},
    "fidelity": {"unit": "epoch", "max": 27},
    "leaderboard": {"top": 10, "seeds": 5},
}
_RUNGS = (1, 3, 9)


def report(arguments: argparse.Namespace) -> tuple[Json, bool]:
    """Bytes, seconds to write and seconds to show, and whether both targets are met."""
    with tempfile.TemporaryDirectory() as folder:
        _record(Path(folder), arguments.trials)
        results = assay.load("large", folder)
        start = time.perf_counter()
        path = results.report()
        wall = time.perf_counter() - start
        size = path.stat().st_size
        shown = _shown(path)
    print(f"{arguments.trials:,} trials, {len(SPEC['parameters'])} parameters")
    print(f"file    {size / 1000:8.0f} kB (target {LARGEST / 1000:.0f})")
    print(f"written {wall:8.2f} s")
    print(
        "shown   not measured: no node, no Chromium, or no `make setup`" if shown is None else f"shown   {shown:8.2f} s"
    )
    good = size <= LARGEST and (shown is None or shown <= LONGEST)
    return {"trials": arguments.trials, "bytes": size, "write_seconds": wall, "shown_seconds": shown}, good


def _record(store: Path, count: int) -> None:
    """A finished sweep: curves that saturate, two thirds stopped at each rung, the best replicated."""
    import numpy as np

    ledger = Ledger(store, create=True)
    record = ledger.create_sweep(Sweep.make(SPEC | {"budget": {"trials": count}}), str(store))
    rng, journal = np.random.default_rng(0), ledger.journal(record)
    default = record.sweep.parameters.default()
    ends: list[tuple[float, int, Config]] = []
    for number, config in enumerate([default, *record.sweep.parameters.sample_many(rng, count - 1)]):
        luck = float(rng.uniform())
        steps = 27 if number == 0 or luck > 1 - 1 / 27 else _RUNGS[min(2, int(-np.log(1 - luck) / np.log(3)))]
        top = 0.9 + 0.07 * luck - 0.01 * abs(float(np.log10(config["lr"])) + 2.5) + float(rng.normal(0, 0.003))
        curve = [top - 0.5 * float(np.exp(-step / 3)) for step in range(1, steps + 1)]
        state = State.COMPLETE if steps == 27 else State.STOPPED
        _add(journal, Trial(number, Phase.SEARCH, state, config, seed=0, split=0, seconds=0.3 * steps), curve)
        if state is State.COMPLETE:
            ends.append((top, number, config))
    finalists = sorted(ends, key=lambda end: -end[0])[:10] + [end for end in ends if end[1] == 0]
    shared = rng.normal(0, 0.004, 6)
    for place, (top, parent, config) in enumerate({end[1]: end for end in finalists}.values()):
        for split in range(1, 6):
            number = count + 5 * place + split - 1
            trial = Trial(number, Phase.REPLICATE, State.COMPLETE, config, seed=split, split=split, parent=parent)
            _add(
                journal, replace(trial, resplit=True, seconds=8.0), [top + shared[split] + float(rng.normal(0, 0.002))]
            )
    journal.commit()
    journal.close()
    ledger.set_state(record, "finished")
    ledger.close()


def _add(journal: Journal, trial: Trial, curve: list[float]) -> None:
    order = 100 * trial.number
    reports = tuple(
        Report(step, {"accuracy": value}, elapsed=1.7 * trial.number + 0.3 * step, order=order + step)
        for step, value in enumerate(curve, start=1)
    )
    journal.add(replace(trial, state=State.RUNNING, started=order))
    for one in reports:
        journal.report(trial.number, one)
    journal.update(replace(trial, started=order, ended=order + 50, reports=reports))


def _shown(path: Path) -> float | None:
    """Seconds until everything is drawn: the median of three visits; None where there is no browser."""
    driver = Path(assay.__file__).parent / "tests" / "browser"
    node = shutil.which("node")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if node is None or browser is None or not (driver / "node_modules" / "playwright-core").exists():
        return None
    command = [node, str(driver / "timing.mjs"), browser, path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    times: list[float] = sorted(json.loads(done.stdout))
    return times[1] / 1000
