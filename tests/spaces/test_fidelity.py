"""Fidelity: rungs, and every message."""

from typing import Any

import pytest

from assay.spaces import Fidelity, SpaceError


@pytest.mark.parametrize(
    ("eta", "grace", "most", "rungs"),
    [
        (3, 1, 27, [1, 3, 9]),
        (3, 1, 28, [1, 3, 9, 27]),
        (3, 2, 27, [2, 6, 18]),
        (4, 5, 100, [5, 20, 80]),
        (2, 1, 1, []),
        (3, 30, 27, []),
        # A rung between two steps is reached at the later one; a step is a rung once.
        (1.5, 1, 10, [1, 2, 3, 4, 6, 8]),
        (1.1, 1, 4, [1, 2, 3]),
    ],
)
def test_rungs(eta: float, grace: int, most: int, rungs: list[int]) -> None:
    assert Fidelity("epoch", 1, most).rungs(eta, grace) == rungs


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (0, 3, "min must be a whole number of at least 1, got 0"),
        (1, 2.5, "max must be a whole number of at least 1, got 2.5"),
        (True, 3, "min must be a whole number of at least 1, got True"),
        (1, "9", "max must be a whole number of at least 1, got '9'"),
        (4, 3, "min 4 must not be above max 3"),
    ],
)
def test_every_mistake_is_named(low: Any, high: Any, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Fidelity("epoch", low, high)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("eta", "grace", "message"),
    [
        (1, 1, "eta must be above 1, got 1"),
        (0.5, 1, "eta must be above 1, got 0.5"),
        (float("nan"), 1, "eta must be above 1, got nan"),
        (3, 0, "grace must be at least 1, got 0"),
    ],
)
def test_rungs_that_would_never_end(eta: float, grace: int, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Fidelity("epoch", 1, 27).rungs(eta, grace)
    assert str(caught.value) == message
