"""What a person wants of a running sweep."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum

_POLL_SECONDS = 1.0


class Wish(StrEnum):
    """``pause``: trials end at their next report, to be gone on with later. ``stop``: start no more trials, let those
    that run end, and finish the sweep. ``cancel``: end everything at once."""

    NONE = ""
    PAUSE = "pause"
    STOP = "stop"
    CANCEL = "cancel"


class Wishes:
    """Wishes of this process, which go first, and those that another one left in the ledger.

    A pause or cancel cannot be taken back: trials have made room because of it.

    Args:
        here: whether this process was told to stop.
        recorded: reads the ledger; called once a second at most.
        clock: seconds, monotonic.
    """

    def __init__(self, here: Callable[[], bool], recorded: Callable[[], str], clock: Callable[[], float]) -> None:
        self._here = here
        self._recorded = recorded
        self._clock = clock
        self._looked = -math.inf
        self._last = Wish.NONE

    def __call__(self) -> Wish:
        if self._here():
            return Wish.PAUSE
        if self._clock() - self._looked >= _POLL_SECONDS:
            self._looked = self._clock()
            wished = Wish(self._recorded())
            if self._last not in (Wish.PAUSE, Wish.CANCEL) or wished is Wish.CANCEL:
                self._last = wished
        return self._last
