"""What a process needs to run trials: the training function, or our own where a supernet is trained.

Worker processes import this, so it imports next to nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ..spaces import TrainableError, flatten
from ..spaces.architectures import architecture_of
from ..spaces.loading import Named
from ..trainables import Trainable, TrainableRef, TrialHandle, TrialSpec

DATA = "searcher: {type: one_shot, data: train.py:data}"
DATA_FORM = "write def data(config, trial), which gives training and validation batches"


def load(ref: TrainableRef, networks: Mapping[str, Any] | None = None) -> Trainable:
    """Import the training function, and what the sweep's networks are made of, so that no trial has to.

    Args:
        networks: the sweep's space of networks in plain data, with the sweep file's folder as seen from here.

    Raises:
        TrainableError: when the function cannot be imported.
        SpaceError, UsageError: when the networks, or NNI, are not here.
    """
    if networks is None:
        return ref.load()
    if "space" in networks:
        from ..spaces.from_nni.fixes import nni

        nni()  # before the user's file imports it: without its warnings
    found = ref.load()
    architecture_of(networks)
    return found


def runs(spec: TrialSpec, trainable: Trainable, origin: TrainableRef) -> Trainable:
    """The function of a trial: the user's, or for a supernet our own.

    Args:
        origin: where the user's function is; its data function is seen from there.
    """
    return trainable if spec.supernet is None else SupernetTraining(spec, origin)


class SupernetTraining:
    """Trains a supernet as a training function does; the user's function gives the data.

    Raises:
        SpaceError, TrainableError, UsageError: when called, for what is wrong with the data or the space.
    """

    def __init__(self, spec: TrialSpec, origin: TrainableRef) -> None:
        self._spec = spec
        self._origin = origin

    def __call__(self, config: dict[str, Any], trial: TrialHandle) -> None:
        from ..spaces.from_nni.fixes import strategies, with_tianshou

        options, description = self._spec.supernet or {}, self._spec.architecture or {}
        with_tianshou() if options["strategy"] == "enas" else strategies()
        from ..search.nas.one_shot.data import Data
        from ..search.nas.one_shot.searchable import Searchable
        from ..search.nas.one_shot.training import train_supernet

        architecture = architecture_of(description)
        searchable = Searchable.of(architecture, flatten(config))
        data = Data.of(self._data_function(options["data"])(config, trial))
        trial.architectures = train_supernet(options, architecture, searchable, data, trial).text()

    def _data_function(self, name: str | None) -> Any:
        file, colon, _ = self._origin.name.rpartition(":")
        if name is None and not colon:
            raise TrainableError(f"the supernet needs data, and {self._origin.name} is in no file: write {DATA}")
        function = Named(name or f"{file}:data", self._origin.directory, "data", TrainableError).find()
        if not callable(function):
            raise TrainableError(f"data: {name} is {type(function).__name__}, not a function")
        try:
            inspect.signature(function).bind({}, None)
        except TypeError:
            told = f"data: {name} takes {inspect.signature(function)}, and is called with a config and a trial"
            raise TrainableError(f"{told}: {DATA_FORM}") from None
        except ValueError:
            pass  # a builtin without a signature: calling it will tell
        return function
