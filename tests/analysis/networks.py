"""Sweeps that search networks, as a finished run leaves them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from assay.search import Artifact, Phase, State, Trial
from assay.search.nas.one_shot.found import KIND, Candidate, Found
from assay.spaces import Config

from .conftest import Recorder

OPS = ["conv3x3", "conv5x5", "identity"]
STAGED = {"input": [1, 8, 8], "output": 3, "stages": [{"ops": OPS, "depth": 2, "width": 4, "stride": 2}]}
ONE_SHOT = {"architecture": STAGED, "searcher": {"type": "one_shot", "top": 2, "samples": 1}}
CELL = {f"architecture.cell_{edge}": ["skip", "sep_conv_3x3", "sep_conv_5x5"] for edge in ("0_1", "0_2", "1_2")}
DEEP = {**STAGED, "stages": [{"ops": ["conv3x3", "conv5x5"], "depth": 12, "width": 4}]}
HUB = {"space": "gone.py:Space", "input": [1, 8, 8], "parameters": CELL}
"""A model space whose file is not there: results are read without it."""


def network(first: str, second: str) -> dict[str, Any]:
    """The parameters of a network of two layers."""
    at = "architecture.stage1."
    return {f"{at}depth": 2, f"{at}width": 4, f"{at}op1": first, f"{at}op2": second}


def deep(changed: int = 0) -> dict[str, Any]:
    """The parameters of a network of twelve layers of which one, from 1, is not what it usually is."""
    at = "architecture.stage1."
    layers = {
        f"{at}op{layer}": "conv3x3" if (layer % 2 == 0) is (layer == changed) else "conv5x5" for layer in range(1, 13)
    }
    return {f"{at}depth": 12, f"{at}width": 4} | layers


def one_shot(store: Path, believed: Sequence[float] = (0.9, 0.8, 0.7)) -> Recorder:
    """Trial 0 is a supernet, 1 the default, 2 and 3 what it proposed, 4 drawn at random; 3 is the best.

    Args:
        believed: the supernet's scores of 2, 3 and 4.
    """
    made = Recorder(store, **ONE_SHOT)
    own = [network("conv5x5", "conv3x3"), network("conv5x5", "identity"), network("identity", "conv5x5")]
    supernet = Trial(made.next_number(), Phase.SUPERNET, State.COMPLETE, Config({"lr": 0.1}), seed=0, split=0)
    made.add(supernet, [0.3, 0.4])
    kinds: tuple[tuple[Literal["top", "sample"], float | None], ...] = (("top", 0.6), ("top", 0.3), ("sample", None))
    candidates = [
        Candidate(Config(one), kind, score, likely)
        for one, (kind, likely), score in zip(own, kinds, believed, strict=True)
    ]
    keep_found(made, supernet, Found("darts", 2, 2, True, "it collapsed", 1, 2, tuple(candidates)))
    scores = (0.5, 0.6, 0.8, 0.7)
    configs = [network("conv3x3", "conv3x3"), *own]
    trials = [made.search([score], one | {"lr": 0.1}) for one, score in zip(configs, scores, strict=True)]
    for trial, score in zip(trials, scores, strict=True):
        made.replicate(trial, [score, score + 0.01, score - 0.01])
    return made


def keep_found(made: Recorder, supernet: Trial, found: Found) -> Path:
    """The file that a supernet leaves."""
    path = made.ledger.store / "found.json"
    path.write_text(found.text())
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    artifact = Artifact(supernet.number, KIND, "found.json", sha256, len(content))
    made.ledger.update_trial(made.record, supernet, [artifact])
    return path
