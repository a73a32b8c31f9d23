"""The commands that show and hand over networks, on the example."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import assay

from .conftest import CommandLine

EXAMPLES = Path(assay.__file__).parent / "examples"


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, shorter."""
    folder = tmp_path_factory.mktemp("networks")
    for name in ("networks.yaml", "train_networks.py"):
        shutil.copy(EXAMPLES / name, folder)
    sweep = assay.Sweep.from_yaml(folder / "networks.yaml")
    shorter = sweep.model_dump(mode="json", exclude_unset=True) | {
        "budget": {"trials": 4},
        "fidelity": {"unit": "epoch", "max": 2},
        "scheduler": "none",
        "leaderboard": {"top": 1, "seeds": 2},
    }
    results = assay.run(shorter | {"trainable": f"{folder}/train_networks.py:train"}, store=folder, inline=True)
    assert len(results.front().trials) >= 1
    assert all(trial.metrics["params_m"] <= 0.2 for trial in results.trials[1:4])
    return folder


def test_a_drawing(searched: Path, cli: CommandLine) -> None:
    file = searched / "network.svg"
    done = cli("show", "networks", "1", "--graph", "--output", str(file), "--store", str(searched))
    assert done.code == 0, done.err
    assert done.out.strip() == str(file)
    assert file.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--graph"], "--graph draws the network of one trial"),
        (["1", "--output", "a.svg"], "--output is the file of --graph: add --graph"),
        (["99", "--graph"], "has no trial 99"),
    ],
)
def test_mistakes(searched: Path, cli: CommandLine, words: list[str], text: str) -> None:
    done = cli("show", "networks", *words, "--store", str(searched))
    assert done.code in (2, 4)
    assert text in done.err


def test_an_export(searched: Path, cli: CommandLine) -> None:
    done = cli("export", "networks", "-o", str(searched / "best"), "--check", "--store", str(searched))
    assert done.code == 0, done.err
    written = {one.name for one in (searched / "best").iterdir()}
    assert written >= {"model.py", "weights.safetensors", "architecture.json"}
    assert "checked: model.py: run by PyTorch" in done.err
