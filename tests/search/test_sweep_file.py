"""Sweep files: good ones load, every kind of mistake is answered with its line, column and cure."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from assay.search import Sweep, at_lines_of, read_sweep
from assay.spaces import Categorical, Float, Problem, SweepError

from .conftest import BASE, replaced

SWEEPS = Path(__file__).parent / "sweeps"


def refusal(path: str | Path) -> str:
    with pytest.raises(SweepError) as caught:
        read_sweep(path)
    return str(caught.value)


def test_the_quickstart_is_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sweep.yaml").write_text(BASE)
    sweep = read_sweep("sweep.yaml")
    assert (sweep.name, sweep.trainable, sweep.seed, sweep.description) == ("hello", "train.py:train", 0, "")
    assert dict(sweep.parameters) == {"lr": Float(1e-5, 1e-1, log=True), "optimizer": Categorical(["adam", "sgd"])}
    assert (sweep.objective.metric, sweep.objective.goal) == ("accuracy", "maximize")
    assert (sweep.searcher.type, sweep.scheduler.type, sweep.granted) == ("tpe", "none", None)
    assert (sweep.budget.trials, sweep.budget.time, sweep.leaderboard.top) == (20, None, 5)
    assert Sweep.from_yaml("sweep.yaml") == sweep == read_sweep(Path("sweep.yaml"))


def test_every_section_together(tmp_path: Path) -> None:
    text = f"""\
{replaced("trials: 20", "trials: 20, time: 1h30m, concurrent: 4")}
description: 'all of it: ünïcode'
seed: 0x10
searcher: {{type: tpe, startup: 16}}
scheduler: {{type: asha, eta: 2, grace: 3}}
fidelity: {{unit: epoch, min: 1, max: 27}}
resources: {{cpu: 2, gpu: 0.5}}
leaderboard: {{top: 3, seeds: 4, test: paired_t, correction: holm, alpha: 1e-2, tie_break: cost}}
"""
    (tmp_path / "sweep.yaml").write_text(text, encoding="utf-8")
    sweep = read_sweep(tmp_path / "sweep.yaml")
    assert (sweep.seed, sweep.budget.time, sweep.budget.concurrent) == (16, 5400.0, 4)
    assert sweep.scheduler.model_dump() == {"type": "asha", "metric": None, "eta": 2.0, "grace": 3, "brackets": 1}
    assert sweep.granted is not None
    assert sweep.scheduler.rungs(sweep.granted) == [3, 6, 12, 24]
    assert (sweep.leaderboard.alpha, sweep.resources.gpu) == (0.01, 0.5)


@pytest.mark.parametrize("file", ["cnn-pbt", "nas-regularized-evolution", "tabular-asha-tpe"])
def test_the_long_examples_load_and_survive_their_json_form(file: str) -> None:
    sweep = read_sweep(SWEEPS / "valid" / f"{file}.yaml")
    form = sweep.model_dump(mode="json")
    assert Sweep.make(json.loads(json.dumps(form))) == sweep
    assert Sweep.make(form).model_dump(mode="json") == form


def test_the_example_with_everything() -> None:
    sweep = read_sweep(SWEEPS / "valid" / "tabular-asha-tpe.yaml")
    assert [one.text for one in sweep.parameters.constraints] == ["model.hidden * model.layers <= 4096"]
    assert [one.metric for one in sweep.objectives] == ["val_auc", "latency_ms"]
    assert sweep.objective.metric == sweep.scheduler.metric == "val_auc"
    assert sweep.leaderboard.tie_break == ["latency_ms", "params_m"]
    assert sweep.export.retrain == {"epochs": 40, "data.split": "train+val"}


def test_the_quickstart_file_loads() -> None:
    sweep = read_sweep(SWEEPS / "valid" / "quickstart.yaml")
    assert list(sweep.parameters) == ["lr", "batch_size"]


def test_mistakes_found_later_get_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(BASE)
    problems = [Problem(("budget", "trials"), "too many"), Problem((), "too late"), Problem(("name",), "too long")]
    with pytest.raises(SweepError) as caught, at_lines_of(file):
        raise SweepError(problems)
    assert str(caught.value).splitlines() == [
        "too late",
        f"{file}:1:1: name: too long",
        f"{file}:8:10: budget.trials: too many",
    ]
    with pytest.raises(SweepError, match=r"^as it is$"), at_lines_of(file):
        raise SweepError("as it is")
    with at_lines_of(tmp_path / "nowhere.yaml"):  # read only when it is needed
        pass


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    missing = tmp_path / "sweep.yaml"
    assert refusal(missing) == f"{missing}: there is no such file"
    for name in ("b.yaml", "a.yml", "c.txt"):
        (tmp_path / name).write_text("")
    assert (
        refusal(missing) == f"{missing}: there is no such file; there is: {tmp_path / 'a.yml'}, {tmp_path / 'b.yaml'}"
    )
    deep = tmp_path / "no" / "folder" / "sweep.yaml"
    assert refusal(deep) == f"{deep}: there is no such file"


def test_a_folder_is_not_a_sweep_file(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(BASE)
    expected = f"{tmp_path}: is a folder, expected a sweep file; there is: {tmp_path / 'sweep.yaml'}"
    assert refusal(tmp_path) == expected
    inside = tmp_path / "sweep.yaml" / "x.yaml"
    assert refusal(inside) == f"{inside}: cannot be read: Not a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(BASE)
    file.chmod(0)
    assert refusal(file) == f"{file}: cannot be read: Permission denied"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BASE.encode("utf-16"), "is not UTF-8 text (byte 1): save it as UTF-8"),
        ("name: caf\xe9\n".encode("latin-1"), "is not UTF-8 text (byte 10): save it as UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is not UTF-8 text (byte 1): save it as UTF-8"),
        (b"\x00\x01\x02", "not YAML: character 1 is 0x00, which no text has"),
        (b"SQLite format 3\x00\x10", "not YAML: character 16 is 0x00, which no text has"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_bytes(content)
    assert refusal(file) == f"{file}: {message}"


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert read_sweep(tmp_path / "sweep.yaml").name == "hello"
    (tmp_path / "sweep.yaml").write_bytes(b"\xef\xbb\xbfname: 3\r\n")
    assert refusal(tmp_path / "sweep.yaml").startswith(f"{tmp_path / 'sweep.yaml'}:1:1: name: expected text, got 3")


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_json_is_read(tmp_path: Path, indent: int | str | None) -> None:
    (tmp_path / "sweep.yaml").write_text(BASE)
    sweep = read_sweep(tmp_path / "sweep.yaml")
    raw = sweep.model_dump(mode="json") | {"description": "tab\there, 🚀 there"}
    (tmp_path / "sweep.json").write_text(json.dumps(raw, indent=indent))
    read = read_sweep(tmp_path / "sweep.json")
    assert read.description == "tab\there, 🚀 there"
    assert read.model_copy(update={"description": ""}) == sweep


def test_a_mistake_in_json_has_its_place(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text('{\n\t"name": "x",\n\t"budget": {"trials": 0}\n}\n')
    assert f"{tmp_path / 'sweep.json'}:3:13: budget.trials: " in refusal(tmp_path / "sweep.json")


def test_a_bomb_of_aliases_is_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 20)]
    (tmp_path / "sweep.yaml").write_text("\n".join(lines))
    assert "not YAML: more than 50,000 values, counting what aliases (*) repeat" in refusal(tmp_path / "sweep.yaml")


def test_aliases_share_values(tmp_path: Path) -> None:
    text = replaced("  lr: loguniform(1e-5, 1e-1)\n", "  lr: &wide loguniform(1e-5, 1e-1)\n  decay: *wide\n")
    (tmp_path / "sweep.yaml").write_text(text)
    parameters = read_sweep(tmp_path / "sweep.yaml").parameters
    assert parameters["decay"] == parameters["lr"] == Float(1e-5, 1e-1, log=True)
