"""What Ray Tune's own controller cannot do, told before anything starts."""

from __future__ import annotations

from collections.abc import Iterator

from ..search import Sweep, SweepRecord
from ..spaces import Problem, SweepError


def refuse_what_tune_cannot(sweep: Sweep, *, inline: bool, address: str | None) -> None:
    """Nothing, when Ray Tune can run the search of ``sweep`` there.

    Raises:
        SweepError: one line for each thing that it cannot do.
    """
    problems = [*_about_place(inline, address), *_about_sweep(sweep)]
    if problems:
        raise SweepError(problems)


def refuse_to_try_again(record: SweepRecord) -> None:
    """Nothing, unless trials that are over would have to go on.

    Raises:
        SweepError: when no trial of the sweep gave a score.
    """
    if record.state == "failed":
        raise SweepError(
            f"no trial of {record.name!r} gave a score, and engine: tune cannot try them again: `--new` starts anew"
        )


def refuse_other_fidelity(old: Sweep, new: Sweep) -> None:
    """Nothing, unless trials that are over would have to go on.

    Raises:
        SweepError: when their length changes.
    """
    if old.fidelity != new.fidelity:
        raise SweepError([_problem("another length of trials that are over", "fidelity")])


def _about_place(inline: bool, address: str | None) -> Iterator[Problem]:
    if inline:
        yield _problem("trials in this process: leave --inline out")
    if address is not None and address.startswith("ray://"):
        yield _problem(f"a search through Ray Client: write host:port instead of {address}", "cluster", "address")


def _about_sweep(sweep: Sweep) -> Iterator[Problem]:
    resources, retry, timeouts = sweep.resources, sweep.cluster.retry, sweep.cluster.timeouts
    if sweep.scheduler.type == "promotion_asha":
        yield _problem("promotion_asha: write asha", "scheduler")
    if resources.workers > 1:
        yield _problem("several processes for one trial", "resources", "workers")
    if resources.slots > 1:
        yield _problem("several trials in one process", "resources", "slots")
    if retry.trials:
        yield _problem("retries of trials that raise", "cluster", "retry", "trials")
    if timeouts.trial is not None:
        yield _problem("timeouts of trials", "cluster", "timeouts", "trial")
    if timeouts.report is not None:
        yield _problem("timeouts of reports", "cluster", "timeouts", "report")


def _problem(what: str, *where: str) -> Problem:
    return Problem(where, f"engine: tune cannot do {what}; engine: assay can")
