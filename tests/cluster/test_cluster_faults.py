"""Rounds of kills on a cluster of two nodes; ``python benchmarks/faults.py`` runs many more."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def faults() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "faults.py"
    spec = importlib.util.spec_from_file_location("faults_of_clusters", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("kind", "befalls"), [("asha", ("driver", "node", "head")), ("pbt", ("worker", "driver, politely"))]
)
def test_nothing_is_lost(faults: ModuleType, kind: str, befalls: tuple[str, ...]) -> None:
    with faults.short_folder() as folder:
        outcome = faults.Round(kind, 7, folder, befalls).run()  # raises what was lost
    assert sorted(outcome["faults"]) == sorted(befalls)
    assert outcome["reports"] > 50
