"""What a training function knows of the trial it runs in, and tells of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..spaces import TrainableError, flatten
from .checkpoints import CheckpointStore
from .predictions import as_predictions
from .randomness import RandomState
from .reason import one_line
from .spec import Predictions, TrialSpec
from .splits import OTHER_DATA, Split, row_count, split_indices, take
from .targets import as_groups, as_sensitive, as_targets, class_names, fingerprint, is_classes
from .weights import RegisteredNetwork, Weights

if TYPE_CHECKING:
    import torch

    from ..spaces.architectures import Architecture

_NO_ARCHITECTURE = (
    "trial.build_model() needs a space of networks: add `architecture: {input: [3, 32, 32], output: 10, stages: "
    "[...]}` to the sweep, or build the network from the config yourself"
)


class TrialHandle:
    """The second argument of a training function.

    Attributes:
        number: the trial's number in its sweep.
        seed: seed for every random generator of this run (``random``, NumPy and torch are seeded with it already).
        max_steps: reports of a full run, from the sweep's fidelity; None without one.
        checkpoint: folder written by :meth:`save_checkpoint` to go on from, or None for a fresh start.
        rank, world_size: of this process among those that run the trial together (``resources: {workers: 4}``); the
            variables that ``torch.distributed`` reads are set. Reports and checkpoints of rank 0 count.
    """

    def __init__(self, spec: TrialSpec, checkpoint: Path | None = None, first_step: int = 0) -> None:
        self.number = spec.number
        self.seed = spec.seed
        self.max_steps = spec.max_steps
        self.checkpoint = checkpoint
        self.rank, self.world_size = spec.rank, spec.world_size
        self._spec = spec
        self._reporter: Callable[[Mapping[str, Any]], None] | None = None
        self._first_step = first_step
        self._store = CheckpointStore(spec.checkpoints) if spec.checkpoints and spec.rank == 0 else None
        self._staged: Path | None = None
        self._due: int | None = None
        self._next_step = first_step + 1
        self._predict: Any = None
        self._labels: Any = None
        self._split: Split | None = None
        self._sealed: tuple[Any, Any] | None = None
        self._resplit = False
        self._network: RegisteredNetwork | None = None
        self._built: torch.nn.Module | None = None
        self._kept_unasked = False  # the registered network is the built one
        self._kept: dict[str, _Kept] = {}
        self.data_id = ""
        self.train_rows = self.validation_rows = 0
        self.architectures = ""  # what a supernet found, as JSON
        self.inherited: bool | None = None  # whether the network began with weights of the parent; None: none was built

    @property
    def split_id(self) -> int:
        """Which train/validation split to use, for functions that split data themselves; 0 during the search."""
        self._resplit = True
        return self._spec.split_id

    def steps(self) -> Iterator[int]:
        """Indices of the steps still to train: from the checkpoint's step (0 for a fresh start) to ``max_steps - 1``.

        Raises:
            TrainableError: when the sweep has no fidelity, so that a full run has no length.
        """
        if self.max_steps is None:
            raise TrainableError(
                "trial.steps() needs the length of a full run: add `fidelity: {unit: epoch, min: 1, max: 27}` "
                "to the sweep, or write your own range"
            )
        return iter(range(self._first_step, self.max_steps))

    def split(
        self,
        inputs: Any,
        targets: Any,
        *,
        validation: float = 0.2,
        test: float = 0.2,
        groups: Any = None,
        sensitive: Any = None,
    ) -> Split:
        """Train and validation parts of a data set; the rest is sealed until the test phase.

        The sealed part is the same in every trial of the sweep. Train and validation are the same for all trials of
        the search and new for each replicate; with ``leaderboard: {folds: 5}`` in the sweep, replicates validate on one
        fold after the other of what is not sealed, and ``validation`` is not used. Classes keep their shares; float
        targets and several labels are not stratified.

        Args:
            inputs: array, tensor, data frame or list with n rows.
            targets: shape (n,); or shape (n, L) of 0 and 1, for L labels that do not exclude each other.
            validation, test: shares of all rows.
            groups: what rows belong to, such as a patient, shape (n,): rows of one group are never in two parts, and
                the shares are met as far as groups allow.
            sensitive: a column, shape (n,), by which predictions are compared later, such as an age group; it is kept
                with stored predictions, and changes no split.

        Raises:
            TrainableError: when the shapes or the shares do not fit, when there are too few rows or groups, or when
                targets, groups or shares are not those of earlier trials, so that the sealed part would be another one.
        """
        labels = as_targets(targets)
        if row_count(inputs) != len(labels):
            raise TrainableError(f"split: {row_count(inputs)} inputs and {len(labels)} targets")
        members = None if groups is None else as_groups(groups, len(labels))
        column = None if sensitive is None else as_sensitive(sensitive, len(labels))
        self._check_same_data(fingerprint(labels, validation, test, members))
        random_state = RandomState.now()
        rows = split_indices(
            labels, self._spec.data_seed, self._spec.split_id, validation, test, groups=members, folds=self._spec.folds
        )
        random_state.restore()  # the first split in a process imports a library that draws numbers on import
        self._resplit = True
        self._split = Split(
            x_train=take(inputs, rows.train),
            y_train=take(targets, rows.train),
            x_val=take(inputs, rows.validation),
            y_val=take(targets, rows.validation),
            classes=np.unique(labels) if is_classes(labels) else None,
        )
        self.train_rows, self.validation_rows = len(rows.train), len(rows.validation)
        names = class_names(targets)
        self._kept = {"validation": _Kept.of(rows.validation, names, column)}
        if self._spec.open_test:
            self._sealed = take(inputs, rows.test), take(targets, rows.test)
            self._kept["test"] = _Kept.of(rows.test, names, column)
        return self._split

    def _check_same_data(self, data_id: str) -> None:
        if data_id != (self.data_id or self._spec.data_id or data_id):
            raise TrainableError(OTHER_DATA)
        self.data_id = data_id

    def report(self, metrics: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Report metrics after one step of training; returns when training may go on.

        Only for plain functions; a generator yields the same mapping instead. A trial that is stopped leaves this
        call with an exception that is no ``Exception``: clean up in ``finally``, do not catch it.
        """
        if self._reporter is None:
            raise TrainableError("trial.report() is for plain functions; in a generator, yield the metrics")
        given: Any = {} if metrics is None else metrics
        self._reporter({**given, **more} if isinstance(given, Mapping) else given)  # all are checked in one place

    def save_checkpoint(self, write: Callable[[Path], None]) -> None:
        """Make the coming report resumable: call it before the report of the step just trained.

        Args:
            write: is called with an empty folder and writes the state into it. The folder counts only together with
                the report, so a kill in between leaves the previous checkpoint valid.
        """
        if self._store is None or not self._wanted():
            return
        self.discard_staged()
        staged = self._store.stage()
        try:
            write(staged)
        except BaseException:
            self._store.discard(staged)
            raise
        self._staged = staged

    def _wanted(self) -> bool:
        """Whether the next report's checkpoint is needed: by the sweep's rhythm, for a decision, or as the model."""
        return self._next_step % self._spec.save_every == 0 or self._next_step in (self._due, self.max_steps)

    def save_predictions(self, predictions: Any, labels: Any = None) -> None:
        """Keep predictions for ensembles and the sealed test.

        Args:
            predictions: a function from inputs to predictions, such as ``model.predict_proba``; it is called when the
                trial ends, also when it is stopped early, so give it before the first report. Or an array for the
                validation part; then there is no score on the sealed test. Class probabilities have shape (n, C) with
                columns in the order of sorted labels, probabilities of labels that do not exclude each other shape
                (n, L), regression outputs shape (n,).
            labels: the true values for an array of predictions; without them, the targets of ``trial.split``.

        Raises:
            TrainableError: for labels beside a function, which would not be used.
        """
        if callable(predictions) and labels is not None:
            raise TrainableError(
                "save_predictions: labels=... go with an array of predictions; a function is called with the parts "
                "of trial.split, whose targets are known: leave labels out"
            )
        self._predict, self._labels = predictions, labels

    def save_weights(self, network: Any) -> None:
        """Keep the weights of a torch module: they are stored as safetensors when the trial ends, also when stopped.

        Call it once the network is built, before a checkpoint is loaded into it and before training: its weights at
        that moment are fingerprinted, and only networks that started alike can be averaged.

        Raises:
            TrainableError: for what is no torch module, and for weights that safetensors cannot hold.
        """
        self._network, self._kept_unasked = RegisteredNetwork(network), False

    def build_model(self) -> torch.nn.Module:
        """The network that the trial's config chooses from the sweep's ``architecture``, on the CPU.

        Its weights are drawn from torch's generator, which is seeded; where the search lets networks inherit, what fits
        is taken from the trial's parent. The weights of replicates are kept, as :meth:`save_weights` keeps them; call
        that for those of search trials. Every call gives a network of its own; the last one counts.

        Raises:
            TrainableError: when the sweep has no ``architecture``, or the parent's weights cannot be read.
        """
        networks = self._networks()
        if networks is None:
            raise TrainableError(_NO_ARCHITECTURE)
        model = networks.build(flatten(self._spec.config))
        given = self._spec.inherit  # also before a checkpoint is loaded: it started from these weights
        self.inherited = given is not None and self._inherit(model, given)
        self._built = model
        self._network, self._kept_unasked = RegisteredNetwork(model), True
        return model

    def _inherit(self, model: torch.nn.Module, source: str | bytes) -> bool:
        """Give a network what fits of a parent's weights; whether anything did. It is kept with what the trial prints.

        Args:
            source: a safetensors file, or what is in it.

        Raises:
            TrainableError: when they cannot be read, and no checkpoint follows, which holds what became of them.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load, load_file

        from ..spaces.networks.inherit import inherit

        try:
            weights = load(source) if isinstance(source, bytes) else load_file(source)
        except (OSError, SafetensorError) as error:
            where = "" if isinstance(source, bytes) else f" {source}"
            text = f"the weights of the trial's parent cannot be read{where}: {one_line(error)}"
            if self.checkpoint is None:
                raise TrainableError(text) from error
            print(f"trial {self.number}: {text}")
            return True
        made = inherit(model, weights)
        if self.checkpoint is None and not self._spec.open_test:  # else it was said when training began
            print(f"trial {self.number}: weights of the parent: {made}")
        return bool(made.copied or made.sliced)

    def _networks(self) -> Architecture | None:
        if self._spec.architecture is None:
            return None
        from ..spaces.architectures import architecture_of

        return architecture_of(self._spec.architecture)

    # What follows is for the session that runs the trial.

    @property
    def resplit(self) -> bool:
        """Whether the data were split by this trial's split id."""
        return self._resplit

    @property
    def testable(self) -> bool:
        """Whether the sealed test part could be predicted: the data are split and predictions come from a function."""
        return self._split is not None and callable(self._predict)

    def attach(self, reporter: Callable[[Mapping[str, Any]], None]) -> None:
        """Send reports of a plain function to ``reporter``."""
        self._reporter = reporter

    def expect(self, step: int, due: int | None) -> None:
        """The next report has number ``step``; a decision is made after report ``due``."""
        self._next_step, self._due = step, due

    def commit_checkpoint(self, step: int) -> str | None:
        """Make the staged checkpoint durable as that of ``step``; its path or URL."""
        if self._staged is None or self._store is None:
            return None
        place = self._store.commit(self._staged, f"step-{step:06d}-{self._spec.segment}-{self._spec.attempt}")
        self._staged = None
        return place

    def sweep(self) -> None:
        """Remove what killed attempts left half-written."""
        if self._store is not None:
            self._store.sweep()

    def discard_staged(self) -> None:
        """Forget a checkpoint that no report followed."""
        if self._staged is not None and self._store is not None:
            self._store.discard(self._staged)
            self._staged = None

    def collect_predictions(self) -> dict[str, Predictions]:
        """Checked predictions by part: "validation" and, in the test phase, "test".

        Raises:
            TrainableError: when what was given to :meth:`save_predictions` cannot be used.
        """
        if self._predict is None:
            return {}
        if not callable(self._predict):
            return {"validation": self._array_predictions()}
        if self._split is None:
            raise TrainableError("save_predictions: a function needs trial.split(inputs, targets) first")
        parts = {"validation": (self._split.x_val, self._split.y_val)}
        if self._sealed is not None:
            parts["test"] = self._sealed
        return {
            part: self._kept[part].added_to(
                as_predictions(self._predict(inputs), as_targets(targets), self._split.classes)
            )
            for part, (inputs, targets) in parts.items()
        }

    def collect_weights(self) -> Weights | None:
        """Weights of the registered network; None without one, beside the first process, and in the test phase.

        Raises:
            TrainableError: when they cannot be stored.
        """
        if self._network is None or self._spec.rank or self._spec.open_test:
            return None
        if self._kept_unasked and not self._spec.keep_network:
            return None
        return self._network.collect()

    @property
    def predict(self) -> Callable[[Any], Any] | None:
        """The function given to :meth:`save_predictions`; None when there is none."""
        return self._predict if callable(self._predict) else None

    @property
    def made_split(self) -> Split | None:
        """What :meth:`split` answered; None when the data were not split by it."""
        return self._split

    @property
    def sealed(self) -> tuple[Any, Any] | None:
        """Inputs and targets of the test part; None outside the test phase."""
        return self._sealed

    @property
    def network(self) -> Any:
        """The module given to :meth:`save_weights`; None when there is none."""
        return self._network.network if self._network else None

    def measure(self, names: Collection[str]) -> dict[str, float]:
        """Those of ``names`` that can be measured on the network of :meth:`build_model`; none before it was called.

        What cannot be measured, and why, is kept with what the trial prints.
        """
        networks = self._networks()
        if self._built is None or networks is None:
            return {}
        from ..spaces.networks.measures import measure

        shape = networks.input_shape
        found = measure(names, self._built, None)
        passes = [name for name in names if name not in found]
        try:
            found |= measure(passes, self._built, shape, self._spec.latency)
        except Exception as error:  # noqa: BLE001 - the network is the user's, and may take another input
            print(f"{', '.join(passes)} cannot be measured for an example of shape {shape}: {one_line(error)}")
        return found

    @property
    def built(self) -> bool:
        """Whether :meth:`build_model` was called."""
        return self._built is not None

    def _array_predictions(self) -> Predictions:
        if self._labels is not None:
            labels = as_targets(self._labels)
            made = as_predictions(self._predict, labels, np.unique(labels) if is_classes(labels) else None)
            return replace(made, names=class_names(self._labels))
        if self._split is None:
            raise TrainableError("save_predictions: give labels=..., or split the data with trial.split")
        made = as_predictions(self._predict, as_targets(self._split.y_val), self._split.classes)
        return self._kept["validation"].added_to(made)


@dataclass(frozen=True)
class _Kept:
    """What is stored beside predictions of one part: names of classes, row numbers, values of a sensitive column."""

    names: tuple[str, ...]
    rows: npt.NDArray[np.int64]
    sensitive: npt.NDArray[np.str_] | None

    @classmethod
    def of(cls, rows: npt.NDArray[np.int64], names: tuple[str, ...], column: npt.NDArray[np.str_] | None) -> _Kept:
        return cls(names, rows, None if column is None else column[rows])

    def added_to(self, predictions: Predictions) -> Predictions:
        return replace(predictions, names=self.names, rows=self.rows, sensitive=self.sensitive)
