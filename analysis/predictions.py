"""Stored predictions of trials, read as memory maps."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from ..search import Artifact, Ledger, Phase, SweepRecord
from ..spaces import DamagedFileError, NotFoundError
from .prediction_files import Examples
from .scorers import Array, Floats, Kind

Part = Literal["validation", "test"]
EXAMPLES = "{part}-targets"
"""Kind of the artifact with the examples of a part."""

_verified: set[tuple[str, str, int, int]] = set()


class ValueMaps(Sequence[Floats]):
    """Predictions of one trial after the other, each a memory map that is opened when it is asked for.

    Not kept open: a process may have about a thousand files open, and a sweep has more trials. Files of version 0.3 are
    archives, which are read instead.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> Floats: ...

    @overload
    def __getitem__(self, index: slice) -> ValueMaps: ...

    def __getitem__(self, index: int | slice) -> Floats | ValueMaps:
        if isinstance(index, slice):
            return ValueMaps(self._files[index])
        file = self._files[index]
        if file.suffix == ".npy":
            mapped: Floats = np.load(file, mmap_mode="r", allow_pickle=False)
            return mapped
        with np.load(file, allow_pickle=False) as archive:
            read: Floats = archive["values"]
            return read

    def __iter__(self) -> Iterator[Floats]:
        return (self[index] for index in range(len(self)))


@dataclass(frozen=True)
class PredictionSet:
    """Predictions of several trials for the same examples of one part of the data.

    Args:
        part: ``validation`` or ``test``.
        trials: in the order that was asked for; of the test part, those whose models predicted it.
        values: of each trial, opened when asked for: probabilities (float16 or float32), shape (n, C), with rows that
            sum to 1 up to rounding; of labels, shape (n, L); or outputs (float32), shape (n,).
        targets: class indices 0..C-1, shape (n,); labels of 0 and 1, shape (n, L); or measurements, shape (n,).
        kind: ``classes``, ``labels`` or ``outputs``.
        classes: names of the classes or labels, in the order of the columns; empty for outputs.
        groups: value of the sensitive column for each example, shape (n,); None without one.
        rows: numbers of the examples in the data set that was split, shape (n,); None when they are not known.
        left_out: trials that were asked for and do not fit, and why.
    """

    part: Part
    trials: tuple[int, ...]
    values: ValueMaps
    targets: Array
    kind: Kind
    classes: tuple[str, ...] = ()
    groups: npt.NDArray[np.str_] | None = None
    rows: npt.NDArray[np.int64] | None = None
    left_out: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.trials)

    def of(self, trial: int) -> npt.NDArray[np.float32]:
        """Predictions of one trial, in memory, float32."""
        return self.values[self.trials.index(trial)].astype(np.float32)

    def stack(self, trials: Sequence[int] | None = None) -> npt.NDArray[np.float32]:
        """Predictions of some of the trials (default: all), in memory, shape (M, n, ...), float32."""
        wanted = self.trials if trials is None else trials
        first = self.values[0]
        stacked = np.empty((len(wanted), *first.shape), dtype=np.float32)
        for place, trial in enumerate(wanted):
            stacked[place] = self.values[self.trials.index(trial)]
        return stacked

    def true_probability(self) -> npt.NDArray[np.float32]:
        """Probability that each trial gives to the true class of each example, shape (M, n), float32.

        Raises:
            ValueError: for other targets than classes.
        """
        if self.kind != "classes":
            raise ValueError(f"the true class of {self.kind} is not defined")
        examples = np.arange(len(self.targets))
        gathered = np.empty((len(self), len(examples)), dtype=np.float32)
        for place, values in enumerate(self.values):
            gathered[place] = values[examples, self.targets]
        return gathered


