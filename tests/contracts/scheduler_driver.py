"""Runs trials under a scheduler as the controller does, and looks at everything that it says."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.search import Decision, Drop, Exploit, Saved, Scheduler
from assay.spaces import Config, Fidelity, Space

FIDELITY = Fidelity("epoch", 1, 27)
SPACE = Space(
    {
        "lr": "loguniform(1e-4, 1e-1)",
        "momentum": {"min": 0.0, "max": 0.9, "step": 0.1},
        "width": {"type": "int", "min": 8, "max": 512, "log": True},
        "depth": {"type": "int", "min": 2, "max": 20, "step": 3},
        "kind": ["a", "b", None],
        "b.rate": {"min": 0.0, "max": 1.0, "when": {"kind": "b"}},
    }
)


@dataclass
class Member:
    """A trial as the driver knows it; ``until``: where it waits for an answer."""

    number: int
    config: Config
    step: int = 0
    segment: int = 0
    until: int | None = None
    full: bool = False  # its last report is made, it only has to end


class Driver:
    """Runs trials in a random order; what happens depends on ``seed`` and on what the scheduler says.

    Args:
        fails, loses, ends: how often a trial fails, loses its place, and ends by itself, at each step.
        restless: move the global generators between calls, and look at them after each.

    Attributes:
        log: every call with its answer.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        seed: int = 0,
        trials: int = 24,
        *,
        sign: int = 1,
        fails: float = 0.01,
        loses: float = 0.02,
        ends: float = 0.01,
        space: Space = SPACE,
        longest: int = FIDELITY.max,
        places: int = 4,
        restless: bool = False,
    ) -> None:
        self.scheduler, self.seed, self.trials, self.sign = scheduler, seed, trials, sign
        self.fails, self.loses, self.ends = fails, loses, ends
        self.space, self.longest, self.places, self.restless = space, longest, places, restless
        self.log: list[tuple[str, tuple[Any, ...], dict[str, Any], Any]] = []
        self.rng = np.random.default_rng(seed)
        self.added = 0
        self.waiting: dict[int, Member] = {}
        self.running: dict[int, Member] = {}
        self.ended: set[int] = set()
        self.reported: set[Saved] = set()
        self.decided: list[tuple[int, int, Decision]] = []
        self.exploits: list[Exploit] = []

    def call(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        before = global_states() if self.restless else None
        answer = getattr(self.scheduler, name)(*arguments, **keywords)
        if self.restless:
            assert global_states() == before
            random.random()
            np.random.random()  # noqa: NPY002
        self.log.append((name, arguments, keywords, answer))
        return answer

    def run(self, steps: int = 20_000) -> None:
        for _ in range(steps):
            if not self._fill() and not self.running:
                break
            if self.running:
                self._advance(self.running[int(self.rng.choice(sorted(self.running)))])

    def _fill(self) -> bool:
        """Whether a place was filled."""
        filled = False
        while len(self.running) < self.places:
            more = self.added < self.trials
            if more and (self.scheduler.copies or self.call("room") > 0):
                self._add()
                continue
            number = self.call("choose")
            if number is None and more:
                self._add()
                continue
            number = self.call("choose", last=True) if number is None else number
            self.obey()
            if number is None:
                break
            self.start(number)
            filled = True
        return filled

    def _add(self) -> None:
        config = self.space.sample(np.random.default_rng([self.seed, self.added]))
        self.waiting[self.added] = Member(self.added, config)
        self.call("on_add", self.added, config)
        self.added += 1

    def start(self, number: int) -> None:
        member = self.running[number] = self.waiting.pop(number)
        self.call("on_run", number)
        member.until = self.call("horizon", number, member.step)

    def _advance(self, member: Member) -> None:
        fate = self.rng.random()
        if member.full:
            self.end(member, self.value(member))
        elif fate < self.fails:
            self.end(member, None)
        elif fate < self.fails + self.loses:
            self.lose(member)
        elif fate < self.fails + self.loses + self.ends and member.step:
            self.end(member, self.value(member))
        else:
            self.report(member)
        self.obey()

    def lose(self, member: Member) -> None:
        del self.running[member.number]
        self.waiting[member.number] = member
        self.call("on_lost", member.number)

    def report(self, member: Member) -> None:
        member.step += 1
        self.reported.add(Saved(member.number, member.segment, member.step))
        if member.step == self.longest:
            member.full = True
            self.call("on_end", member.number, member.step, self.value(member))
            return
        decision = self.call("on_report", member.number, member.step, self.value(member))
        self.decided.append((member.number, member.step, decision))
        if decision is not Decision.CONTINUE:
            assert member.step == member.until, "it was not announced"
        if member.step == member.until:
            member.until = self.call("horizon", member.number, member.step)
        assert member.until is None or member.until > member.step
        if decision is Decision.STOP:
            self.end(member, self.value(member))
        elif decision is Decision.PAUSE:
            del self.running[member.number]
            self.waiting[member.number] = member

    def end(self, member: Member, value: float | None) -> None:
        self.running.pop(member.number, self.waiting.pop(member.number, None))
        self.ended.add(member.number)
        self.call("on_end", member.number, member.step, value)

    def obey(self) -> None:
        while actions := self.call("actions"):
            for action in actions:
                member = self.waiting[action.number]
                if isinstance(action, Drop):
                    self.end(member, self.value(member))
                else:
                    self._exploit(member, action)
        assert self.call("pins") <= self.reported

    def _exploit(self, member: Member, action: Exploit) -> None:
        assert action.source in self.reported
        assert action.source.number != member.number
        assert self.space.validate(action.config.nested()) == action.config
        self.exploits.append(action)
        member.config, member.step = action.config, action.source.step
        member.segment += 1

    def value(self, member: Member) -> float:
        noise = np.random.default_rng([self.seed, member.number, member.segment, member.step]).normal()
        return self.sign * float(round(member.number % 7 + noise + member.step * 0.1, 3))


def global_states() -> tuple[Any, ...]:
    _, key, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), key.tobytes(), rest  # type: ignore[union-attr]
