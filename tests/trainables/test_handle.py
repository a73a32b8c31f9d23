"""The trial that a training function sees: steps, checkpoints, and the seal on the test rows."""

from __future__ import annotations

import dataclasses
import functools
import gc
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from assay.spaces import TrainableError
from assay.trainables import Finished, Reported, Session, TrialHandle, TrialSpec
from assay.trainables.splits import split_indices

SPEC = TrialSpec(1, {}, metric="loss")


def test_what_the_trial_knows() -> None:
    handle = TrialHandle(TrialSpec(4, {}, "loss", seed=5, split_id=6, max_steps=7, rank=1, world_size=2), Path("/x"))
    assert (handle.number, handle.seed, handle.max_steps, handle.checkpoint) == (4, 5, 7, Path("/x"))
    assert (handle.rank, handle.world_size) == (1, 2)
    assert not handle.resplit
    assert handle.split_id == 6
    assert handle.resplit, "who asks for the split id splits by it"


def test_steps_still_to_train() -> None:
    spec = dataclasses.replace(SPEC, max_steps=3)
    assert list(TrialHandle(spec).steps()) == [0, 1, 2]
    assert list(TrialHandle(spec, first_step=2).steps()) == [2]
    assert list(TrialHandle(spec, first_step=3).steps()) == []
    with pytest.raises(TrainableError, match="needs the length of a full run: add `fidelity"):
        TrialHandle(SPEC).steps()


# The seal. Row i of the inputs holds MARK + i, so that a test row is found in whatever form it is kept.

MARK, ROWS = 7_000_000, 100


def _array() -> Any:
    return np.arange(MARK, MARK + ROWS).reshape(ROWS, 1)


CONTAINERS: dict[str, Callable[[], Any]] = {
    "array": _array,
    "one column of a larger array": lambda: np.hstack([_array(), _array()])[:, :1],
    "list": lambda: _array()[:, 0].tolist(),
    "list of text": lambda: [f"row {value}" for value in _array()[:, 0].tolist()],
    "tensor": lambda: torch.from_numpy(_array()),
    "tensor with gradients": lambda: torch.from_numpy(_array().astype(np.float64)).requires_grad_(),
    "frame": lambda: pd.DataFrame({"a": _array()[:, 0], "b": [f"row {value}" for value in _array()[:, 0].tolist()]}),
    "series": lambda: pd.Series(_array()[:, 0], index=_array()[:, 0]),
}


def reachable(*roots: Any) -> Iterator[Any]:
    """Everything that the garbage collector, buffers, views and tensors lead to, modules and code left out."""
    skipped = (type, types.ModuleType, types.CodeType, types.BuiltinFunctionType)
    seen: dict[int, Any] = {}
    waiting = list(roots)
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, skipped):
            continue
        seen[id(item)] = item
        yield item
        waiting.extend(_next(item))


def _next(item: Any) -> list[Any]:
    found = gc.get_referents(item)
    if isinstance(item, types.FunctionType):
        found = [item.__closure__, item.__defaults__, item.__kwdefaults__]
    if isinstance(item, np.ndarray):
        found += [item.base, *(item.ravel().tolist() if item.dtype == object else [])]
    if isinstance(item, torch.Tensor):
        found += [item._base, item.grad_fn]
        found.append(np.frombuffer(bytes(item.detach().untyped_storage()), dtype=_numpy_type(item)))
    if hasattr(type(item), "next_functions"):  # a step of a tensor's history
        found += [getattr(item, "variable", None), item.next_functions]
    if isinstance(item, pd.api.extensions.ExtensionArray):
        found.append(np.asarray(item, dtype=object))
    return found


def _numpy_type(tensor: torch.Tensor) -> np.dtype[Any]:
    return torch.zeros(0, dtype=tensor.dtype).numpy().dtype


def rows_in(*roots: Any) -> set[int]:
    """Rows of the data set whose values can be reached, by value."""
    rows: set[int] = set()
    for item in reachable(*roots):
        if isinstance(item, np.ndarray) and item.dtype.kind in "iuf":
            rows.update(int(value) - MARK for value in item.ravel().tolist() if MARK <= value < MARK + ROWS)
        elif isinstance(item, (int, float)) and MARK <= item < MARK + ROWS:
            rows.add(int(item) - MARK)
        elif isinstance(item, str) and item.startswith("row "):
            rows.add(int(item[4:]) - MARK)
    return rows


def has_indices(test: set[int], *roots: Any) -> bool:
    """Whether an array or a list of the test part's row numbers, or of a selection that covers it, can be reached."""
    for item in reachable(*roots):
        if isinstance(item, np.ndarray) and item.dtype.kind in "iu" and item.size and item.max() < ROWS:
            if test <= set(item.ravel().tolist()):
                return True
        elif isinstance(item, (list, tuple, set)) and all(isinstance(value, int) for value in item):
            if test <= set(item):
                return True
        elif isinstance(item, np.ndarray) and item.dtype == bool and item.size == ROWS:
            return True
    return False


