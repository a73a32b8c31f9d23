"""Objects by name, from files and modules."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from assay.spaces import SpaceError, UsageError
from assay.spaces.loading import Named


def named(name: str, folder: Path) -> Named:
    return Named(name, str(folder), "space", SpaceError, "Class")


def test_a_file_is_run_again_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "loading_once.py").write_text("made = object()\n")
    first = named("loading_once.py:made", tmp_path).find()
    assert named("loading_once.py:made", tmp_path).find(again=False) is first
    assert named("loading_once:made", tmp_path).find() is first
    assert named("loading_once.py:made", tmp_path).find() is not first


def test_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "loading_same.py").write_text(f"name = '{folder}'\n")
    found = [named("loading_same.py:name", tmp_path / folder).find(again=False) for folder in ("one", "two", "one")]
    assert found == ["one", "two", "one"]


def test_a_file_that_fails_leaves_the_module_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "loading_fails.py"
    path.write_text("number = 1\n")
    assert named("loading_fails.py:number", tmp_path).find() == 1
    before = sys.modules["loading_fails"]
    path.write_text("number = 1 / 0\n")
    with pytest.raises(SpaceError, match=r"space: importing loading_fails.py failed: ZeroDivisionError: division by"):
        named("loading_fails.py:number", tmp_path).find()
    assert sys.modules["loading_fails"] is before


def test_errors_of_assay_keep_their_text(tmp_path: Path) -> None:
    (tmp_path / "loading_tells.py").write_text("from assay.spaces import UsageError\nraise UsageError('do that')\n")
    with pytest.raises(UsageError, match=r"^do that$"):
        named("loading_tells.py:number", tmp_path).find()


def test_the_reason_starts_in_the_code_that_was_imported(tmp_path: Path) -> None:
    (tmp_path / "loading_reason.py").write_text("1 / 0\n")
    seen: list[str] = []

    def reason(error: BaseException) -> str:
        trace = error.__traceback__
        while trace is not None:
            seen.append(Path(trace.tb_frame.f_code.co_filename).name)
            trace = trace.tb_next
        return "it divides"

    with pytest.raises(SpaceError, match=r"importing loading_reason.py failed: it divides$"):
        named("loading_reason.py:number", tmp_path).find(reason)
    assert "loading.py" not in seen
    assert seen[-1] == "loading_reason.py"


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("net.py", r"'net.py' is not of the form file.py:Class or package.module:Class"),
        ("net.py:a.b", "is not of the form"),
        ("net.py:Net", r"there is no file .*net.py: the path is relative to the sweep file's folder"),
        ("no_such_package:Net", "importing no_such_package failed: ModuleNotFoundError"),
        ("json:Net", "json has no 'Net'"),
    ],
)
def test_what_is_not_there(tmp_path: Path, name: str, match: str) -> None:
    with pytest.raises(SpaceError, match=match):
        named(name, tmp_path).find()
