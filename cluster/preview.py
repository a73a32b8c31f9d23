"""What is known of a sweep before it runs: its space, rungs and runs, what it will be able to decide."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis import text
from ..analysis.ensembles import MOST_MEMBERS
from ..analysis.inference.power import Resolution, resolution
from ..search import Phase, Sweep, trial_seed
from ..spaces import Space, TrainableError
from ..trainables import Failed, Reported, Session, Trainable
from .environment import Surroundings
from .expectation import expected_trials
from .open_trial import OpenTrial
from .supernets import one_shot

_DRAWS = 2000


@dataclass(frozen=True)
class SpaceSize:
    """How large a space is.

    Args:
        configs: ``inf`` with a continuous parameter.
        bound: whether that is only an upper bound, because there is too much to go through.
        feasible: share of random configs that meet the constraints; 1 without any.
    """

    configs: float
    bound: bool
    feasible: float


@dataclass(frozen=True)
class Rung:
    """A step at which trials are compared, or the end of a full run.

    Args:
        trials: how many are expected to come as far; None when that depends on their curves.
    """

    step: int
    trials: float | None


@dataclass(frozen=True)
class Runs:
    """How many runs there are at most; ``None`` where the number of trials is open.

    Args:
        search, replicates, tests: tests train nothing where the model of their run was kept.
        finalists, seeds: that make the replicates.
        method: by which they are shared out.
        search_units, replicate_units: of training, at most; None without a fidelity.
        expected_units: of the search, as the rungs let expect.
    """

    search: int | None
    replicates: int
    tests: int
    finalists: int
    seeds: int
    method: str
    search_units: int | None
    replicate_units: int | None
    expected_units: float | None


@dataclass(frozen=True)
class Supernet:
    """What is trained before a one-shot search, which no budget limits.

    Args:
        epochs: of its training, at most.
        trials: that the search takes for all that it is asked for: the configs that are always tried, its architectures
            and the random ones.
    """

    epochs: int
    trials: int


@dataclass(frozen=True)
class Preview:
    """All of it.

    Args:
        strategy: of the searcher, where it has several.
        supernet: None without one.
        rungs: of the scheduler, the full run last; empty without a fidelity.
        unit: of the fidelity.
        search_ends: what ends the search, in words; whichever is first.
        limits: on what trials report, in words.
        front: what several objectives mean for the run, in words; empty with one.
        decides: None where there is nothing to compare, or the test is another one.
    """

    searcher: str
    strategy: str | None
    supernet: Supernet | None
    scheduler: str
    space: SpaceSize
    default: dict[str, Any]
    rungs: tuple[Rung, ...]
    unit: str | None
    runs: Runs
    search_ends: tuple[str, ...]
    limits: tuple[str, ...]
    front: tuple[str, ...]
    decides: Resolution | None

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it; ``space.configs`` is null when there are infinitely many."""
        document = asdict(self)
        if self.space.configs == math.inf:
            document["space"]["configs"] = None
        return document


def preview(sweep: Sweep) -> Preview:
    """What the sweep file alone tells of a sweep."""
    space = space_size(sweep.parameters)
    trials = most_trials(sweep, space)
    rungs = _rungs(sweep, trials)
    runs = _runs(sweep, trials, rungs)
    board = sweep.leaderboard
    tested = board.replicate == "top_k" and board.test in ("auto", "mcb", "paired_t")
    return Preview(
        searcher=sweep.searcher.type,
        strategy=getattr(sweep.searcher, "strategy", None),
        supernet=_supernet(sweep),
        scheduler=sweep.scheduler.type,
        space=space,
        default=sweep.parameters.default().nested(),
        rungs=rungs,
        unit=sweep.fidelity.unit if sweep.fidelity else None,
        runs=runs,
        search_ends=tuple(_endings(sweep, space)),
        limits=tuple(map(str, sweep.objective.limits)),
        front=tuple(_front(sweep)),
        decides=resolution(runs.finalists, board.seeds, board.alpha) if tested else None,
    )


def space_size(space: Space) -> SpaceSize:
    """Size of a space, and what its constraints leave of it."""
    counted = space.counted
    if not space.constraints:
        return SpaceSize(counted.number, not counted.exact, 1.0)
    free = space.with_constraints(())
    draws = free.sample_many(np.random.default_rng(0), _DRAWS)
    share = sum(map(space.feasible, draws)) / _DRAWS
    return SpaceSize(counted.number, not counted.exact, share)


def most_trials(sweep: Sweep, space: SpaceSize) -> int | None:
    """Trials of the search at most; None when nothing but time or money ends it."""
    limit = sweep.budget.trials
    if space.configs == math.inf:
        return limit
    return int(space.configs) if limit is None else min(limit, int(space.configs))


