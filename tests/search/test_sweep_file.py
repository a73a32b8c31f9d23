"""Sweep files: good ones load, every kind of mistake is answered with its line, column and cure."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from assay.search import Sweep, read_sweep
from assay.spaces import Categorical, Float, SweepError

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
    assert sweep.scheduler.model_dump() == {"type": "asha", "eta": 2.0, "grace": 3, "brackets": 1}
    assert sweep.granted is not None
    assert sweep.scheduler.rungs(sweep.granted) == [3, 6, 12, 24]
    assert (sweep.leaderboard.alpha, sweep.resources.gpu) == (0.01, 0.5)


def test_all_mistakes_come_at_once_in_the_order_of_the_file() -> None:
    file = SWEEPS / "invalid" / "bad1.yaml"
    places = [line.removeprefix(f"{file}:").split(" ")[:2] for line in refusal(file).splitlines()]
    assert places == [
        ["1:1:", "name:"],
        ["4:23:", "objectives.0.goal:"],
        ["6:3:", "parameters.lr:"],
        ["7:42:", "parameters.momentum.when.optimiser:"],
        ["9:3:", "parameters.dropout:"],
        ["10:44:", "parameters.nesterov.when.optimizer:"],
        ["11:12:", "parameters.hidden.low:"],
        ["11:21:", "parameters.hidden.high:"],
        ["12:1:", "budget:"],
        ["13:25:", "scheduler.reduction_factor:"],
    ]


@pytest.mark.parametrize(
    ("file", "parts"),
    [
        ("bad2.yaml", ["6:42: parameters.momentum.when.optimiser: ", "8:44: parameters.nesterov.when.optimizer: "]),
        ("bad3.yaml", ["6:3: parameters.lr: 'lr' is given twice (first in line 5): keep one"]),
        ("bad4.yaml", ["6:33: leaderboard.test: wilcoxon is not offered: a rank test of 8 rivals on 5 seeds "]),
    ],
)
def test_files_with_mistakes_are_refused(file: str, parts: list[str]) -> None:
    lines = refusal(SWEEPS / "invalid" / file).splitlines()
    assert len(lines) == len(parts)
    for line, part in zip(lines, parts, strict=True):
        assert line.startswith(f"{SWEEPS / 'invalid' / file}:{part}")


def test_the_quickstart_file_loads() -> None:
    sweep = read_sweep(SWEEPS / "valid" / "quickstart.yaml")
    assert list(sweep.parameters) == ["lr", "batch_size"]


LATER = {
    "cnn-pbt.yaml": [
        "32:3: cluster.working_dir: unknown key",
        "33:3: cluster.pip: unknown key",
        "34:3: cluster.secrets: unknown key",
        "39:1: tracking: section 'tracking' is not supported",
        "40:1: export: section 'export' is not supported",
    ],
    "nas-regularized-evolution.yaml": [
        "6:44: objectives.0.reference: unknown key",
        "7:42: objectives.1.reference: unknown key",
        "9:1: architecture: section 'architecture' is not supported",
        "20:41: parameters.lr.prior: prior is not supported",
        "23:1: constraints: section 'constraints' is not supported",
        "27:12: searcher.type: there is no searcher 'regularized_evolution'",
        "28:33: scheduler.metric: unknown key",
        "32:55: cluster.env: unknown key",
        "33:34: leaderboard.data: unknown key",
        "33:46: leaderboard.test: expected 'paired_t', got 'bayes_signed_rank'",
        "33:71: leaderboard.rope: unknown key",
        "33:84: leaderboard.tie_break: expected 'mean' or 'cost'",
        "34:1: export: section 'export' is not supported",
    ],
    "tabular-asha-tpe.yaml": [
        "7:53: objectives.0.reference: unknown key",
        "8:42: objectives.1.reference: unknown key",
        "12:57: parameters.optim.lr.prior: prior is not supported",
        "19:47: parameters.model.residual.when: 'model.layers >= 3' is an expression",
        "20:55: parameters.batch_size.ordered: ordered is not supported",
        "20:70: parameters.batch_size.weights: weights is not supported",
        "23:1: constraints: section 'constraints' is not supported",
        "27:36: searcher.multivariate: unknown key",
        "28:33: scheduler.metric: unknown key",
        "33:67: leaderboard.rope: unknown key",
        "33:80: leaderboard.tie_break: expected 'mean' or 'cost'",
        "34:1: export: section 'export' is not supported",
    ],
}


@pytest.mark.parametrize("file", sorted(LATER))
def test_what_is_not_supported_yet_is_refused_by_name(file: str) -> None:
    path = SWEEPS / "valid" / file
    lines = refusal(path).splitlines()
    for line, part in zip(lines, LATER[file], strict=True):
        assert line.startswith(f"{path}:{part}")


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
