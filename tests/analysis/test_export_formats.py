"""Whatever a config holds, each format gives it back: the same values, of the same types, to its own reader."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from assay.analysis.export import ExportBundle
from assay.analysis.export_check import _READERS, check_bundle
from assay.analysis.export_formats import Content, write_format
from assay.search.production import FILES
from assay.search.yaml_reader import read_yaml
from assay.spaces import AssayError, Config, UsageError
from assay.spaces.config import flatten, nest

from ..spaces.strategies import seeds, spaces

EXAMPLES = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TRAPS = [
    "1e-4", "1e5", "0x1F", "0b1", "no", "yes", "on", "null", "~", "true", "NaN", ".inf", "1:30", "2026-01-01", "1_000",
    "", " ", "a b", "a, b", "a=b", "a: b", "# a", "'", '"', "\\", "a\\'b\\", "\\\\'", "[1]", "{a: 1}", "*a", "&a", "!a",
    "@a", "-a", "--a=b", "$HOME", "%d", "`a`", "?", "a\tb", "é", "日本", "🚀", "\x85", "\u2028", "a\nb", "-", "=", "<<",
]  # fmt: skip
HARD = [1e-5, 1e-05, 1e22, 1e300, 5e-324, 0.1 + 0.2, -1e-7, 1.0, 0.0, 100000.0, 2**53 + 1, 2**64 - 1, -(2**63), True]
values = (
    st.sampled_from(TRAPS + HARD) | st.none() | st.booleans() | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)  # fmt: skip
names = st.sampled_from(["lr", "optim.lr", "optim.deep.name", "model.drop-out", "no", "data.y", "a", "flag", "_x1"])
configs = st.dictionaries(names, values, min_size=1).map(lambda given: dict(Config(given)))


def content(values: dict[str, Any], name: str = "demo") -> Content:
    return Content(values, name, 7, "# sweep demo, trial 1\n")


def texts(word: str, values: dict[str, Any]) -> dict[str, str]:
    """The files of a format; no example, when the format refuses a value by name."""
    try:
        return write_format(word, content(values), "best").texts
    except UsageError as error:
        assert str(error).startswith(f"export: format {word}: ")
        assume(False)
        raise


def typed(values: Any) -> dict[str, tuple[type, Any]]:
    return {name: (type(value), value) for name, value in values.items()}


@EXAMPLES
@given(configs)
def test_yaml_and_json(values: dict[str, Any]) -> None:
    text = texts("yaml", values)["config.yaml"]
    assert typed(flatten(yaml.safe_load(text))) == typed(flatten(read_yaml(text).value)) == typed(values)
    assert typed(flatten(json.loads(texts("json", values)["config.json"]))) == typed(values)
    assert typed(json.loads(texts("hf", values)["hf.json"])) == typed(values)
    lightning = flatten(yaml.safe_load(texts("lightning", values)["lightning.yaml"]))
    assert typed(lightning) == typed({"seed_everything": 7, **values})


@EXAMPLES
@given(configs)
def test_the_experiment_of_hydra(values: dict[str, Any]) -> None:
    text = texts("hydra", values)["hydra/experiment/demo.yaml"]
    assert text.startswith("# @package _global_\n# sweep demo, trial 1\n")
    assert typed(flatten(yaml.safe_load(text))) == typed(values)


@EXAMPLES
@given(configs)
def test_lines_for_argparse(tmp_path: Path, values: dict[str, Any]) -> None:
    (tmp_path / "best.args").write_text(texts("argparse", values)["best.args"], encoding="utf-8", newline="")
    held = {name: value for name, value in values.items() if value is not None}
    [reader] = _READERS["best.args"]
    assert typed(reader.read(tmp_path / "best.args", held)) == typed(held)


@EXAMPLES
@given(spaces(), seeds)
def test_what_a_space_can_propose_fits_every_format(tmp_path: Path, space: Any, seed: int) -> None:
    config = dict(space.sample(np.random.default_rng(seed)))
    written = {name: text for word in FILES for name, text in write_format(word, content(config), "best").texts.items()}
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    bundle = ExportBundle(tmp_path, [tmp_path / name for name in written], 1, nest(config), config, [], [])
    assert len(check_bundle(bundle)) == len(written)


@pytest.mark.parametrize("word", ["argparse", "hydra"])
@pytest.mark.parametrize("text", ["a\nb", "a\u2028b", "a\x0bb\x85", "\r", "a\0", "\ud800"])
def test_what_is_no_line_is_refused(word: str, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        write_format(word, content({"optim.x": text}), "best")
    assert str(caught.value) == (
        f"export: format {word}: optim.x is {text!r}, which is not one line of text: leave the format out"
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"x": "a${b}"}, "x is 'a${b}', which OmegaConf resolves: leave the format out"),
        ({"x": "???"}, "x is '???', which OmegaConf takes for a missing value: leave the format out"),
        ({"defaults": 1}, "'defaults' would be read as Hydra's own 'defaults': rename it, or leave the format out"),
        ({"hydra.x": 1}, "'hydra.x' would be read as Hydra's own 'hydra': rename it, or leave the format out"),
    ],
)
def test_what_hydra_would_take_for_its_own_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        write_format("hydra", content(values), "best")
    assert str(caught.value) == f"export: format hydra: {message}"


def test_the_files_as_they_stand() -> None:
    config = {"batch_size": 64, "nesterov": False, "optim.lr": 1e-05, "optim.name": "adam", "save": True, "tag": "a, b"}
    assert texts("argparse", config)["best.args"] == (
        "--batch_size=64\n--no-nesterov\n--optim.lr=1e-05\n--optim.name=adam\n--save\n--tag=a, b\n"
    )
    hydra = texts("hydra", config)
    assert hydra["overrides.txt"] == (
        "batch_size=64\nnesterov=false\noptim.lr=1e-05\noptim.name=adam\nsave=true\ntag='a, b'\n"
    )
    assert hydra["hydra/experiment/demo.yaml"] == (
        "# @package _global_\n# sweep demo, trial 1\n"
        "batch_size: 64\nnesterov: false\noptim:\n  lr: 1.0e-05\n  name: adam\nsave: true\ntag: a, b\n"
    )
    assert texts("lightning", {"model.lr": 1e-05})["lightning.yaml"] == (
        "# sweep demo, trial 1\nseed_everything: 7\nmodel:\n  lr: 1.0e-05\n"
    )
    assert texts("lightning", {"seed_everything": 3})["lightning.yaml"].endswith("\nseed_everything: 3\n")


def test_quotes_of_hydra() -> None:
    tricky = dict(zip("abcdefghi", ["it's", "true", "a\\", "\\'", "", "Inf", "1", "a-b_c", "c:\\d"], strict=True))
    assert texts("hydra", tricky)["overrides.txt"].splitlines() == [
        "a='it\\'s'", "b='true'", "c='a\\\\'", "d='\\\\\\''", "e=''", "f='Inf'", "g='1'", "h=a-b_c", "i='c:\\d'",
    ]  # fmt: skip


def test_how_to_start_and_what_to_know() -> None:
    plain, spaced = content({"model.lr": 0.1}), content({"lr": 0.1, "tag": "a b", "x": None})
    assert [write_format(word, plain, "my best").command for word in FILES] == [
        "start your training with my best/config.yaml",
        "start your training with my best/config.json",
        "python train.py '@my best/best.args'   "
        "(with fromfile_prefix_chars='@'; otherwise: python train.py $(cat 'my best/best.args'))",
        "python train.py --config-dir 'my best/hydra' experiment=demo   "
        "(or: python train.py $(cat 'my best/overrides.txt'))",
        "python main.py fit --config 'my best/lightning.yaml'",
        "python train.py 'my best/hf.json'",
    ]
    assert "(or: xargs -d '\\n' -a best/overrides.txt python train.py)" in write_format("hydra", spaced, "best").command
    assert [note for word in FILES for note in write_format(word, spaced, "best").notes] == [
        "best.args: 'x' left out, as there is no null on a command line",
        "lightning.yaml: 'lr', 'tag', 'x' is under none of model, data and trainer, where LightningCLI takes it: "
        "add it to export.rename",
    ]
    [note] = write_format("hf", plain, "best").notes
    assert note == (
        "hf.json: 'model.lr' cannot be a field of a dataclass, as HfArgumentParser wants: add it to export.rename"
    )


@pytest.mark.parametrize("word", ["argparse", "hydra"])
def test_the_shell_passes_each_line_on(tmp_path: Path, word: str) -> None:
    tricky = {"a": "x", "b.c": 1e-05, "d": "a  b", "e": 'it\'s "*"', "f": "$HOME `ls` \\n", "g": "", "h": True}
    for config in (tricky, {name: tricky[name] for name in ("a", "b.c", "g", "h")}):
        written = write_format(word, content(config), str(tmp_path))
        name = FILES[word]
        (tmp_path / name).write_text(written.texts[name])
        shell = written.command.partition("(")[2].removesuffix(")").rpartition(": ")[2]
        printing = shell.replace("python train.py", "printf '%s\\n'")
        done = subprocess.run(["bash", "-c", printing], capture_output=True, text=True, check=True, cwd=tmp_path)
        assert done.stdout == written.texts[name]
        assert shlex.split(shell)


def bundle_of(folder: Path, values: dict[str, Any], **files: str) -> ExportBundle:
    """A bundle whose files hold these texts; ``config_yaml`` stands for ``config.yaml``."""
    paths = [folder / name.replace("_", ".") for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.write_text(text)
    return ExportBundle(folder, paths, 1, nest(values), values, [], [])


def test_a_value_that_a_consumer_reads_otherwise_is_named(tmp_path: Path) -> None:
    texts = {"config_yaml": "lr: 1e-05\nn: 1.0\n", "best_args": "--lr=1e-05\n--n=2\n", "hf_json": "{}"}
    bundle = bundle_of(tmp_path, {"lr": 1e-05, "n": 1}, **texts)
    with pytest.raises(AssayError) as caught:
        check_bundle(bundle)
    assert [line for line in str(caught.value).splitlines() if "OmegaConf" not in line] == [
        f"{tmp_path}/config.yaml: PyYAML reads lr as '1e-05', expected 1e-05",
        f"{tmp_path}/config.yaml: PyYAML reads n as 1.0, expected 1",
        f"{tmp_path}/best.args: argparse reads n as 2, expected 1",
        f"{tmp_path}/hf.json: json reads no lr, expected 1e-05",
        f"{tmp_path}/hf.json: json reads no n, expected 1",
    ]


def test_who_could_not_check_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.analysis.export_check.find_spec", lambda module: None if module == "omegaconf" else 1)
    texts = {"config_yaml": "lr: 0.5\n", "own_yaml": "lr: 0.5\nx: !env HOME\n", "hf_json": '{"lr": 0.5}'}
    bundle = bundle_of(tmp_path, {"lr": 0.5}, **texts)
    assert check_bundle(bundle) == [
        "config.yaml: 1 values, read as written by PyYAML; not checked with OmegaConf (not installed)",
        "own.yaml: 1 values, read as written by PyYAML",
        "hf.json: 1 values, read as written by json",
    ]


@pytest.mark.parametrize(
    ("word", "title"),
    [("yaml", "demo"), ("lightning", "demo"), *(("hydra", title) for title in ("a.b-c", "7", "true", "1e5", "1_0"))],
)
def test_consumers_that_are_installed(tmp_path: Path, word: str, title: str) -> None:
    """Hydra, OmegaConf and jsonargparse are no dependencies: this runs where they happen to be."""
    pytest.importorskip({"yaml": "omegaconf", "hydra": "hydra", "lightning": "jsonargparse"}[word])
    config = {f"group.p{number}": value for number, value in enumerate(TRAPS + HARD)}
    for name in [*config]:
        try:
            write_format("hydra", content({name: config[name]}), "best")
        except UsageError:
            del config[name]
    written = write_format(word, content(config, title), "best").texts
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    bundle = ExportBundle(tmp_path, [tmp_path / name for name in written], 1, nest(config), config, [], [])
    assert not any("not installed" in line for line in check_bundle(bundle))