class PredictionStore:
    """The predictions that the trials of a sweep have stored.

    Args:
        ledger, record: of the sweep; artifacts are looked up once.
    """

    def __init__(self, ledger: Ledger, record: SweepRecord) -> None:
        self._ledger = ledger
        self._record = record
        self._examples: dict[Path, Examples] = {}

    def numbers(self, part: Part) -> list[int]:
        """Trials that stored predictions for ``part``; of the test part, those whose models predicted it."""
        return list(self._stored[part])

    def read(self, trials: Iterable[int], part: Part) -> PredictionSet:
        """Predictions of those of the trials that predicted the same examples; the largest such set.

        Raises:
            NotFoundError: when none of them has any.
            DamagedFileError: for a file that is missing, or is not as it was written.
        """
        wanted = list(dict.fromkeys(trials))
        stored = self._stored[part]
        files = {number: stored[number] for number in wanted if number in stored}
        left_out = {number: f"keeps no {part} predictions" for number in wanted if number not in stored}
        if not files:
            raise NotFoundError(self._nothing(wanted, part))
        examples = {number: self._read_examples(number, part) for number in files}
        paths = {number: _checked(self._ledger.store, file) for number, file in files.items()}
        shapes = {number: ValueMaps([path])[0].shape for number, path in paths.items()}
        fitting = _largest(examples, shapes)
        for number in files.keys() - set(fitting):
            left_out[number] = _why_not(examples[number], shapes[number], examples[fitting[0]], shapes[fitting[0]])
        shared = next((examples[n] for n in fitting if examples[n].rows is not None), examples[fitting[0]])
        columns = shapes[fitting[0]][1:]
        return PredictionSet(
            part=part,
            trials=tuple(fitting),
            values=ValueMaps([paths[number] for number in fitting]),
            targets=shared.targets,
            kind=shared.kind,
            classes=shared.names or tuple(map(str, range(columns[0] if columns else 0))),
            groups=shared.sensitive,
            rows=shared.rows,
            left_out=dict(sorted(left_out.items())),
        )

    def _nothing(self, wanted: list[int], part: Part) -> str:
        whose = f"trial {wanted[0]} keeps" if len(wanted) == 1 else f"{len(wanted)} trials keep"
        cure = "call trial.save_predictions in the training function"
        if part == "test":
            cure = "only the models of the winner, of those tied with it and of the ensemble predict it, at the end"
        return f"sweep {self._record.name!r}: {whose} no {part} predictions: {cure}"

    @cached_property
    def _stored(self) -> dict[Part, dict[int, Artifact]]:
        parents = {trial.number: trial.parent for trial in self._ledger.trials(self._record, Phase.TEST)}
        tested = {}
        for file in self._ledger.artifacts(self._record, "test"):
            model = parents.get(file.trial)
            if model is not None:
                tested[model] = file
        validated = {f.trial: f for f in self._ledger.artifacts(self._record, "validation") if f.trial not in parents}
        return {"validation": validated, "test": dict(sorted(tested.items()))}

    @cached_property
    def _targets(self) -> dict[tuple[int, str], Artifact]:
        kinds = [EXAMPLES.format(part=part) for part in ("validation", "test")]
        return {(f.trial, f.kind): f for kind in kinds for f in self._ledger.artifacts(self._record, kind)}

    def _read_examples(self, number: int, part: Part) -> Examples:
        """Of a trial; those of version 0.3 are in the file of its values."""
        values = self._stored[part][number]
        file = self._targets.get((values.trial, EXAMPLES.format(part=part)), values)
        path = self._ledger.store / file.path
        if path not in self._examples:
            _checked(self._ledger.store, file)
            self._examples[path] = Examples.read(path.read_bytes())
        return self._examples[path]


def _largest(examples: dict[int, Examples], shapes: dict[int, tuple[int, ...]]) -> list[int]:
    """The trials of the largest set with the same targets, shape and rows; unknown rows fit to any."""
    alike = {number: (one.targets_id or str(number), shapes[number]) for number, one in examples.items()}
    most = Counter(alike.values()).most_common(1)[0][0]
    near = [number for number in examples if alike[number] == most]
    known = Counter(examples[number].rows_id for number in near if examples[number].rows_id)
    rows = known.most_common(1)[0][0] if known else ""
    return [number for number in near if examples[number].rows_id in ("", rows)]


def _why_not(one: Examples, shape: tuple[int, ...], other: Examples, wanted: tuple[int, ...]) -> str:
    if shape != wanted:
        return f"predictions of shape {shape}, the others {wanted}"
    if not one.targets_id:
        return "its targets contain NaN or infinity"
    return "predicted other examples" if one.targets_id != other.targets_id else "predicted other rows of the data"


def _checked(store: Path, file: Artifact) -> Path:
    """The file of an artifact, once it is known to be as it was written; hashed once in a process unless it changes.

    Raises:
        DamagedFileError: when it is missing or another.
    """
    path = store / file.path
    try:
        found = path.stat()
        key = (str(path), file.sha256, found.st_mtime_ns, found.st_size)
        if key in _verified:
            return path
        with path.open("rb") as content:
            checksum = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise DamagedFileError(f"{path} cannot be read: {error.strerror}; restore the file or the store") from error
    if checksum != file.sha256:
        raise DamagedFileError(f"{path} is not as it was written (another SHA-256): restore the file or the store")
    _verified.add(key)
    return path
