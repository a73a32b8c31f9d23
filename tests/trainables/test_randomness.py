"""The global random generators."""

from __future__ import annotations

import random
import sys
import types

import numpy as np
import pytest
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


def test_torch_that_another_thread_imports_is_no_torch_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    half = types.ModuleType("torch")
    half.__spec__ = types.SimpleNamespace(_initializing=True)  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "torch", half)
    seed_everything(1)
    state = RandomState.now()
    assert state.torch is None
    state.restore()
