"""Objective: the sign, and every message."""

from typing import Any

import pytest

from assay.spaces import Objective, SpaceError


def test_larger_scores_are_better_in_both_directions() -> None:
    assert Objective("accuracy", "maximize").score(0.9) == 0.9
    assert Objective("loss", "minimize").score(0.9) == -0.9
    assert Objective("loss", "minimize").sign == -1


@pytest.mark.parametrize(
    ("metric", "goal", "message"),
    [
        ("acc", "max", "goal 'max' is not 'maximize' or 'minimize' (did you mean 'maximize'?)"),
        ("acc", "min", "goal 'min' is not 'maximize' or 'minimize' (did you mean 'minimize'?)"),
        ("acc", "Maximise", "goal 'Maximise' is not 'maximize' or 'minimize' (did you mean 'maximize'?)"),
        ("acc", None, "goal None is not 'maximize' or 'minimize'"),
        ("acc", ["maximize"], "goal ['maximize'] is not 'maximize' or 'minimize' (did you mean 'maximize'?)"),
        ("", "maximize", "metric must be a name, got ''"),
        (None, "maximize", "metric must be a name, got None"),
    ],
)
def test_every_mistake_is_named(metric: Any, goal: Any, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Objective(metric, goal)
    assert str(caught.value) == message
