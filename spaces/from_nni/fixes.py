"""NNI 3.0, imported in one place: without its warnings, and with the few mends that today's libraries need."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, wraps
from importlib import import_module, reload
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import UsageError

VERSION = "3.0"
LOCK = threading.RLock()
"""NNI keeps the network that is being built in a stack of the whole process: one thread at a time may build."""

_mended: set[Callable[[], None]] = set()


@lru_cache(maxsize=1)
def nni() -> ModuleType:
    """The package ``nni``, with what networks are made of imported and mended.

    Raises:
        UsageError: when it is not installed, or another version.
    """
    with importing():
        package = import_module("nni")
        if package.__version__ != VERSION:
            raise UsageError(f'expected NNI {VERSION}, got {package.__version__}: pip install "assay[nas]"')
        with _without_lightning(package):
            import_module("nni.nas.nn.pytorch")
        mend(_own_sample, _text_of_built)
    logging.getLogger("nni").setLevel(logging.WARNING)  # it tells on the standard output of each cell that it builds
    return package


def strategies() -> ModuleType:
    """:func:`nni`, with its strategies, which load Lightning.

    Raises:
        UsageError: when NNI or pytorch-lightning is not installed.
    """
    package = nni()
    with importing(), with_gym():
        import_module("nni.nas.strategy")
        mend(_freeze_without_bias)
    return package


@contextmanager
def importing() -> Iterator[None]:
    """For imports of NNI, and what else needs its libraries: in one thread at a time, and without NNI's warnings.

    Raises:
        UsageError: when NNI or pytorch-lightning is not installed.
    """
    with LOCK, _quiet():
        try:
            yield
        except ImportError as error:
            raise UsageError(f'NNI cannot be imported: pip install "assay[nas]" ({error})') from error


def with_tianshou() -> ModuleType:
    """:func:`strategies`, for those that learn a policy (PolicyBasedRL, ENAS).

    Raises:
        UsageError: when tianshou or gymnasium is not installed.
    """
    package = strategies()
    policies = import_module("nni.nas.strategy.rl")
    if not policies.has_tianshou:  # also where the user's file imported it, which finds no gym
        with importing(), with_gym():
            reload(policies)
    if not policies.has_tianshou:
        raise UsageError('strategies of NNI that learn a policy need tianshou: pip install "assay[nas,nas-rl]"')
    return package


def mend(*mends: Callable[[], None]) -> None:
    """Apply changes to NNI, each once in a process; for what only some of its strategies need."""
    with LOCK:
        for one in mends:
            if one not in _mended:
                one()
                _mended.add(one)


def plain(sample: Mapping[str, Any]) -> dict[str, Any]:
    """An NNI sample with Python's numbers: its draws from distributions are numpy's, which JSON refuses."""
    return {label: _plain(value) for label, value in sample.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return [_plain(one) for one in value] if isinstance(value, list) else value


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of the import, which say nothing about the user's code."""
    with warnings.catch_warnings():
        # torch.nn has members that are no modules, such as Buffer.
        warnings.filterwarnings("ignore", r".* is found to be not a nn\.Module", RuntimeWarning)
        # The folder of NNI cannot be written: it then makes its list of layers anew.
        warnings.filterwarnings("ignore", r"Cannot write to .*", UserWarning)
        yield


@contextmanager
def _without_lightning(package: ModuleType) -> Iterator[None]:
    """Cures the two seconds that NNI takes for Lightning with the first network, for names in ``nni.nas.evaluator``.

    They are there when they are asked for.
    """
    framework = package.get_default_framework()
    fresh = "nni.nas.evaluator" not in sys.modules
    package.set_default_framework("none")
    try:
        yield
    finally:
        package.set_default_framework(framework)
    if fresh:
        from nni.common.framework import shortcut_module

        shortcut_module("nni.nas.nn", ".pytorch", "nni.nas.nn")
        evaluators = sys.modules["nni.nas.evaluator"]

        def later(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(import_module("nni.nas.evaluator.pytorch"), name)

        evaluators.__getattr__ = later  # type: ignore[method-assign]


@contextmanager
def with_gym() -> Iterator[None]:
    """``gymnasium`` under its old name during the import. Cures "No module named 'gym'" in ``strategy/_rl_impl.py``.

    Within :func:`importing`, and never around the user's files, whose ``gym`` is their own.
    """
    try:
        gymnasium = import_module("gymnasium")
    except ImportError:  # without the extra: NNI does without tianshou, and with_tianshou tells
        yield
        return
    aliases = {"gym": gymnasium, "gym.spaces": gymnasium.spaces}
    before = {name: sys.modules[name] for name in aliases if name in sys.modules}
    try:
        sys.modules |= aliases
        yield
    finally:
        for name in aliases:
            sys.modules.pop(name, None)
        sys.modules |= before


def _freeze_without_bias() -> None:
    """Cures "Unexpected key(s) in state_dict: bias" where a layer of a supernet with ``bias=False`` is cut out."""
    from nni.nas.oneshot.pytorch.supermodule.operation import MixedOperation

    def freeze(self: Any, sample: Mapping[str, Any]) -> Any:
        arguments = self.init_arguments | {name: one.freeze(sample) for name, one in self.mutable_arguments.items()}
        operation = self.bound_type(**arguments)
        weights = self.freeze_weight(**arguments)
        operation.load_state_dict({name: value for name, value in weights.items() if value is not None})
        return operation

    MixedOperation.freeze = freeze


def _own_sample() -> None:
    """Cures ``RawFormatModelSpace.freeze`` keeping the caller's dict, which a grid then changes: all models alike."""
    from nni.nas.space import RawFormatModelSpace

    freeze = RawFormatModelSpace.freeze

    @wraps(freeze)
    def freeze_copy(self: Any, sample: Mapping[str, Any]) -> Any:
        return freeze(self, dict(sample))

    RawFormatModelSpace.freeze = freeze_copy


def _text_of_built() -> None:
    """Cures "object has no attribute 'trace_args'" where a network with an own ``ParametrizedModule`` is printed."""
    from nni.nas.nn.pytorch.base import ParametrizedModule
    from torch import nn

    text = ParametrizedModule.__repr__

    @wraps(text)
    def text_or_plain(self: Any) -> str:
        return str(text(self)) if hasattr(self, "trace_args") else nn.Module.__repr__(self)

    ParametrizedModule.__repr__ = text_or_plain
