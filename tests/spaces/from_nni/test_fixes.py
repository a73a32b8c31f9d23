"""NNI without its warnings, and mended."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from assay.spaces import UsageError
from assay.spaces.from_nni import fixes

pytest.importorskip("nni")


def test_nni_is_only_imported_when_it_is_used() -> None:
    code = "import sys, assay.spaces.from_nni; print({'nni', 'torch', 'pytorch_lightning'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout == "set()\n"


def test_the_import_leaves_no_alias_and_nni_is_quiet() -> None:
    fixes.nni()
    assert "gym" not in sys.modules
    assert logging.getLogger("nni").level == logging.WARNING


def test_without_nni_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fixes.nni()
    monkeypatch.setitem(sys.modules, "nni.nas.nn.pytorch", None)
    fixes.nni.cache_clear()
    try:
        with pytest.raises(UsageError, match=r'pip install "assay\[nas\]"'):
            fixes.nni()
    finally:
        monkeypatch.undo()
        fixes.nni.cache_clear()


LIGHTNING = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "pytorch_lightning":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from assay.spaces import UsageError
from assay.spaces.from_nni import fixes
for _ in range(2):  # what was imported in part says the same
    try:
        fixes.strategies()
    except UsageError as error:
        print(error)
"""


def test_strategies_without_lightning_tell_the_cure() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHTNING], capture_output=True, text=True, timeout=100, check=True)
    said = """NNI cannot be imported: pip install "assay[nas]" (No module named 'pytorch_lightning')"""
    assert done.stdout.splitlines() == [said, said]


def test_the_import_leaves_a_gym_that_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    gymnasium = pytest.importorskip("gymnasium")
    own = ModuleType("gym")
    monkeypatch.setitem(sys.modules, "gym", own)
    free: list[bool] = []
    other = threading.Thread(target=lambda: free.append(fixes.LOCK.acquire(blocking=False)))
    with fixes.importing(), fixes.with_gym():
        assert sys.modules["gym"] is gymnasium
        other.start()
        other.join()
    assert free == [False]  # no other thread imports meanwhile
    assert sys.modules["gym"] is own
    assert "gym.spaces" not in sys.modules


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixes.nni(), "__version__", "2.10")
    fixes.nni.cache_clear()
    with pytest.raises(UsageError, match=r"expected NNI 3.0, got 2\.10"):
        fixes.nni()
    monkeypatch.undo()
    fixes.nni.cache_clear()


def test_tianshou_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tianshou")
    from nni.nas.strategy import rl

    assert fixes.with_tianshou() is fixes.nni()
    monkeypatch.setattr(rl, "has_tianshou", False)  # as where it was imported without gym under its old name
    fixes.with_tianshou()
    assert rl.has_tianshou
    monkeypatch.setitem(sys.modules, "tianshou.data", None)
    monkeypatch.setattr(rl, "has_tianshou", False)
    with pytest.raises(UsageError, match=r'need tianshou: pip install "assay\[nas,nas-rl\]"'):
        fixes.with_tianshou()


def test_each_mend_is_made_once() -> None:
    made: list[int] = []

    def one() -> None:
        made.append(1)

    fixes.mend(one)
    fixes.mend(one, one)
    assert made == [1]


def test_numbers_of_samples_are_those_of_python() -> None:
    sample: dict[str, Any] = {"a": np.float64(0.5), "b": [np.int64(1)], "c": "x", "d": (1, 2)}
    assert json.dumps(fixes.plain(sample)) == '{"a": 0.5, "b": [1], "c": "x", "d": [1, 2]}'
    assert fixes.plain(sample)["d"] == (1, 2)


def test_layers_without_bias_can_be_cut_out() -> None:
    fixes.nni()
    import nni
    from nni.nas.oneshot.pytorch.supermodule.operation import MixedConv2d
    from nni.nas.oneshot.pytorch.supermodule.sampling import MixedOpPathSamplingPolicy

    mixed = MixedConv2d({"in_channels": 2, "out_channels": nni.choice("out", [2, 4]), "kernel_size": 3, "bias": False})
    mixed.sampling_policy = MixedOpPathSamplingPolicy(mixed, {}, {})
    cut = mixed.freeze({"out": 2})
    assert torch.equal(cut.weight, mixed.weight[:2])
    assert cut.bias is None


def test_a_frozen_model_has_a_sample_of_its_own() -> None:
    fixes.nni()
    import nni.nas.nn.pytorch as nas
    from nni.nas.space import RawFormatModelSpace

    class Net(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nas.LayerChoice([torch.nn.ReLU(), torch.nn.Tanh()], label="layer")

    sample = {"layer": 0}
    model = RawFormatModelSpace.from_model(Net()).freeze(sample)
    sample["layer"] = 1
    assert model.sample == {"layer": 0}
