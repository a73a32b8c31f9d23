"""What the engine costs beside Ray Tune at its best, how busy it keeps workers, and how far it scales.

Engine: trivial trials of five reports on two Ray workers, with our engine and with ``tune.Tuner`` (a class trainable,
``reuse_actors``, no loggers, no snapshots, its own random search), in turns on the same machine. Each run has a process
and a private Ray of its own. Measured from the 5th to the last percent of the trials, so that neither start nor end
counts:

- trials per second, by the wall clock;
- CPU time of the driver for each trial, all threads;
- growth of the driver's private memory for each trial, from the 20th percent on;
- slowdown: CPU time for a trial in the last quarter against the first, and with many trials against few.

Targets are for trials that make all five reports; with asha most are stopped after one or two, so that there is less to
do for each trial and more for each report.

Utilisation: trials that sleep five times 0.2 s; the share of the workers' time that is spent in them.

Virtual: asynchronous successive halving on simulated workers, by the wall clock.

    python benchmarks/engine.py --output engine.json
    python benchmarks/engine.py --only virtual --large
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

REPORTS, WORKERS = 5, 2
MOST = 0.05, 0.20  # shares of the trials before which time and memory do not count
TARGETS = {"rate": 4.0, "cpu": 0.25, "memory_kb": 5.0, "slowdown": 1.10, "busy": 0.95, "virtual_s": 10.0}
TUNE_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",
    "RAY_AIR_NEW_OUTPUT": "0",
}
MARK = "result: "
Json = dict[str, Any]


# One run, in a process of its own


class Samples:
    """Wall clock, CPU time and private memory of this process against the number of trials that are over."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, float, float, float]] = []

    def take(self, done: int) -> None:
        """Look, unless nothing has ended since the last look."""
        if not self._rows or done > self._rows[-1][0]:
            self._rows.append((done, time.perf_counter(), time.process_time(), private_kb()))

    def facts(self, trials: int) -> Json:
        """Rates over the run, and in its quarters."""
        early, late = self._between(MOST[0], 0.25, trials), self._between(0.75, 1.0, trials)
        whole, grown = self._between(MOST[0], 1.0, trials), self._between(MOST[1], 1.0, trials)
        return {
            "rate": 1 / whole[0],
            "cpu_ms": 1e3 * whole[1],
            "memory_kb": grown[2],
            "cpu_ms_first_quarter": 1e3 * early[1],
            "cpu_ms_last_quarter": 1e3 * late[1],
            "rate_first_quarter": 1 / early[0],
            "rate_last_quarter": 1 / late[0],
        }

    def _between(self, first: float, last: float, trials: int) -> tuple[float, float, float]:
        """Seconds, CPU seconds and kB for each trial, between two shares of the trials."""
        start = next(row for row in self._rows if row[0] >= first * trials)
        end = next((row for row in self._rows if row[0] >= last * trials), self._rows[-1])
        count = max(1, end[0] - start[0])
        return (end[1] - start[1]) / count, (end[2] - start[2]) / count, (end[3] - start[3]) / count


