"""The global random generators."""

from __future__ import annotations

import random

import numpy as np
import torch

from assay.trainables.randomness import RandomState, seed_everything


def draw() -> tuple[float, float, float]:
    return random.random(), np.random.random(), torch.rand(()).item()  # noqa: NPY002


def test_a_seed_fixes_all_generators() -> None:
    seed_everything(2**33 + 5)
    first = draw()
    seed_everything(2**33 + 5)
    assert draw() == first


def test_a_state_is_restored() -> None:
    state = RandomState.now()
    first = draw()
    draw()
    state.restore()
    assert draw() == first