def test_the_walk_finds_what_is_hidden() -> None:
    base = _array()
    tensor = CONTAINERS["tensor with gradients"]()
    assert rows_in(base[:1]) == set(range(ROWS)), "the base of a view"
    assert rows_in(torch.from_numpy(base)[:1]) == set(range(ROWS)), "the storage of a view"
    assert rows_in(tensor[np.array([3])]) == set(range(ROWS)), "the history of a tensor"
    assert rows_in(lambda: base) == set(range(ROWS)), "a closure"
    assert rows_in({"a": [functools.partial(print, base)]}) == set(range(ROWS))
    for name, make in CONTAINERS.items():
        assert rows_in(make()) == set(range(ROWS)), name
    assert has_indices({1, 5}, [np.array([5, 0, 1])])


def _labels(kind: str) -> Any:
    """Targets that are markers too: MARK + i as a float, or two classes."""
    return np.arange(MARK, MARK + ROWS, dtype=np.float64) if kind == "floats" else np.arange(ROWS) % 2


def _run(container: str, targets: str, open_test: bool, column: str = "") -> tuple[Session, Any]:
    """A session that waits after its first report, and the split that its function got."""
    kept: list[Any] = []

    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        kept.append(trial.split(CONTAINERS[container](), _labels(targets), **_columns(column)))
        trial.save_predictions(functools.partial(_predict, targets))
        yield {"loss": 1.0}
        yield {"loss": 1.0}

    session = Session(train, TrialSpec(1, {}, "loss", data_seed=3, open_test=open_test))
    assert isinstance(session.advance(), Reported)
    return session, kept[0]


def _columns(name: str) -> dict[str, list[str]]:
    return {name: [f"row {value}" for value in _array()[:, 0].tolist()]} if name else {}


def _predict(targets: str, inputs: Any) -> Any:
    return np.zeros(len(inputs)) if targets == "floats" else np.full((len(inputs), 2), 0.5)


def _test_rows(targets: str) -> set[int]:
    return set(split_indices(_labels(targets), 3, 0, 0.2, 0.2).test.tolist())


@pytest.mark.parametrize("targets", ["floats", "classes"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_no_sealed_row_can_be_reached_during_the_search(container: str, targets: str) -> None:
    session, split = _run(container, targets, open_test=False)
    test = _test_rows(targets)
    roots = (session, session._handle, split)
    assert rows_in(*roots) == set(range(ROWS)) - test
    assert not has_indices(test, *roots)
    event = session.stop()
    assert isinstance(event, Finished)
    assert list(event.predictions) == ["validation"]
    assert rows_in(event, *roots) == set(range(ROWS)) - test


@pytest.mark.parametrize("column", ["groups", "sensitive"])
def test_no_sealed_value_of_a_column_can_be_reached_during_the_search(column: str) -> None:
    session, split = _run("array", "classes", open_test=False, column=column)
    test = set(range(ROWS)) - rows_in(split)
    assert len(test) == 20
    assert rows_in(session, session._handle) == set(range(ROWS)) - test
    assert not has_indices(test, session, session._handle, split)
    event = session.stop()
    assert isinstance(event, Finished)
    assert rows_in(event) <= set(range(ROWS)) - test
    assert (event.train_rows, event.validation_rows) == (60, 20)


@pytest.mark.parametrize("targets", ["floats", "classes"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_the_test_phase_predicts_the_sealed_rows(container: str, targets: str) -> None:
    session, split = _run(container, targets, open_test=True)
    test = _test_rows(targets)
    assert rows_in(split) == set(range(ROWS)) - test, "the function itself sees none of them in any phase"
    assert rows_in(session) == set(range(ROWS)), "the walk would find them"
    event = session.stop()
    assert isinstance(event, Finished)
    assert sorted(event.predictions) == ["test", "validation"]
    wanted = _labels(targets)[sorted(test)]
    np.testing.assert_array_equal(event.predictions["test"].targets, wanted)


def test_the_sealed_part_is_used_by_collect_predictions_alone() -> None:
    seen: list[int] = []
    handle = TrialHandle(dataclasses.replace(SPEC, open_test=True))
    split = handle.split(np.arange(50), np.arange(50.0))

    def predict(inputs: Any) -> Any:
        seen.append(len(inputs))
        return np.zeros(len(inputs))

    handle.save_predictions(predict)
    assert seen == []
    handle.collect_predictions()
    assert seen == [len(split.x_val), 10]


@pytest.mark.parametrize("open_test", [False, True])
def test_the_phase_changes_nothing_for_the_function(open_test: bool) -> None:
    handle = TrialHandle(dataclasses.replace(SPEC, open_test=open_test))
    split = handle.split(np.arange(50), np.arange(50.0))
    plain = TrialHandle(SPEC).split(np.arange(50), np.arange(50.0))
    assert split.x_train.tolist() == plain.x_train.tolist()
    assert split.x_val.tolist() == plain.x_val.tolist()
