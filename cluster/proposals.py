"""Asking a searcher ahead of need, so that a slow one never idles a worker."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..search import Searcher, Trial
from ..search.searcher import Breeding
from ..spaces import Config

if TYPE_CHECKING:
    from ..search.nas.screening import Screen

_PROMPT_SECONDS = 0.01  # a searcher that answers within this time is waited for


class Taken:
    """What is not to be proposed: configs that were proposed already, in a few bytes each, and what a screen refuses.

    Args:
        screen: says which configs are not worth a trial, and which are one and the same.
    """

    def __init__(self, screen: Screen | None = None) -> None:
        self._screen = screen
        self._hashes: set[int] = set()
        self._keys: set[int] = set()

    def add(self, config: Config) -> None:
        """Note one."""
        self._hashes.add(hash(config))
        if self._screen is not None:
            self._keys.add(hash(self._screen.key(config)))

    def tried(self, config: Config) -> bool:
        """Whether this very config was proposed already."""
        return hash(config) in self._hashes

    def __contains__(self, config: object) -> bool:
        if hash(config) in self._hashes:
            return True
        if self._screen is None or not isinstance(config, Config):
            return False
        return hash(self._screen.key(config)) in self._keys or self._screen.refuses(config)

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def refused(self) -> str:
        """What the screen refused and why, in words; empty when nothing was."""
        return self._screen.told if self._screen is not None else ""


@dataclass(frozen=True)
class Proposal:
    """What a searcher answered; ``config`` None: it has nothing left.

    ``parent`` is the trial from which the config was made, if the searcher tells.
    """

    number: int
    asked: int
    config: Config | None
    parent: int | None = None


class Proposals(Protocol):
    """A searcher that is asked and told in one order, whether it answers at once or later."""

    taken: Taken

    @property
    def in_flight(self) -> int:
        """How many answers are still to come or to be fetched."""

    def adopt(self, number: int, config: Config) -> None:
        """A trial has a config that the searcher was not asked for."""

    def report(self, number: int, step: int, value: float, *others: float) -> None:
        """A trial reported; ``others`` are the values of the other objectives."""

    def tell(self, trial: Trial) -> None:
        """A trial is over."""

    def ask(self, number: int, order: int) -> None:
        """Ask for the config of trial ``number``."""

    def fetch(self) -> Proposal | None:
        """The next answer, if it is there."""

    def ahead(self, places: int) -> int:
        """How many answers should be in flight."""

    def close(self) -> None:
        """Ask no more."""


class PromptProposals:
    """Asks when there is a need, and waits for the answer."""

    def __init__(self, searcher: Searcher, screen: Screen | None = None) -> None:
        self._searcher = searcher
        self._answers: deque[Proposal] = deque()
        self.taken = Taken(screen)

    @property
    def in_flight(self) -> int:
        return len(self._answers)

    def adopt(self, number: int, config: Config) -> None:
        self.taken.add(config)
        self._searcher.adopt(number, config)

    def report(self, number: int, step: int, value: float, *others: float) -> None:
        self._searcher.on_report(number, step, value, *others)

    def tell(self, trial: Trial) -> None:
        self._searcher.tell(trial)

    def ask(self, number: int, order: int) -> None:
        config = self._searcher.ask(number, self.taken)
        parent = None
        if config is not None:
            self.taken.add(config)
            parent = self._searcher.parent(number) if isinstance(self._searcher, Breeding) else None
        self._answers.append(Proposal(number, order, config, parent))

    def fetch(self) -> Proposal | None:
        return self._answers.popleft() if self._answers else None

    def ahead(self, places: int) -> int:
        return 1

    def close(self) -> None:
        pass


class ThreadedProposals:
    """The same in a thread. Calls are worked off in the order in which they were made, so no answer depends on time.

    A searcher that answers within 10 ms is waited for, and so knows all results there are; one that takes longer is
    asked ahead, as often as trials end while it thinks.
    """

    def __init__(self, searcher: Searcher, screen: Screen | None = None) -> None:
        self._inner = PromptProposals(searcher, screen)
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Proposal | BaseException] = queue.SimpleQueue()
        self._seconds = 0.0  # of an ask, smoothed
        self._asked: deque[float] = deque(maxlen=32)  # when
        self._in_flight = 0
        self._closing = False
        self.taken = self._inner.taken
        self._thread = threading.Thread(target=self._work, name="searcher", daemon=True)
        self._thread.start()

    @property
    def in_flight(self) -> int:
        return self._in_flight

    def adopt(self, number: int, config: Config) -> None:
        self._calls.put(lambda: self._inner.adopt(number, config))

    def report(self, number: int, step: int, value: float, *others: float) -> None:
        self._calls.put(lambda: self._inner.report(number, step, value, *others))

    def tell(self, trial: Trial) -> None:
        self._calls.put(lambda: self._inner.tell(trial))

    def ask(self, number: int, order: int) -> None:
        self._in_flight += 1
        self._asked.append(time.monotonic())
        self._calls.put(lambda: self._ask(number, order))

    def fetch(self) -> Proposal | None:
        try:
            answer = self._answers.get(timeout=_PROMPT_SECONDS if self._seconds < _PROMPT_SECONDS else 0)
        except queue.Empty:
            return None
        if isinstance(answer, BaseException):
            raise answer
        self._in_flight -= 1
        return answer

    def ahead(self, places: int) -> int:
        if self._seconds < _PROMPT_SECONDS or len(self._asked) < 2:
            return 1
        rate = (len(self._asked) - 1) / max(self._asked[-1] - self._asked[0], 1e-3)
        return max(1, min(places, 1 + math.ceil(2 * rate * self._seconds)))

    def close(self) -> None:
        self._closing = True
        self._calls.put(None)
        self._thread.join()
        while not self._answers.empty():
            answer = self._answers.get()
            if isinstance(answer, BaseException):  # of a call that nobody waited for
                raise answer

    def _ask(self, number: int, order: int) -> None:
        if self._closing:
            return
        began = time.perf_counter()
        self._inner.ask(number, order)
        self._seconds += 0.3 * (time.perf_counter() - began - self._seconds)
        answer = self._inner.fetch()
        if answer is not None:
            self._answers.put(answer)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except BaseException as error:  # noqa: BLE001 - raised again where the answer is fetched
                self._answers.put(error)
                return