def private_kb() -> float:
    """Memory of this process that it shares with no other."""
    resident, shared = map(int, Path("/proc/self/statm").read_text().split()[1:3])
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE") / 1024


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A short one, because Ray puts sockets into it."""
    path = Path(tempfile.mkdtemp(prefix="ab-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def ours(scheduler: str, trials: int, pause: float) -> Json:
    """A search by our engine."""
    from assay.cluster import PhaseRunner, Progress, RayExecutor, Silent
    from assay.search import Ledger, Sweep
    from assay.trainables import TrainableRef

    def train(config: Json, trial: Any) -> Iterator[Json]:
        for step in trial.steps():
            time.sleep(pause)
            yield {"loss": (config["x"] - 0.3) ** 2 + 1 / (step + 1)}

    class Watch(Silent):
        def update(self, progress: Progress) -> None:
            samples.take(progress.done)

    samples = Samples()
    sweep = Sweep(
        name="engine",
        objectives=[{"metric": "loss", "goal": "minimize"}],
        parameters={"x": "uniform(0.0, 1.0)", "lr": "loguniform(1e-4, 1e-1)"},
        searcher="random",
        scheduler=scheduler,
        fidelity={"max": REPORTS},
        budget={"trials": trials},
    )
    with folder() as store, contextlib.closing(Ledger(store, create=True)) as ledger:
        record = ledger.create_sweep(sweep, str(store))
        executor = RayExecutor(TrainableRef("train", str(store), train), workers=WORKERS)
        with contextlib.closing(executor):
            executor.open()
            runner = PhaseRunner(ledger, record, executor, clock=time.monotonic, observer=Watch())
            began = time.perf_counter()
            runner.search()
            wall = time.perf_counter() - began
        recorded = ledger.trials(record)
    busy = sum(trial.seconds for trial in recorded)
    return samples.facts(trials) | {"trials": len(recorded), "busy": busy / (WORKERS * wall), "wall": wall}


def tunes(scheduler: str, trials: int, pause: float) -> Json:
    """A search by Ray Tune."""
    os.environ.update(TUNE_SETTINGS)
    import ray
    from ray import tune
    from ray.tune.schedulers import AsyncHyperBandScheduler

    class Trivial(tune.Trainable):  # type: ignore[misc]
        def setup(self, config: Json) -> None:
            self._x, self._step = config["x"], 0

        def reset_config(self, new_config: Json) -> bool:
            self.setup(new_config)
            return True

        def step(self) -> Json:
            time.sleep(pause)
            self._step += 1
            return {"loss": (self._x - 0.3) ** 2 + 1 / self._step}

    class Watch(tune.Callback):  # type: ignore[misc]
        over, seconds, began, last = 0, 0.0, 0.0, 0.0

        def on_trial_start(self, *arguments: Any, **more: Any) -> None:
            self.began = self.began or time.perf_counter()

        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Json, **info: Any) -> None:
            self.seconds += result["time_this_iter_s"]

        def on_trial_complete(self, *arguments: Any, **more: Any) -> None:
            self.over, self.last = self.over + 1, time.perf_counter()

        def on_step_end(self, *arguments: Any, **more: Any) -> None:
            if time.perf_counter() - self.looked >= 0.1 or self.over == count:
                self.looked = time.perf_counter()
                samples.take(self.over)

        looked = 0.0

    samples, watch, count = Samples(), Watch(), trials
    asha = AsyncHyperBandScheduler("training_iteration", "loss", "min", REPORTS, grace_period=1, reduction_factor=3)
    with folder() as place:
        ray.init(
            "local",
            num_cpus=max(WORKERS, os.cpu_count() or 1),
            include_dashboard=False,
            object_store_memory=200_000_000,
            log_to_driver=False,
            logging_level="ERROR",
            _temp_dir=str(place),
        )
        tuner = tune.Tuner(
            Trivial,
            param_space={"x": tune.uniform(0.0, 1.0), "lr": tune.loguniform(1e-4, 1e-1)},
            tune_config=tune.TuneConfig(
                num_samples=trials,
                max_concurrent_trials=WORKERS,
                reuse_actors=True,
                scheduler=asha if scheduler == "asha" else None,
            ),
            run_config=tune.RunConfig(
                storage_path=str(place),
                stop={"training_iteration": REPORTS},
                callbacks=[watch],
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        tuner.fit()
        ray.shutdown()
    wall = watch.last - watch.began
    return samples.facts(trials) | {"trials": watch.over, "busy": watch.seconds / (WORKERS * wall), "wall": wall}


def virtual(workers: int, trials: int) -> Json:
    """A search in simulated time."""
    from assay.cluster import PhaseRunner, Silent
    from assay.cluster.virtual_executor import VirtualExecutor
    from assay.search import Ledger, Sweep
    from assay.trainables import TrialSpec

    def curve(spec: TrialSpec, step: int) -> tuple[Json, float]:
        x = spec.config["x"]
        return {"loss": (x - 0.3) ** 2 + 1 / step}, 1.0 + x / 10 + (spec.number * 7919 % 101) / 1000

    sweep = Sweep(
        name="virtual",
        objectives=[{"metric": "loss", "goal": "minimize"}],
        parameters={"x": "uniform(0.0, 1.0)", "lr": "loguniform(1e-4, 1e-1)"},
        searcher="random",
        scheduler="asha",
        fidelity={"max": 81},
        budget={"trials": trials},
    )
    with folder() as store, contextlib.closing(Ledger(store, create=True)) as ledger:
        record = ledger.create_sweep(sweep, str(store))
        executor = VirtualExecutor(curve, workers)
        runner = PhaseRunner(ledger, record, executor, clock=executor.clock, observer=Silent(), lazy=True)
        began, used = time.perf_counter(), time.process_time()
        runner.search()
        wall, cpu = time.perf_counter() - began, time.process_time() - used
        reports = sum(len(trial.reports) for trial in ledger.trials(record))
    return {"wall": wall, "cpu": cpu, "decisions": reports, "hours": executor.clock() / 3600}


RUNS: dict[str, Callable[..., Json]] = {"ours": ours, "tune": tunes, "virtual": virtual}


# All runs


def measured(run: str, **options: Any) -> Json:
    """What a run in a fresh process measured."""
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, __file__, "--run", json.dumps({"run": run, **options})]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith(MARK)), None)
    if line is None:
        raise SystemExit(f"{run} {options} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    found: Json = {"run": run, **options, **json.loads(line.removeprefix(MARK)), "load": os.getloadavg()[0]}
    shown = {key: round(value, 3) if isinstance(value, float) else value for key, value in found.items()}
    print(json.dumps(shown), flush=True)
    return found


def engine(options: argparse.Namespace) -> list[Json]:
    """Both engines in turns."""
    return [
        measured(run, scheduler=scheduler, trials=trials, pause=0.0) | {"repetition": repetition}
        for repetition in range(options.repetitions)
        for trials in options.trials
        for scheduler in options.schedulers
        for run in ("ours", "tune")
    ]


def pairs(rows: list[Json], scheduler: str, trials: int) -> list[tuple[Json, Json]]:
    """Ours and Ray Tune's of the same repetition."""
    same = [row for row in rows if (row["scheduler"], row["trials"]) == (scheduler, trials)]
    return list(zip(*([row for row in same if row["run"] == run] for run in ("ours", "tune")), strict=True))


