"""The commands that show and hand over networks, on the example."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import assay
from assay.search.nas.one_shot.found import KIND

from .analysis.conftest import Recorder
from .analysis.networks import one_shot
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
        (["1", "--graph", "--output", "a.png"], "--graph draws SVG: the name of a.png must end in '.svg'"),
        (["1", "--graph", "--output", "a"], "the name of a must end in '.svg'"),
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


def test_what_a_supernet_found_is_shown(tmp_path: Path, cli: CommandLine) -> None:
    one_shot(tmp_path / "store").results()
    store = ["--store", str(tmp_path / "store")]
    done = cli("show", "demo", "0", *store)
    assert done.code == 0, done.err
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "2nd choice 0.8000 0.3000 3 0.8000 conv5x5-4/2, identity | pool-3" in lines
    assert "random check 0.7000 – 4 0.7000 project-4/2, conv5x5-4 | pool-3" in lines
    assert {"supernet: darts, 2 epochs, 1 of 2 places are skip connections", "warning: it collapsed"} <= set(lines)
    assert any(line.startswith("its scores and those from scratch: only 1 random check was trained") for line in lines)
    for words in (
        ["show", "demo", "0", "--graph"],
        ["export", "demo", "--trial", "0", "-o", str(tmp_path / "best")],
        ["explain", "demo", "0"],
        ["diagnose", "demo", "0"],
        ["diagnose", "demo", "0", "--part", "test"],
        ["compare", "demo", "0", "2"],
        ["compare", "demo", "0"],
    ):
        done = cli(*words, *store)
        assert done.code == 2
        assert done.err.startswith("error: trial 0 is the supernet, which has no config of its own: its networks are")
    assert not (tmp_path / "best").exists()
    found = cli("show", "demo", "0", "--json", *store).json["supernet"]
    assert (found["strategy"], found["warning"], len(found["candidates"])) == ("darts", "it collapsed", 3)
    assert found["candidates"][0]["config"]["architecture.stage1.op1"] == "conv5x5"
    assert (found["agreement"]["tau"], found["agreement"]["count"]) == (None, 1)


def test_the_board_as_json_has_what_the_supernet_was_worth(tmp_path: Path, cli: CommandLine) -> None:
    results = one_shot(tmp_path / "store").results()
    store = ["--store", str(tmp_path / "store")]
    told = cli("leaderboard", "demo", "--json", *store).json
    assert told["supernet"] == cli("show", "demo", "0", "--json", *store).json["supernet"]
    assert (told["supernet"]["epochs"], told["supernet"]["skips"], told["supernet_note"]) == (2, 1, "")
    assert (told["supernet"]["top"], told["supernet"]["random"]) == (pytest.approx(0.7), 0.7)
    (artifact,) = results.ledger.artifacts(results.record, KIND)
    (results.ledger.store / artifact.path).write_text("{}")
    told = cli("leaderboard", "demo", "--json", *store).json
    assert told["supernet"] is None
    assert "is not the file that was written" in told["supernet_note"]


def test_a_trial_and_the_board_say_what_the_supernet_has_to_do_with_them(tmp_path: Path, cli: CommandLine) -> None:
    one_shot(tmp_path / "store").results()
    store = ["--store", str(tmp_path / "store")]
    done = cli("show", "demo", "3", *store)
    assert "network: conv5x5-4/2, identity | pool-3\nsupernet: 2nd choice, score 0.8000 with its weights\n" in done.out
    told = cli("show", "demo", "3", "--json", *store).json
    assert (told["network"], told["origin"]["words"]) == ("conv5x5-4/2, identity | pool-3", "2nd choice")
    assert "supernet" not in told
    assert "random check" in cli("leaderboard", "demo", *store).out
    rows = cli("leaderboard", "demo", "--json", *store).json["rows"]
    assert {row["trial"]: row["supernet"] and row["supernet"]["words"] for row in rows} == {
        1: None,
        2: "1st choice",
        3: "2nd choice",
        4: "random check",
    }
    assert "supernet" in cli("show", "demo", *store).out  # a row of the phase


def test_a_trial_of_a_sweep_without_networks_says_nothing_of_them(tmp_path: Path, cli: CommandLine) -> None:
    made = Recorder(tmp_path / "store")
    made.search([0.5])
    made.results()
    store = ["--store", str(tmp_path / "store")]
    assert cli("leaderboard", "demo", "--json", *store).json["supernet"] is None
    assert not {"network", "origin", "supernet"} & cli("show", "demo", "0", "--json", *store).json.keys()
    assert cli("show", "demo", "0", *store).out.splitlines()[2] == ""


def test_a_long_default_network_is_cut_in_the_preview(tmp_path: Path, cli: CommandLine) -> None:
    shutil.copy(EXAMPLES / "train_networks.py", tmp_path)
    (tmp_path / "deep.yaml").write_text(
        "{name: deep, trainable: 'train_networks.py:train', objectives: [{metric: accuracy, goal: maximize}], "
        "parameters: {lr: 1e-3, dropout: [0.1, 0.2]}, architecture: {input: [1, 8, 8], output: 10, "
        "stages: [{ops: [conv3x3, conv5x5], depth: 1, width: 4}, {ops: [conv3x3, conv5x5], depth: 1, width: 8},"
        "{ops: [conv3x3, conv5x5], depth: 1, width: 16}, {ops: [conv3x3, conv5x5], depth: 1, width: 32},"
        "{ops: [conv3x3, conv5x5], depth: 1, width: 64}, {ops: [conv3x3, conv5x5], depth: 1, width: 128}]}, "
        "searcher: random, budget: {trials: 3}}"
    )
    done = cli("check", str(tmp_path / "deep.yaml"))
    assert done.code == 0, done.err
    (line,) = (line for line in done.out.splitlines() if line.startswith("default:"))
    assert " … pool-10 " in line
    assert len(line) < 140
