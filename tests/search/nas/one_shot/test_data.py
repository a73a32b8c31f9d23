"""What a user's data function may give."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from assay.search.nas.one_shot.data import Batches, Data, default_loss, default_score
from assay.spaces import TrainableError

BATCH = (torch.zeros(2, 3), torch.tensor([0, 1]))


def test_a_pair_of_loaders_or_a_mapping_with_loss_and_score() -> None:
    pair = Data.of(([BATCH], [BATCH, BATCH]))
    assert (len(pair.train), len(pair.validation)) == (1, 2)
    assert pair.loss is default_loss
    own = Data.of({"train": [BATCH], "validation": [BATCH], "loss": max, "score": min})
    assert (own.loss, own.score) == (max, min)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (None, "got None"),
        (torch.zeros(2, 3), r"got Tensor of shape \(2, 3\)$"),
        ((torch.zeros(2, 3), [1], "x"), r"got tuple of 3: Tensor of shape \(2, 3\), list, str$"),
        ({"train": torch.zeros(2, 3), "test": [BATCH]}, "got dict with train, test$"),
        (object, "got type$"),
        ({"train": [BATCH]}, "expected .training loader, validation loader."),
        ({"train": [BATCH], "validation": [BATCH], "test": [BATCH]}, "got also test"),
        (([BATCH], (one for one in [BATCH])), "validation has to be a loader with a length, .*got generator"),
        (([BATCH], []), "validation has no batches"),
    ],
)
def test_anything_else_is_refused(made: Any, said: str) -> None:
    with pytest.raises(TrainableError, match=said):
        Data.of(made)


def test_a_batch_is_a_pair() -> None:
    with pytest.raises(TrainableError, match="got Tensor"):
        list(Batches([torch.zeros(2, 3)], lambda: 0, None))


def test_an_epoch_draws_the_same_numbers_whatever_was_drawn_before() -> None:
    epochs = iter([0, 1, 0])
    batches = Batches([BATCH], lambda: next(epochs), seed=5)
    drawn = []
    for wasted in (1, 4, 9):
        torch.rand(wasted)
        list(batches)
        drawn.append(float(torch.rand(1)))
    assert drawn[0] == drawn[2] != drawn[1]


def test_classes_and_numbers() -> None:
    outputs, classes = torch.tensor([[3.0, 0.0], [0.0, 3.0], [3.0, 0.0]]), torch.tensor([0, 1, 1])
    assert default_score(outputs, classes) == pytest.approx(2 / 3)
    assert float(default_loss(outputs, classes)) == pytest.approx(
        float(torch.nn.functional.cross_entropy(outputs, classes))
    )
    numbers = torch.tensor([1.0, 2.0])
    assert default_score(torch.tensor([[1.0], [4.0]]), numbers) == pytest.approx(-2.0)
    assert float(default_loss(torch.tensor([[1.0], [4.0]]), numbers)) == pytest.approx(2.0)
    with pytest.raises(TrainableError, match=r"\(2, 2\), and targets of shape \(2,\)"):
        default_loss(torch.zeros(2, 2), numbers)
