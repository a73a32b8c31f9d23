"""Ctrl-C and SIGTERM as a wish that the loop asks for, not as an exception in the middle of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class StopSwitch:
    """The first signal asks for a graceful stop; a second one ends the process at once, which loses nothing recorded.

    Args:
        on_request: is called with the signal's name at the first signal, from the handler.
    """

    def __init__(self, on_request: Callable[[str], None]) -> None:
        self._on_request = on_request
        self._before: dict[signal.Signals, Any] = {}
        self.requested: signal.Signals | None = None

    def install(self) -> None:
        """Take over the signals; again after somebody else did. What was there first is restored."""
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread can have handlers; without them signals act as usual
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before.setdefault(number, signal.signal(number, self._handle))

    def restore(self) -> None:
        """Give the signals back."""
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested is not None:
            raise KeyboardInterrupt
        self.requested = signal.Signals(number)
        self._on_request(self.requested.name)
