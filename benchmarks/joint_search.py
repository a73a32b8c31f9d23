"""Is it worth searching architecture and training together? On digits, at equal budgets, by the leaderboard's tests.

Three sweeps of the same number of trials and epochs on the same data, splits and seeds: both together, the architecture
alone (training as the default), the training alone (the default architecture). Their winners are then compared on their
replicates, pair by pair, as `assay compare` does it.

    python benchmarks/joint_search.py --trials 30 --epochs 6 --replicates 8
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from pathlib import Path
from typing import Any

import assay
from assay.analysis.comparison import compare

EXAMPLES = Path(assay.__file__).parent / "examples"
STAGES: list[dict[str, Any]] = [
    {"ops": ["conv3x3", "conv5x5", "resblock3x3", "identity"], "depth": "int(1, 2)", "width": [8, 16, 32]},
    {
        "ops": ["conv3x3", "sepconv3x3", "mbconv3_e3", "identity"],
        "depth": "int(1, 3)",
        "width": [16, 32, 64],
        "stride": 2,
    },
]
# The default of STAGES.
FIXED = [
    {"ops": ["conv3x3"], "depth": 1, "width": 8},
    {"ops": ["conv3x3"], "depth": 2, "width": 16, "stride": 2},
]
TRAINING = {"lr": {"min": 1e-4, "max": 3e-2, "log": True, "default": 1e-3}, "weight_decay": "loguniform(1e-6, 1e-1)"}
DEFAULT = {"lr": 1e-3, "weight_decay": 1e-4}
KINDS = {"joint": (STAGES, TRAINING), "architecture": (STAGES, DEFAULT), "training": (FIXED, TRAINING)}


def sweep_of(kind: str, trials: int, epochs: int, replicates: int, seed: int) -> dict[str, Any]:
    """The sweep file of one of the three."""
    stages, parameters = KINDS[kind]
    return {
        "name": kind,
        "seed": seed,
        "trainable": f"{EXAMPLES / 'train_networks.py'}:train",
        "objectives": [{"metric": "accuracy", "goal": "maximize"}],
        "architecture": {"input": [1, 8, 8], "output": 10, "stages": stages},
        "parameters": parameters,
        "fidelity": {"unit": "epoch", "max": epochs},
        "budget": {"trials": trials, "concurrent": 2},
        "leaderboard": {"top": 3, "seeds": replicates},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30, help="of each sweep")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--replicates", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", help="where the sweeps are kept; nowhere by default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store, found = given.store or folder, {}
        for kind in KINDS:
            sweep = sweep_of(kind, given.trials, given.epochs, given.replicates, given.seed)
            print(f"{kind} ...", file=sys.stderr)
            found[kind] = assay.run(sweep, store=store, workers=2, progress=False)
        for kind, results in found.items():
            board = results.leaderboard()
            row = board.row(board.winner) if board.winner is not None else board.rows[0]
            print(f"{kind}: {row.fresh}; {row.network}; {dict(results.best_config)}")
        for one, two in itertools.combinations(KINDS, 2):
            told = compare(found[one], None, found[two], None)
            print(f"{one} against {two}: {told.headline}")
            gap = told.difference
            print(f"  difference {gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}], p = {told.p_value:.3g}")


if __name__ == "__main__":
    main()
