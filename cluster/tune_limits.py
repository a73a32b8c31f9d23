"""What Ray Tune's own controller cannot do, told before anything starts."""

from __future__ import annotations

from collections.abc import Iterator

from ..search import Sweep, SweepRecord
from ..spaces import Problem, SweepError
from .environment import is_private


def refuse_what_tune_cannot(sweep: Sweep, *, inline: bool, address: str | None) -> None:
    """Nothing, when Ray Tune can run the search of ``sweep`` there.

    Raises:
        SweepError: one line for each thing that it cannot do.
    """
    problems = [*_of_place(inline, address, sweep.searcher.inherits), *_of_sweep(sweep)]
    if problems:
        raise SweepError(problems)


def refuse_to_try_again(record: SweepRecord) -> None:
    """Nothing, unless trials that are over would have to be tried again.

    Raises:
        SweepError: when no trial of the sweep gave a score.
    """
    if record.state == "failed":
        raise SweepError(
            f"no trial of {record.name!r} gave a score, and Ray Tune tries none again: `--new` starts anew"
        )


def refuse_other_fidelity(old: Sweep, new: Sweep) -> None:
    """Nothing, unless trials that are over would have to go on.

    Raises:
        SweepError: when their length changes.
    """
    if old.fidelity != new.fidelity:
        text = "Ray Tune does not go on with trials that are over: keep it, or give the sweep another --name"
        raise SweepError([Problem(("fidelity",), text)])


def _of_place(inline: bool, address: str | None, inherits: bool) -> Iterator[Problem]:
    if inline:
        yield _problem("Ray Tune runs no trials in this process: leave --inline out")
    if address is not None and address.startswith("ray://"):
        yield _problem(f"Ray Tune cannot be watched through {address}: write host:port", "cluster", "address")
    if inherits and not (inline or is_private(address)):
        yield _problem("Ray Tune sends no weights to the nodes of a running cluster: remove it", "searcher", "inherit")


def _of_sweep(sweep: Sweep) -> Iterator[Problem]:
    if len(sweep.objectives) > 1:
        yield _problem("Ray Tune looks for the best of one objective: keep the first", "objectives", "1")
    if sweep.searcher.type == "one_shot":
        yield _problem("Ray Tune trains no supernet: take another searcher", "searcher")
    resources, retry, timeouts = sweep.resources, sweep.cluster.retry, sweep.cluster.timeouts
    if sweep.scheduler.type == "promotion_asha":
        yield _problem("Ray Tune has no promotion_asha: write asha", "scheduler")
    if resources.workers > 1:
        yield _problem("Ray Tune runs each trial in one process here: write 1", "resources", "workers")
    if resources.slots > 1:
        yield _problem("Ray Tune runs one trial in a process: write 1", "resources", "slots")
    if retry.trials:
        yield _problem("Ray Tune tries only lost workers again: write 0", "cluster", "retry", "trials")
    if timeouts.trial is not None:
        yield _problem("Ray Tune has no such timeout: leave it out", "cluster", "timeouts", "trial")
    if timeouts.report is not None:
        yield _problem("Ray Tune has no such timeout: leave it out", "cluster", "timeouts", "report")


def _problem(text: str, *where: str) -> Problem:
    return Problem(where, f"{text}, or write engine: assay")
