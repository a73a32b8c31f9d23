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
    torch = _torch()
    if torch is not None:
        torch.manual_seed(seed)


def _torch() -> Any:
    """torch, if it is loaded; while a thread imports it, nothing can have drawn from it."""
    module = sys.modules.get("torch")
    importing = getattr(getattr(module, "__spec__", None), "_initializing", False)
    return None if importing else module


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
        torch = _torch()
        drawn = torch.get_rng_state() if torch is not None else None
        return cls(random.getstate(), np.random.get_state(), drawn)  # noqa: NPY002

    def restore(self) -> None:
        """Go on drawing from here."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002
        if self.torch is not None:
            sys.modules["torch"].set_rng_state(self.torch)
