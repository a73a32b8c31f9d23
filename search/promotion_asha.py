"""Asynchronous successive halving as in the paper: trials wait at each rung until they are promoted."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import ClassVar, Literal

from ..spaces import Fidelity, Objective, Space
from .asha import HalvingOptions
from .scheduler import Decision, Queue, Scheduler, next_of


class _Rung:
    """The trials that reached one rung; its best ``recorded // eta`` may be promoted (algorithm 2, line 13).

    Heaps keep the split between these and the others, so that a decision costs a logarithm of their number.
    """

    def __init__(self, eta: float) -> None:
        self._eta = eta
        self._recorded = 0
        self._top: list[tuple[float, int]] = []  # (score, -number): the worst of the top first
        self._others: list[tuple[float, int]] = []  # (-score, number): the best of the others first
        self._in_top: set[int] = set()
        self._waiting: set[int] = set()
        self._ready: list[tuple[float, int]] = []  # (-score, number) of what came to the top; some left it again

    def add(self, number: int, score: float) -> None:
        """A trial has reached the rung, and waits."""
        self._recorded += 1
        self._waiting.add(number)
        heapq.heappush(self._others, (-score, number))
        self._raise()
        if len(self._top) > int(self._recorded / self._eta):
            worst, minus = heapq.heappop(self._top)
            self._in_top.discard(-minus)
            heapq.heappush(self._others, (-worst, -minus))

    def leave(self, number: int) -> None:
        """A trial does not wait here any more."""
        self._waiting.discard(number)

    def promotable(self) -> int | None:
        """The best waiting trial of the top share."""
        while self._ready:
            number = self._ready[0][1]
            if number in self._waiting and number in self._in_top:
                return number
            heapq.heappop(self._ready)
        return None

    def best_waiting(self) -> int | None:
        """The best waiting trial, promotable or not."""
        entries = [*self._others, *((-score, -minus) for score, minus in self._top)]
        return min((entry for entry in entries if entry[1] in self._waiting), default=(0.0, None))[1]

    def _raise(self) -> None:
        """Move the best of the others to the top."""
        score, number = heapq.heappop(self._others)
        heapq.heappush(self._top, (-score, -number))
        self._in_top.add(number)
        heapq.heappush(self._ready, (score, number))


class PromotionAsha(Queue):
    """Pauses every trial at each rung, and lets the best ``1/eta`` of a rung go on as soon as there are enough.

    Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020, algorithm 2.

    Args:
        rungs: steps at which trials are compared.
        eta: reduction factor.
        sign: 1 when larger values are better, else -1.
    """

    def __init__(self, rungs: Sequence[int], eta: float, sign: int) -> None:
        super().__init__()
        self._steps = list(rungs)
        self._rungs = {step: _Rung(eta) for step in rungs}
        self._sign = sign
        self._paused_at: dict[int, int] = {}
        self._running: set[int] = set()
        self._full_runs = 0

    def choose(self, *, last: bool = False) -> int | None:
        lost_or_new = super().choose()
        if lost_or_new is not None:
            return lost_or_new
        for step in reversed(self._steps):
            number = self._rungs[step].promotable()
            if number is not None:
                return number
        return self._furthest() if last and not self._running and not self._full_runs else None

    def _furthest(self) -> int | None:
        """The best of the highest rung, where the budget ended before any trial could be promoted to a full run."""
        for step in reversed(self._steps):
            number = self._rungs[step].best_waiting()
            if number is not None:
                return number
        return None

    def on_run(self, number: int) -> None:
        super().on_run(number)
        self._running.add(number)
        self._leave_rung(number)

    def _leave_rung(self, number: int) -> None:
        step = self._paused_at.pop(number, None)
        if step is not None:
            self._rungs[step].leave(number)

    def on_report(self, number: int, step: int, value: float) -> Decision:
        if step not in self._rungs:
            return Decision.CONTINUE
        self._leave_rung(number)
        self._rungs[step].add(number, self._sign * value)
        self._paused_at[number] = step
        self._running.discard(number)
        return Decision.PAUSE

    def on_end(self, number: int, step: int, value: float | None) -> None:
        super().on_end(number, step, value)
        self._running.discard(number)
        self._leave_rung(number)
        self._full_runs += value is not None and step > max(self._steps, default=0)

    def on_lost(self, number: int) -> None:
        super().on_lost(number)
        self._running.discard(number)

    def horizon(self, number: int, step: int) -> int | None:
        return next_of(self._steps)(step)


class PromotionAshaOptions(HalvingOptions):
    """Asynchronous successive halving that promotes, as in the paper; Ray Tune's ASHA stops instead.

    Less training goes into trials that are hopeless, at the price of pausing: training functions should save
    checkpoints.
    """

    type: Literal["promotion_asha"] = "promotion_asha"
    needs_checkpoints: ClassVar[bool] = True

    def build(self, space: Space, objective: Objective, fidelity: Fidelity | None, seed: int) -> Scheduler:
        granted = self.require(fidelity)
        return PromotionAsha(self.rungs(granted), self.eta, 1 if objective.goal == "maximize" else -1)
