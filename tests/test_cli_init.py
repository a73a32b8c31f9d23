"""`assay init`: the files that it writes are good, and run as they are."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from assay.cli.starting import sweep_name
from assay.cli.starting_files import TRAIN
from assay.search import Sweep, missing_engines, read_sweep
from assay.search.yaml_reader import read_yaml

FILES = ["sweep.schema.json", "sweep.yaml", "train.py"]


def test_it_writes_a_sweep_that_is_checked_and_runs(cli: Any) -> None:
    done = cli("init", "My digits")
    assert done.code == 0
    assert sorted(done.out.splitlines()) == [f"My digits/{name}" for name in FILES]
    assert done.err == "next:   assay check 'My digits/sweep.yaml'   |   assay run 'My digits/sweep.yaml'\n"
    checked = cli("check", "My digits/sweep.yaml", "--set", "scheduler=none")
    assert (checked.code, checked.err) == (0, "")
    small = ["--set", "fidelity.max=2", "--set", "leaderboard={top: 1, seeds: 2}", "--set", "scheduler=none"]
    ran = cli("run", "My digits/sweep.yaml", "--inline", "--trials", "3", "--set", "searcher=random", *small)
    assert ran.code == 0, ran.err
    board = cli("leaderboard", "my-digits", "--json").json
    assert board["replicated"]
    rows = board["rows"]
    assert max(row["fresh"]["mean"] for row in rows) > 0.8, "it learns"
    assert any(row["test"] for row in rows), "predictions are kept for the sealed part"
    [trial, *_] = cli("show", "my-digits", "--json").json["trials"]
    assert {"accuracy", "loss"} == trial["reports"][0]["metrics"].keys()


def test_it_writes_here_and_never_twice(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cli.folder / "Vision_2"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert cli("init", ".").out.split() == ["sweep.yaml", "train.py", "sweep.schema.json"]
    assert read_sweep("sweep.yaml").name == "vision_2"
    before = {name: Path(name).read_text() for name in FILES}
    Path("train.py").unlink()
    assert cli.mistakes(2, "init") == [
        f"{name} is there already and is kept: give another NAME" for name in ("sweep.yaml", "sweep.schema.json")
    ]
    assert not Path("train.py").exists(), "nothing or all of it"
    assert Path("sweep.yaml").read_text() == before["sweep.yaml"]
    assert cli.mistakes(2, "init", "sweep.yaml")[0].startswith("sweep.yaml: cannot be written to: ")


def test_the_editor_finds_the_schema_and_the_file_meets_it(cli: Any) -> None:
    cli("init", "a")
    first, *_ = Path("a/sweep.yaml").read_text().splitlines()
    assert first == "# yaml-language-server: $schema=./sweep.schema.json"
    schema = json.loads(Path("a/sweep.schema.json").read_text())
    assert schema == cli("schema").json
    jsonschema.validate(read_yaml(Path("a/sweep.yaml").read_text()).value, schema)


def test_every_choice_in_its_comments_is_good(cli: Any) -> None:
    cli("init", "a")
    text = Path("a/sweep.yaml").read_text()
    chosen = re.sub(r"^( *)#: ", r"\1", text, flags=re.MULTILINE)
    choices = {"constraints", "searcher", "resources", "checkpoints", "export"}
    document = read_yaml(chosen)
    assert set(document.value) - set(read_yaml(text).value) == choices
    assert document.duplicates == []
    sweep = Sweep.make(document.value)
    assert missing_engines(sweep) == []
    assert [one.text for one in sweep.parameters.constraints] == ["hidden * batch_size <= 8192"]
    assert "schedule.name" in sweep.parameters
    assert all(len(line) <= 120 for line in text.splitlines())


def test_the_training_function_is_short() -> None:
    assert 30 <= len(TRAIN.splitlines()) <= 45
    [function] = [node for node in ast.parse(TRAIN).body if isinstance(node, ast.FunctionDef)]
    assert function.name == "train"


@pytest.mark.parametrize(
    ("folder", "name"), [("Digits 2", "digits-2"), ("/", "my-sweep"), ("x/..", None), ("ledger.db-1", "my-ledger.db-1")]
)
def test_the_name_is_that_of_the_folder(tmp_path: Path, folder: str, name: str | None) -> None:
    made = sweep_name(tmp_path / folder)
    assert made == name or (name is None and made == sweep_name(tmp_path))
    raw = {"name": made, "objectives": [{"metric": "m", "goal": "minimize"}], "parameters": {"x": 1}}
    assert Sweep.make({**raw, "budget": {"trials": 1}}).name == made
