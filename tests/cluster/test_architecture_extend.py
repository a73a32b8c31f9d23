"""Going on with a search of networks: what of the section may be another now."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay.cluster.extend import extend_sweep
from assay.search import Ledger
from assay.spaces import SweepError

from .worlds import make_sweep

STAGED = {
    "input": [1, 8, 8],
    "output": 2,
    "stages": [{"ops": ["conv3x3", "identity"], "depth": [1, 2], "width": [2, 4]}],
}
SPACE = {  # as it is recorded
    "space": "models.py:Net",
    "arguments": {"classes": 2},
    "parameters": {"architecture.layer": {"type": "categorical", "values": ["a", "b"]}},
}


def extended(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> Any:
    with closing(Ledger(folder, create=True)) as ledger:
        record = ledger.create_sweep(make_sweep(architecture=old, searcher="random"), ".")
        extend_sweep(ledger, record, make_sweep(architecture=new, searcher="random"))
        return ledger.sweep("small").sweep.architecture


@pytest.mark.parametrize(
    ("old", "change"),
    [
        (SPACE, {"input": [1, 8, 8]}),
        (SPACE | {"input": [1, 8, 8]}, {"zero_cost": ["params"], "prefilter": 0.5}),
        (STAGED, {"zero_cost": ["synflow"]}),
        (STAGED | {"zero_cost": ["synflow"], "prefilter": 0.5}, {"prefilter": None}),
    ],
)
def test_what_leaves_the_networks_as_they_are(tmp_path: Path, old: dict[str, Any], change: dict[str, Any]) -> None:
    section = extended(tmp_path, old, old | change)
    assert section.model_dump(mode="json") | change == section.model_dump(mode="json")


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        (SPACE | {"input": [1, 8, 8]}, SPACE | {"input": [1, 9, 9]}, "architecture.input"),
        (SPACE, SPACE | {"arguments": {"classes": 3}}, "architecture.arguments"),
        (SPACE, SPACE | {"space": "models.py:Other"}, "architecture.space"),
        (STAGED, STAGED | {"input": [3, 8, 8]}, "architecture.input"),
        (STAGED, STAGED | {"output": 3, "latency": {"batch": 8}}, "architecture.output and architecture.latency"),
        (STAGED, STAGED | {"stages": [STAGED["stages"][0] | {"stride": 2}]}, "architecture.stages"),  # type: ignore[index]
        (STAGED, None, "architecture"),
        (None, STAGED, "architecture"),
    ],
)
def test_other_networks_are_refused(tmp_path: Path, old: Any, new: Any, names: str) -> None:
    with pytest.raises(SweepError, match=f"cannot be extended with another {names}: results would not be comparable"):
        extended(tmp_path, old, new)
