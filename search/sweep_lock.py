"""At most one process runs a sweep."""

from __future__ import annotations

from pathlib import Path

import filelock

from ..spaces import SweepExistsError


class SweepLock:
    """A lock file in the sweep's folder; the system releases it when the process dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Whoever asks whether it is held takes it for an instant: wait that long.
        self._lock = filelock.FileLock(str(folder / "lock"), timeout=1)

    def acquire(self, name: str) -> None:
        """Take the lock.

        Raises:
            SweepExistsError: when another process has it.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise SweepExistsError(
                f"sweep {name!r} is being run by another process: watch it with `assay show {name}`"
            ) from None

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()

    @property
    def held(self) -> bool:
        """Whether some process runs the sweep now."""
        if self._lock.is_locked:
            return True
        if not (self._folder / "lock").exists():
            return False
        try:
            with self._lock.acquire(timeout=0):
                return False
        except filelock.Timeout:
            return True
