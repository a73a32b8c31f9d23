"""Training functions are found from their names, and mistakes are told before anything runs."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.spaces import TrainableError
from assay.trainables import TrainableRef

TRAIN = "def train(config, trial):\n    yield {'loss': 1.0}\n"


@pytest.fixture(autouse=True)
def restored_imports() -> Iterator[None]:
    path, modules = list(sys.path), dict(sys.modules)
    yield
    sys.path[:] = path
    for name in sys.modules.keys() - modules.keys():
        del sys.modules[name]


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def ref(name: str, folder: Path) -> TrainableRef:
    return TrainableRef(name, str(folder))


def refused(name: str, folder: Path, *, check: bool = True, load: bool = True) -> str:
    """The message of ``load``; ``check`` must refuse too, or pass."""
    found = ref(name, folder)
    if check:
        with pytest.raises(TrainableError):
            found.check()
    else:
        found.check()
    if not load:
        return ""
    with pytest.raises(TrainableError) as caught:
        found.load()
    return str(caught.value)


def accepted(name: str, folder: Path) -> Any:
    found = ref(name, folder)
    found.check()
    return found.load()


def test_a_file(tmp_path: Path) -> None:
    train = accepted("my_train.py:train", write(tmp_path, my_train=TRAIN))
    assert list(train({}, None)) == [{"loss": 1.0}]


def test_a_module_of_a_package(tmp_path: Path) -> None:
    write(tmp_path, my_package____init__="", my_package__task=TRAIN)
    assert accepted("my_package.task:train", tmp_path).__module__ == "my_package.task"


def test_an_object(tmp_path: Path) -> None:
    def train(config: dict[str, Any], trial: Any) -> dict[str, float]:
        return {"loss": 1.0}

    found = TrainableRef("train", str(tmp_path), train)
    found.check()
    assert found.load() is train
    with pytest.raises(TrainableError, match="train is int, not a function"):
        TrainableRef("train", ".", 3).load()  # type: ignore[arg-type]


def test_a_file_beside_its_helper(tmp_path: Path) -> None:
    write(tmp_path, beside_helper="RATE = 3", beside_train="from beside_helper import RATE\n" + TRAIN)
    assert accepted("beside_train.py:train", tmp_path).__globals__["RATE"] == 3


def test_a_file_in_a_folder_finds_helpers_beside_it_and_beside_the_sweep(tmp_path: Path) -> None:
    text = "import deep_helper, top_helper\n" + TRAIN
    write(tmp_path, top_helper="", code__deep_helper="", code__deep_train=text)
    accepted("code/deep_train.py:train", tmp_path)


def test_the_folder_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, relative_train=TRAIN)
    monkeypatch.chdir(tmp_path)
    first = accepted("relative_train.py:train", Path())
    again = accepted("relative_train.py:train", Path())
    assert first.__module__ == again.__module__ == "relative_train"


@pytest.mark.parametrize("stem", ["random", "json", "numpy", "pytest", "my-train"])
def test_a_file_named_like_another_module(tmp_path: Path, stem: str) -> None:
    before = sys.modules.get(stem)
    train = accepted(f"{stem}.py:train", write(tmp_path, **{stem: TRAIN}))
    assert list(train({}, None)) == [{"loss": 1.0}]
    assert stem == "my-train" or sys.modules.get(stem) is before
    assert random.random() < 1


def test_files_of_the_same_name_live_side_by_side(tmp_path: Path) -> None:
    functions = []
    for number in range(3):
        text = f"class Model: number = {number}\ndef train(config, trial): return {{'loss': Model.number}}\n"
        functions.append(accepted("twin.py:train", write(tmp_path / str(number), twin=text)))
    assert [train({}, None)["loss"] for train in functions] == [0, 1, 2]
    models = [train.__globals__["Model"] for train in functions]
    assert len({model.__module__ for model in models}) == 3
    assert [type(pickle.loads(pickle.dumps(model()))) for model in models] == models


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    accepted("edited.py:train", write(tmp_path, edited=TRAIN))
    longer = accepted("edited.py:train", write(tmp_path, edited="NEW = 1\n" + TRAIN))
    assert longer.__globals__["NEW"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "train = lambda config, trial: {'loss': 1.0}",
        "import functools\ndef f(a, config, trial): ...\ntrain: object = functools.partial(f, 1)",
        "class train:\n    def __init__(self, config, trial): ...",
        "class T:\n    def __call__(self, config, trial): ...\ntrain = T()",
        "try:\n    from nowhere_at_all import train\nexcept ImportError:\n    def train(config, trial): ...",
        "import sys\nif sys.version_info > (3,):\n    def train(config, trial): ...",
        "other, train = None, lambda config, trial: None",
        "from star_helper import *",
        "from star_helper import train",
        "from star_helper import train as other\ntrain = other",
        "def __getattr__(name):\n    import star_helper\n    return star_helper.train",
        "def train(config, trial=None, **more): ...",
        "def train(*args): ...",
    ],
    ids=range(13),
)
def test_ways_to_define_the_function(tmp_path: Path, text: str) -> None:
    assert callable(accepted("ways.py:train", write(tmp_path, star_helper=TRAIN, ways=text)))


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf" + TRAIN.encode(), b"# coding: latin-1\n# \xe9\n" + TRAIN.encode()])
def test_any_encoding_that_python_reads(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "encoded.py").write_bytes(data)
    accepted("encoded.py:train", tmp_path)


def test_checking_runs_nothing(tmp_path: Path) -> None:
    write(tmp_path, silent="raise SystemExit('imported')\n" + TRAIN)
    ref("silent.py:train", tmp_path).check()
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize("name", ["train", "train.py", ":train", "train.py:", "train.py:a.b", "a:1"])
def test_a_malformed_name(tmp_path: Path, name: str) -> None:
    assert f"{name!r} is not of the form file.py:function or package.module:function" in refused(name, tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    message = refused("absent.py:train", tmp_path)
    assert f"there is no file {tmp_path / 'absent.py'}" in message
    assert "relative to the sweep file's folder" in message


@pytest.mark.parametrize("name", ["absent_package.task:train", "json.absent:train", ".task:train"])
def test_a_missing_module(tmp_path: Path, name: str) -> None:
    message = refused(name, tmp_path, check=False)
    assert message.startswith(f"trainable: importing {name.partition(':')[0]} failed: ")
    assert "importlib" not in message
    assert "__init__.py" not in message


def test_a_missing_name(tmp_path: Path) -> None:
    write(tmp_path, named="import os.path\ndef training(config, trial): ...\n_hidden = 1")
    message = refused("named.py:trainig", tmp_path)
    assert message == "trainable: named.py has no 'trainig' (did you mean 'training'?)"
    with pytest.raises(TrainableError, match=r"'trainig' \(did you mean 'training'\?\); it defines: _hidden, os, tr"):
        ref("named.py:trainig", tmp_path).check()


def test_a_syntax_error(tmp_path: Path) -> None:
    message = refused("broken.py:train", write(tmp_path, broken="x = 1\ndef train(:\n"))
    assert "SyntaxError" in message
    assert "line 2" in message


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "binary.py").write_bytes(b"\xff\x00\xff")
    refused("binary.py:train", tmp_path)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("import json; json.loads('')", "JSONDecodeError: Expecting value"),
        ("raise SystemExit(2)", "SystemExit: 2"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_an_error_in_the_users_file(tmp_path: Path, line: str, error: str) -> None:
    write(tmp_path, failing=f"x = 1\n{line}\n{TRAIN}")
    message = refused("failing.py:train", tmp_path, check=False)
    assert message.startswith(f"trainable: importing failing.py failed: {error}")
    assert message.endswith("(failing.py:2)")
    assert "failing" not in sys.modules, "no half module stays behind"
    accepted("failing.py:train", write(tmp_path, failing=TRAIN))


def test_interrupt_passes(tmp_path: Path) -> None:
    write(tmp_path, interrupted="raise KeyboardInterrupt\n" + TRAIN)
    with pytest.raises(KeyboardInterrupt):
        ref("interrupted.py:train", tmp_path).load()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def train(config): ...", r"must take two arguments: def train\(config, trial\)"),
        ("def train(): ...", "must take two arguments"),
        ("def train(config, trial, epochs): ...", "must take two arguments"),
        ("def train(*, config, trial): ...", "must take two arguments"),
        ("train = 3", "shaped.py:train is int, not a function"),
        ("async def train(config, trial): ...", "is async: write a generator or a plain function"),
        ("async def train(config, trial): yield {}", "is async"),
    ],
)
def test_a_wrong_shape(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, shaped=text)
    with pytest.raises(TrainableError, match=message):
        accepted("shaped.py:train", tmp_path)
