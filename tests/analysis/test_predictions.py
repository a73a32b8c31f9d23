"""Stored predictions are read as memory maps, checked, and put together where they fit."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.analysis import predictions
from assay.analysis.predictions import PredictionStore
from assay.search import Artifact, Trial
from assay.spaces import AssayError, NotFoundError

from .conftest import Recorder, probabilities

MakeRecorder = Callable[..., Recorder]
TARGETS = np.arange(40) % 4


def guesses(seed: int, targets: Any = TARGETS) -> Any:
    return probabilities(np.random.default_rng(seed), targets, 4, 1.0)


def store_of(made: Recorder) -> PredictionStore:
    return made.results().predictions


def old_file(made: Recorder, trial: Trial, values: Any, targets: Any) -> Path:
    """Predictions as version 0.3 kept them: one archive."""
    file = io.BytesIO()
    np.savez(file, values=np.asarray(values, np.float32), targets=targets)
    relative = f"demo/predictions/trial-{trial.number:05d}-validation.npz"
    path = made.ledger.store / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.getvalue())
    checksum = hashlib.sha256(file.getvalue()).hexdigest()
    made.ledger.update_trial(
        made.record, trial, [Artifact(trial.number, "validation", relative, checksum, path.stat().st_size)]
    )
    return path


def test_predictions_for_the_same_examples(recorder: MakeRecorder) -> None:
    made = recorder()
    more = {"names": tuple("abcd"), "rows": np.arange(40) * 2, "sensitive": np.array(["x", "y"] * 20)}
    for seed in range(3):
        made.predict(made.search([0.9]), "validation", guesses(seed), TARGETS, **more)
    store = store_of(made)
    assert store.numbers("validation") == [0, 1, 2]
    assert store.numbers("test") == []
    found = store.read([2, 0], "validation")
    assert (found.part, found.trials, found.kind, found.classes) == ("validation", (2, 0), "classes", tuple("abcd"))
    assert found.rows is not None and found.groups is not None
    assert (found.rows.tolist(), found.groups.tolist()) == ((np.arange(40) * 2).tolist(), ["x", "y"] * 20)
    np.testing.assert_array_equal(found.targets, TARGETS)
    assert [type(values) for values in found.values] == [np.memmap, np.memmap]
    assert len(found) == len(found.values) == 2
    np.testing.assert_allclose(found.of(0), guesses(0), atol=5e-4)
    np.testing.assert_array_equal(found.stack(), [found.of(2), found.of(0)])
    np.testing.assert_array_equal(found.stack([0]), [found.of(0)])
    np.testing.assert_array_equal(found.values[1:][0], found.values[1])
    true = found.true_probability()
    assert (true.shape, true.dtype) == ((2, 40), np.float32)
    np.testing.assert_array_equal(true[1], found.of(0)[np.arange(40), TARGETS])


def test_labels_and_outputs(recorder: MakeRecorder) -> None:
    made = recorder()
    labels = np.array([[0, 1], [1, 1], [0, 0]], dtype=np.int8)
    made.predict(made.search([0.9]), "validation", labels * 0.9, labels)
    made.predict(made.search([0.9]), "validation", [1.0, 2.0, 3.0], np.array([1.5, 2.5, 3.5]))
    store = store_of(made)
    first, second = store.read([0], "validation"), store.read([1], "validation")
    assert (first.kind, first.classes, first.targets.tolist()) == ("labels", ("0", "1"), labels.tolist())
    assert (second.kind, second.classes, second.values[0].dtype) == ("outputs", (), np.float32)
    for one in (first, second):
        with pytest.raises(ValueError, match="the true class of"):
            one.true_probability()


def test_the_test_part_is_named_by_the_trial_whose_model_predicted_it(recorder: MakeRecorder) -> None:
    made = recorder()
    models = [made.search([0.9]) for _ in range(2)]
    for model in models:
        made.test(model, guesses(model.number), TARGETS)
    store = store_of(made)
    assert store.numbers("test") == [0, 1]
    assert store.read([1], "test").trials == (1,)
    with pytest.raises(NotFoundError, match=r"sweep 'demo': trial 2 keeps no test predictions: only the models of"):
        store.read([2], "test")


def test_what_does_not_fit_is_left_out_and_said_why(recorder: MakeRecorder) -> None:
    made = recorder()
    rows = np.arange(40)
    for targets, known in ((TARGETS[::-1], rows), (TARGETS, rows), (TARGETS, rows), (TARGETS, rows + 1)):
        made.predict(made.search([0.9]), "validation", guesses(0, targets), targets, rows=known)
    made.predict(made.search([0.9]), "validation", np.full((40, 5), 0.2), TARGETS)
    made.predict(made.search([0.9]), "validation", np.zeros(40), np.full(40, np.nan))
    made.search([0.9])
    found = store_of(made).read(range(7), "validation")
    assert found.trials == (1, 2)
    assert found.left_out == {
        0: "predicted other examples",
        3: "predicted other rows of the data",
        4: "predictions of shape (40, 5), the others (40, 4)",
        5: "predictions of shape (40,), the others (40, 4)",
        6: "keeps no validation predictions",
    }


def test_nothing_to_read(recorder: MakeRecorder) -> None:
    made = recorder()
    made.search([0.9])
    with pytest.raises(NotFoundError, match=r"trial 0 keeps no validation predictions: call trial.save_predictions"):
        store_of(made).read([0], "validation")
    with pytest.raises(NotFoundError, match="2 trials keep no validation predictions"):
        store_of(made).read([0, 1], "validation")


def test_files_of_version_0_3_are_read_and_fit_to_new_ones(recorder: MakeRecorder) -> None:
    made = recorder()
    first, second = made.search([0.9]), made.search([0.9])
    old_file(made, first, guesses(0), TARGETS)
    made.predict(second, "validation", guesses(1), TARGETS, names=tuple("abcd"), rows=np.arange(40))
    found = store_of(made).read([0, 1], "validation")
    assert (found.trials, found.left_out, found.classes) == ((0, 1), {}, tuple("abcd"))
    assert found.rows is not None, "known from the newer file"
    np.testing.assert_array_equal(found.of(0), guesses(0))
    alone = store_of(made).read([0], "validation")
    assert (alone.kind, alone.classes, alone.rows, alone.groups) == ("classes", ("0", "1", "2", "3"), None, None)
    np.testing.assert_array_equal(alone.true_probability()[0], guesses(0)[np.arange(40), TARGETS])


@pytest.mark.parametrize("damage", ["values", "examples", "missing values", "missing examples", "old"])
def test_a_damaged_file(recorder: MakeRecorder, damage: str) -> None:
    made = recorder()
    trial = made.search([0.9])
    path = old_file(made, trial, guesses(0), TARGETS) if damage == "old" else None
    path = path or made.predict(trial, "validation", guesses(0), TARGETS)
    if damage.endswith("examples"):
        (path,) = path.parent.glob("examples-*.npz")
    store_of(made).read([0], "validation")  # known to be whole: a change is seen all the same
    if damage.startswith("missing"):
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    with pytest.raises(AssayError) as caught:
        store_of(made).read([0], "validation")
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith("restore the file or the store")


def test_a_file_is_hashed_once(recorder: MakeRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    made = recorder()
    for seed in range(3):
        made.predict(made.search([0.9]), "validation", guesses(seed), TARGETS)
    hashed = []
    digest = hashlib.file_digest

    def counted(file: Any, name: str) -> Any:
        hashed.append(Path(file.name).name)
        return digest(file, name)

    monkeypatch.setattr(predictions.hashlib, "file_digest", counted)
    for _ in range(2):
        store_of(made).read(range(3), "validation")
    assert len(hashed) == len(set(hashed)) == 4, "three files of values, and one of examples"


def test_a_replicate_is_known_by_its_own_number(recorder: MakeRecorder) -> None:
    made = recorder()
    parent = made.search([0.9])
    for run in made.replicate(parent, [0.9, 0.8]):
        made.predict(run, "validation", guesses(run.number), TARGETS)
        made.test(replace(run), guesses(run.number), TARGETS)
    store = store_of(made)
    assert (store.numbers("validation"), store.numbers("test")) == ([1, 2], [1, 2])


def test_many_trials_are_neither_open_nor_in_memory_at_once(recorder: MakeRecorder) -> None:
    """The probabilities of the true class of all trials: a tenth of what is stored, and little beside it."""
    made, trials, examples = recorder(), 100, 2000
    targets = np.arange(examples) % 20
    values = probabilities(np.random.default_rng(0), targets, 20, 1.0)
    trial = made.search([0.9])
    written = made.predict(trial, "validation", values, targets)
    files = made.ledger.artifacts(made.record)
    for number in range(1, trials):
        one = made.search([0.9])
        copied = written.with_name(f"trial-{number:05d}-validation.npy")
        copied.hardlink_to(written)
        relative = str(copied.relative_to(made.ledger.store))
        changed = [replace(file, trial=number) for file in files]
        changed = [replace(file, path=relative) if file.kind == "validation" else file for file in changed]
        made.ledger.update_trial(made.record, one, changed)
    store = store_of(made)
    opened = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0
    tracemalloc.start()
    found = store.read(range(trials), "validation")
    gathered = found.true_probability()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    stored = trials * values.size * 2
    assert gathered.nbytes == stored / 10
    assert peak < gathered.nbytes + stored / 10
    if opened:
        assert len(list(Path("/proc/self/fd").iterdir())) <= opened + 2
