"""The leaderboard of a very large search: how long until it is shown, and what of that grows with the search."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import assay
from assay.search import Ledger, Phase, Report, State, Sweep, Trial

Json = dict[str, Any]
MOST = 1.0
"""Target: CPU seconds from opening the store to the leaderboard."""
SPEC: Json = {
    "objectives": [{"metric": "loss", "goal": "minimize"}],
    "parameters": {f"x{index}": "loguniform(1e-5, 1)" for index in range(6)}
    | {"optimizer": ["adam", "sgd"], "layers": "int(1, 64)"},
    "scheduler": "asha",
    "fidelity": {"max": 9},
    "leaderboard": {"top": 5, "seeds": 5},
}
_STEPS = 9
_FULL, _FAILED = 0.2, 0.05  # shares of the trials; the others were stopped


def leaderboard(arguments: argparse.Namespace) -> tuple[Json, bool]:
    """CPU seconds of the leaderboard and of the commands, and whether the first is within the target."""
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for name, trials in (("large", arguments.trials), ("small", 20)):
            record(Path(folder), name, trials)
        size = (Path(folder) / "ledger.db").stat().st_size
        assay.load("small", folder).leaderboard()  # libraries are loaded
        start = time.process_time()
        board = assay.load("large", folder).leaderboard()
        ours = time.process_time() - start
        start = time.process_time()
        everything = assay.load("large", folder)
        found = len(everything.trials)
        read = time.process_time() - start
        same = everything.leaderboard() == board
        commands = {words: _command(folder, *words.split()) for words in _COMMANDS}
    print(f"{found:,} trials of {len(SPEC['parameters'])} parameters, {size / 1e6:.0f} MB")
    print(f"leaderboard          {ours:6.2f} CPU s (target {MOST}); the same from all trials: {same}")
    print(f"all trials read      {read:6.2f} CPU s")
    for words, seconds in commands.items():
        print(f"assay {words:18} {seconds:6.2f} CPU s")
    facts = {"cpu_seconds": ours, "all_trials_cpu_seconds": read, "same": same, "megabytes": size / 1e6}
    return facts | {"commands": commands}, same and ours < MOST


_COMMANDS = ("leaderboard small", "leaderboard large", "list", "show large 5", "show large")


def record(store: Path, name: str, trials: int) -> None:
    """A search of so many trials with 1 to 9 reports, and five replicates of each finalist."""
    sweep = Sweep.make(SPEC | {"name": name, "budget": {"trials": trials}})
    ledger = Ledger(store, create=True)
    row = ledger.create_sweep(sweep, str(store))
    rng = np.random.default_rng(0)
    journal = ledger.journal(row, lazy=True)
    order = 0
    for number, config in enumerate([sweep.parameters.default(), *sweep.parameters.sample_many(rng, trials - 1)]):
        luck, base = rng.random(2)
        full = luck < _FULL or number == 0
        state = State.COMPLETE if full else State.FAILED if luck > 1 - _FAILED else State.STOPPED
        noise = rng.random(_STEPS if full else int(rng.integers(1, _STEPS)))
        order = _add(journal, Trial(number, Phase.SEARCH, state, config, seed=1, split=0), base + noise, order)
        journal.commit()
    journal.commit(force=True)
    numbers = iter(range(trials, 2 * trials + 1000))
    for finalist in assay.load(name, store).replication().finalists:
        for split in range(1, sweep.leaderboard.seeds + 1):
            own = Trial(next(numbers), Phase.REPLICATE, State.COMPLETE, finalist.config, split, split, finalist.number)
            order = _add(journal, own, rng.random(_STEPS), order)
    journal.commit(force=True)
    journal.close()
    ledger.set_state(row, "finished")
    ledger.close()


def _add(journal: Any, trial: Trial, values: Any, order: int) -> int:
    """Record a trial that is over; the next free position among the events."""
    fields = vars(trial) | {"asked": order, "started": order, "attempts": 1, "seconds": float(len(values))}
    order += 1
    for step, value in enumerate(values.tolist(), 1):
        journal_report = Report(step, {"loss": value, "size": 3}, float(order), order, seconds=float(step))
        journal.report(trial.number, journal_report)
        order += 1
    journal.add(Trial(**fields | {"ended": order}))
    return order + 1


def _command(store: str, *words: str) -> float:
    """CPU seconds of a command, with its start."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    command = [sys.executable, "-m", "assay", *words, "--store", store]
    subprocess.run(command, env=plain, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