def _supernet(sweep: Sweep) -> Supernet | None:
    options = one_shot(sweep)
    return Supernet(options.epochs, len(sweep.given) + options.top + options.samples) if options else None


def _rungs(sweep: Sweep, trials: int | None) -> tuple[Rung, ...]:
    fidelity = sweep.granted
    if fidelity is None:
        return ()
    expected = expected_trials(sweep, trials) if trials is not None else None
    if expected is not None:
        return tuple(Rung(step, count) for step, count in expected.items())
    return tuple(Rung(step, None) for step in [*sweep.scheduler.rungs(fidelity), fidelity.max])


def _runs(sweep: Sweep, trials: int | None, rungs: tuple[Rung, ...]) -> Runs:
    board, length = sweep.leaderboard, sweep.fidelity.max if sweep.fidelity else None
    most = board.top + len(sweep.given)  # the default config and the rivals
    finalists = min(most, most if trials is None else max(trials, len(sweep.given)))
    replicates = (board.budget or finalists * board.seeds) + board.confirm
    return Runs(
        search=trials,
        replicates=replicates,
        tests=replicates + int(min(MOST_MEMBERS + 1, math.inf if trials is None else trials)),  # and the best single
        finalists=finalists,
        seeds=board.seeds,
        method=board.replicate,
        search_units=trials * length if trials is not None and length is not None else None,
        replicate_units=replicates * length if length is not None else None,
        expected_units=_units(rungs),
    )


def _units(rungs: tuple[Rung, ...]) -> float | None:
    """Units of training of all trials, when those that leave do so at a rung."""
    steps = [0, *(rung.step for rung in rungs)]
    shares = [rung.trials for rung in rungs if rung.trials is not None]
    if not rungs or len(shares) < len(rungs):
        return None
    return sum(count * (step - before) for count, before, step in zip(shares, steps, steps[1:], strict=False))


def _front(sweep: Sweep) -> Iterator[str]:
    objective = sweep.objective
    if not objective.others:
        return
    wanted = ", ".join(f"{one.goal} {one.metric}" for one in objective.each)
    yield f"{wanted}: finalists come front by front, on a front by what they add to its hypervolume"
    if sweep.scheduler.stops_by != "nothing":
        yield f"{sweep.scheduler.type} compares trials by {sweep.compared.metric} alone (scheduler.metric)"
    yield f"the leaderboard tests {objective.metric} alone; `assay front` compares in everything"
    free = [one.metric for one in objective.each if one.reference is None]
    if free:
        yield f"without a reference for {' and '.join(free)}, hypervolumes of different sweeps do not compare"


def _endings(sweep: Sweep, space: SpaceSize) -> Iterator[str]:
    budget = sweep.budget
    aims = [f"{one.metric} reaches {one.target:g}" for one in sweep.objective.each if one.target is not None]
    failed = sweep.cluster.retry.max_failed
    limits = (
        (budget.trials, "after {} trials"),
        (budget.time and text.seconds(budget.time), "after {}"),
        (budget.cpu_hours, "after {:g} CPU hours of training"),
        (budget.gpu_hours, "after {:g} GPU hours of training"),
        (budget.cost_usd, "after {:g} USD of training"),
        (budget.patience, "when {} trials in a row bring nothing better"),
        (" and ".join(aims) or None, "when {} in one trial" if len(aims) > 1 else "when {}"),
        (failed, "when more than {:.0%} of the trials have failed"),
    )
    yield from (words.format(limit) for limit, words in limits if limit is not None)
    if space.configs < (budget.trials or math.inf):
        yield "when all configs were tried"


def smoke(
    sweep: Sweep, trainable: Trainable, surroundings: Surroundings, directory: str | Path = "."
) -> dict[str, Any]:
    """Train the default config in this process until its first report: ``metrics`` and ``seconds``.

    Args:
        directory: the sweep file's folder.

    Raises:
        TrainableError: when it fails; the traceback of the training function is in its notes.
    """
    length, seed = sweep.fidelity.max if sweep.fidelity else None, trial_seed(sweep.seed, 0)
    default = sweep.parameters.default()
    trial = OpenTrial(0, Phase.SEARCH, default, seed, 0, parent=None, asked=0, started=0, length=length)
    spec = trial.spec(sweep, directory=str(directory), data_id="", checkpoints="", folder="")
    session = Session(trainable, spec)
    event = surroundings.masked(session.advance())
    if isinstance(event, Failed):
        error = TrainableError(f"trainable: the default config failed: {event.reason}")
        error.add_note(event.detail.rstrip())
        raise error
    session.abandon()
    return {"metrics": event.metrics if isinstance(event, Reported) else {}, "seconds": event.seconds}
