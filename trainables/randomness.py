"""The global random generators that training code draws from."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np


def seed_everything(seed: int) -> None:
    """Seed ``random``, NumPy's global generator and, if it is loaded, torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - for training code that uses the global generator
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


@dataclass(frozen=True)
class RandomState:
    """The state of the global generators, kept while a trial waits and others in its process draw (0.1 ms).

    Generators on accelerators are left out: trials there have a process of their own.
    """

    python: Any
    numpy: Any
    torch: Any

    @classmethod
    def now(cls) -> RandomState:
        """The present state."""
        torch = sys.modules["torch"].get_rng_state() if "torch" in sys.modules else None
        return cls(random.getstate(), np.random.get_state(), torch)  # noqa: NPY002

    def restore(self) -> None:
        """Go on drawing from here."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002
        if self.torch is not None:
            sys.modules["torch"].set_rng_state(self.torch)