def judged(rows: list[Json]) -> list[Json]:
    """Medians for each scheduler and number of trials, and what the targets say."""
    found = []
    for scheduler in dict.fromkeys(row["scheduler"] for row in rows):
        sizes = sorted({row["trials"] for row in rows if row["scheduler"] == scheduler})
        for trials in sizes:
            both = pairs(rows, scheduler, trials)
            facts: Json = {"scheduler": scheduler, "trials": trials}
            for key in ("rate", "cpu_ms", "memory_kb"):
                facts |= {
                    f"{key}_ours": _median(a[key] for a, _ in both),
                    f"{key}_tune": _median(b[key] for _, b in both),
                }
            facts["rate"] = _median(a["rate"] / b["rate"] for a, b in both)
            facts["cpu"] = _median(a["cpu_ms"] / b["cpu_ms"] for a, b in both)
            facts["quarters"] = _median(a["cpu_ms_last_quarter"] / a["cpu_ms_first_quarter"] for a, _ in both)
            facts["quarters_tune"] = _median(b["cpu_ms_last_quarter"] / b["cpu_ms_first_quarter"] for _, b in both)
            first = next((known for known in found if known["scheduler"] == scheduler), facts)
            facts["sizes"] = facts["cpu_ms_ours"] / first["cpu_ms_ours"]
            facts["sizes_tune"] = facts["cpu_ms_tune"] / first["cpu_ms_tune"]
            found.append(facts)
    return found


def _median(values: Iterator[float]) -> float:
    return statistics.median(values)


