"""The contract of everything that decides how long a trial may train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal, Protocol

from pydantic import Field

from ..spaces import Config, Fidelity, Objective, Space, UsageError
from .options import Options


class Decision(StrEnum):
    """What happens to a trial after a report: it trains on, is over, or makes room and waits to be chosen again."""

    CONTINUE = "continue"
    STOP = "stop"
    PAUSE = "pause"


@dataclass(frozen=True)
class Saved:
    """The checkpoint that trial ``number`` wrote with report ``step`` of its segment."""

    number: int
    segment: int
    step: int


@dataclass(frozen=True)
class Exploit:
    """A waiting trial is to go on from the checkpoint of another, with another config."""

    number: int
    config: Config
    source: Saved


@dataclass(frozen=True)
class Drop:
    """A waiting trial is over."""

    number: int


Action = Exploit | Drop
"""What a scheduler decides about trials that wait."""


class Scheduler(Protocol):
    """Decides after each report, and which of the waiting trials runs next.

    Its state is a function of the calls made to it, in order: after an interruption a fresh one is told the same again.

    Attributes:
        copies: whether trials go on from checkpoints of others, so that every decision needs one.
    """

    copies: bool

    def on_add(self, number: int, config: Config) -> None:
        """A trial was recorded; it waits."""

    def choose(self, *, last: bool = False) -> int | None:
        """The waiting trial to run next; None when a new one should be started, or nothing can run now.

        Args:
            last: there will be no new ones.
        """

    def on_run(self, number: int) -> None:
        """A waiting trial got a place."""

    def on_report(self, number: int, step: int, value: float) -> Decision:
        """A trial reported a finite ``value`` of the objective after ``step`` units of training, not its last."""

    def on_end(self, number: int, step: int, value: float | None) -> None:
        """A trial ended by itself or was ended from outside; ``value`` is its last one, None when it failed."""

    def on_lost(self, number: int) -> None:
        """A running trial lost its place through no decision; it waits again."""

    def actions(self) -> list[Action]:
        """What was decided about waiting trials since the last call."""

    def horizon(self, number: int, step: int) -> int | None:
        """The next step after ``step`` at which something may be decided; None when nothing will be any more."""

    def room(self) -> int:
        """How many trials it wants to know of before it lets more of them run."""

    def pins(self) -> set[Saved]:
        """Checkpoints that other trials may still be sent to."""


class Queue:
    """A scheduler that decides nothing: trials run in the order in which they came. The base of the others."""

    copies = False

    def __init__(self) -> None:
        self._waiting: dict[int, None] = {}  # in order
        self._actions: list[Action] = []

    def on_add(self, number: int, config: Config) -> None:
        self._waiting[number] = None

    def choose(self, *, last: bool = False) -> int | None:
        return next(iter(self._waiting), None)

    def on_run(self, number: int) -> None:
        self._waiting.pop(number, None)

    def on_report(self, number: int, step: int, value: float) -> Decision:
        return Decision.CONTINUE

    def on_end(self, number: int, step: int, value: float | None) -> None:
        self._waiting.pop(number, None)

    def on_lost(self, number: int) -> None:
        self._waiting[number] = None

    def actions(self) -> list[Action]:
        done, self._actions = self._actions, []
        return done

    def horizon(self, number: int, step: int) -> int | None:
        return None

    def room(self) -> int:
        return 0

    def pins(self) -> set[Saved]:
        return set()


class SchedulerOptions(Options):
    """The ``scheduler`` section of a sweep; each scheduler has its own subclass."""

    metric: str | None = Field(default=None, min_length=1)
    """The objective by which trials are compared; the first one when left out."""

    needs_checkpoints: ClassVar[bool] = False
    """Whether trials are paused or copied, so that training functions should save checkpoints."""
    stops_by: ClassVar[Literal["nothing", "rank", "curve"]] = "curve"
    """What ends trials early: nothing, their rank among those that came as far, or how their values went."""

    def grace_of(self, fidelity: Fidelity) -> int:
        """Units of training that no trial is stopped before."""
        return fidelity.max

    def rungs(self, fidelity: Fidelity) -> list[int]:
        """Steps at which trials may be stopped."""
        return []

    def check(self, space: Space, fidelity: Fidelity, trials: int | None) -> None:
        """Whether the options fit the rest of the sweep.

        Raises:
            SpaceError: with the key that does not.
        """

    def require(self, fidelity: Fidelity | None) -> Fidelity:
        """The fidelity.

        Raises:
            UsageError: when the sweep has none.
        """
        if fidelity is None:
            raise UsageError(
                f"scheduler {self.type} needs a fidelity: add `fidelity: {{unit: epoch, min: 1, max: 27}}`"
            )
        return fidelity

    def build(self, space: Space, objective: Objective, fidelity: Fidelity | None, seed: int) -> Scheduler:
        """A fresh scheduler."""
        raise NotImplementedError


def next_of(steps: list[int]) -> Callable[[int], int | None]:
    """A horizon for fixed decision points."""
    return lambda step: next((point for point in steps if point > step), None)
