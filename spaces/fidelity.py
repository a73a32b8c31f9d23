"""How much training a trial is granted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import SpaceError, shown


@dataclass(frozen=True)
class Fidelity:
    """Units of training; a trial makes one report per unit.

    Args:
        unit: the word people use: ``"epoch"``.
        min: the least training before a scheduler may stop a trial, in units.
        max: a full run, in units.

    Raises:
        SpaceError: unless ``1 <= min <= max``, both whole.
    """

    unit: str
    min: int
    max: int

    def __post_init__(self) -> None:
        for name in ("min", "max"):
            bound = getattr(self, name)
            if not isinstance(bound, int) or isinstance(bound, bool) or bound < 1:
                raise SpaceError(f"{name} must be a whole number of at least 1, got {shown(bound)}")
        if self.min > self.max:
            raise SpaceError(f"min {self.min} must not be above max {self.max}")

    def rungs(self, eta: float, grace: int) -> list[int]:
        """Steps at which successive halving compares trials: the first at ``grace * eta**k``, below ``max``.

        Raises:
            SpaceError: unless ``eta > 1`` and ``grace >= 1``.
        """
        if not eta > 1:
            raise SpaceError(f"eta must be above 1, got {eta!r}")
        if grace < 1:
            raise SpaceError(f"grace must be at least 1, got {grace!r}")
        return list(dict.fromkeys(self._rungs(eta, grace)))

    def _rungs(self, eta: float, grace: int) -> Iterator[int]:
        power = 0
        # Rounded up: the first whole step that reaches the rung.
        while (step := math.ceil(grace * eta**power)) < self.max:
            yield step
            power += 1