def show(facts: list[Json]) -> bool:
    """Print the table; whether every target is reached."""
    print(
        f"\n{'scheduler':9} {'trials':>6} | {'trials/s':>15} {'ratio':>7} | {'driver ms/trial':>15} {'ratio':>7} | "
        f"{'kB/trial':>13} | {'last/first quarter':>18} | {'against fewest':>14}"
    )
    fine = True
    for row in facts:
        enough = row["trials"] >= max(other["trials"] for other in facts)  # little memory cannot be told from none
        checks = {
            "rate": row["rate"] >= TARGETS["rate"],
            "cpu": row["cpu"] <= TARGETS["cpu"],
            "memory": row["memory_kb_ours"] <= TARGETS["memory_kb"] or not enough,
            "quarters": row["quarters"] < TARGETS["slowdown"],
            "sizes": row["sizes"] < TARGETS["slowdown"],
        }
        judges = row["scheduler"] == "none"
        missed = [name for name, reached in checks.items() if judges and not reached]
        fine &= not missed
        print(
            f"{row['scheduler']:9} {row['trials']:6} "
            f"| {row['rate_ours']:7.1f} {row['rate_tune']:7.1f} {row['rate']:6.1f}x "
            f"| {row['cpu_ms_ours']:7.2f} {row['cpu_ms_tune']:7.2f} {row['cpu']:7.2f} "
            f"| {row['memory_kb_ours']:6.1f} {row['memory_kb_tune']:6.1f} "
            f"| {row['quarters']:9.2f} {row['quarters_tune']:8.2f} | {row['sizes']:7.2f} {row['sizes_tune']:6.2f} "
            f"| {'missed: ' + ', '.join(missed) if missed else 'all targets' if judges else ''}"
        )
    print("(each pair: ours, Ray Tune)")
    return fine


def utilisation(options: argparse.Namespace) -> tuple[list[Json], bool]:
    """Trials of a second, on both engines."""
    rows = [measured(run, scheduler="none", trials=options.seconds, pause=0.2) for run in ("ours", "tune")]
    share = rows[0]["busy"]
    verdict = "reached" if share >= TARGETS["busy"] else "missed"
    print(f"\nworkers busy with trials of one second: {share:.1%} (Ray Tune {rows[1]['busy']:.1%}), target {verdict}")
    return rows, share >= TARGETS["busy"]


def simulations(options: argparse.Namespace) -> tuple[list[Json], bool]:
    """Simulated sweeps of growing size."""
    sizes = [(1_000, 10_000), (10_000, 100_000)] if options.large else [(1_000, 10_000)]
    rows = [measured("virtual", workers=workers, trials=trials) for workers, trials in sizes]
    print()
    for row in rows:
        print(
            f"virtual, {row['workers']} workers, {row['trials']} trials: {row['wall']:.1f} s ({row['cpu']:.1f} s CPU), "
            f"{row['decisions']} decisions, {row['decisions'] / row['wall']:.0f} a second"
        )
    fine = rows[0]["wall"] < TARGETS["virtual_s"]
    print(f"target of {TARGETS['virtual_s']:g} s {'reached' if fine else 'missed'}")
    return rows, fine


def main() -> None:
    """All parts, one after the other; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("engine", "utilisation", "virtual")
    parser.add_argument("--only", choices=parts, nargs="+", default=parts, help="parts to run; all by default")
    parser.add_argument("--trials", type=int, nargs="+", default=[500, 2000, 5000], help="trials of a run")
    parser.add_argument("--schedulers", nargs="+", choices=("none", "asha"), default=["none", "asha"])
    parser.add_argument("--repetitions", type=int, default=3, help="of each run")
    parser.add_argument("--seconds", type=int, default=40, help="trials of one second for the utilisation")
    parser.add_argument("--large", action="store_true", help="also simulate 10,000 workers with 100,000 trials")
    parser.add_argument("--output", type=Path, help="JSON file")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        wanted = json.loads(options.run)
        print(MARK + json.dumps(RUNS[wanted.pop("run")](**wanted)), flush=True)
        return
    report: Json = {"targets": TARGETS, "cores": os.cpu_count(), "load": os.getloadavg()}
    fine = []
    if "engine" in options.only:
        report["runs"] = engine(options)
        report["engine"] = judged(report["runs"])
        fine.append(show(report["engine"]))
    if "utilisation" in options.only:
        report["utilisation"], reached = utilisation(options)
        fine.append(reached)
    if "virtual" in options.only:
        report["virtual"], reached = simulations(options)
        fine.append(reached)
    if options.output:
        options.output.write_text(json.dumps(report, indent=2))
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
