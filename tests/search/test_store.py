"""Where results go, and how a command names it: folders, URLs, and never a password."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from assay.search.store import Place, as_words, default_store, near
from assay.spaces import UsageError


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv("ASSAY_STORE", raising=False)
    monkeypatch.delenv("ASSAY_FILES", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_folder_of_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    monkeypatch.setenv("ASSAY_STORE", "~/results")
    assert Place.of(None).files == Path.home() / "results"
    for unset in ("", None):
        monkeypatch.setenv("ASSAY_STORE", unset) if unset is not None else monkeypatch.delenv("ASSAY_STORE")
        assert default_store() == "assay-results"
        assert Place.of(None).files == here / "assay-results"


def test_a_folder(here: Path) -> None:
    place = Place.of(Path("my results"))
    assert (str(place), place.file) == (f"{here}/my results", here / "my results" / "ledger.db")
    assert near(place) == "my results"
    assert as_words("hello", place) == "hello --store 'my results'"
    assert as_words("hello", Place.of("assay-results")) == "hello"
    assert as_words("hello", Place.of("/elsewhere")) == "hello --store /elsewhere"
    assert Place.of(place) is place


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgres://me@host:5433/db", "postgresql://me@host:5433/db"),
        ("postgresql+psycopg://host/db?sslmode=require", "postgresql://host/db?sslmode=require"),
        ("postgresql://me:p%40ss%2Fword@host/db", "postgresql://me@host/db"),
        ("postgresql://me@host/db?password=p@ss/word&sslpassword=p@ss/word", "postgresql://me@host/db"),
        ("postgresql://me@/db?host=/run/postgresql", "postgresql://me@/db?host=/run/postgresql"),
        ("postgresql://me@host/db?files=/mnt/team", "postgresql://me@host/db?files=/mnt/team"),
        ("postgresql:///?service=team", "postgresql:///?service=team"),
    ],
)
def test_a_server(url: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place.of(url)
    assert str(place) == near(place) == text
    assert place.file is None
    assert place.url.drivername == "postgresql+psycopg"
    assert "files" not in place.url.query
    assert as_words("hello", place) == f"hello --store {shlex.quote(text)}"
    assert Place.of(text).files == place.files
    assert "word" not in repr(place)
    monkeypatch.setenv("ASSAY_STORE", url)
    assert as_words("hello", Place.of(None)) == "hello"
    assert as_words("hello", Place.of(text)) == "hello"


def test_the_password_reaches_the_server() -> None:
    assert Place.of("postgresql://me:p%40ss%2Fword@host/db").url.password == "p@ss/word"
    assert Place.of("postgresql://me@host/db?password=secret").url.query["password"] == "secret"


def test_the_files_of_a_server(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    url = "postgresql://me@host/db"
    assert Place.of(url).files == here / "assay-results"
    monkeypatch.setenv("ASSAY_STORE", url)
    assert Place.of(None).files == here / "assay-results"
    monkeypatch.setenv("ASSAY_STORE", "~/results")
    assert Place.of(url).files == Path.home() / "results"
    monkeypatch.setenv("ASSAY_FILES", "~/files")
    assert Place.of(url).files == Path.home() / "files"
    assert Place.of(f"{url}?files=/mnt/my%20team").files == Path("/mnt/my team")
    assert Place.of(f"{url}?files=mine").files == here / "mine"


def test_a_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_FILES", "/files")
    for url in (f"sqlite:///{here}/team.db", "sqlite:///team.db"):
        place = Place.of(url)
        assert (place.file, place.files) == (here / "team.db", here)
        assert as_words("hello", place) == f"hello --store sqlite:///{here}/team.db"
    assert Place.of("sqlite:////a/team.db?files=/b") == Place.of("sqlite:////a/team.db?files=/b")
    assert Place.of("sqlite:////a/team.db?files=/b").files == Path("/b")


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("mysql://me:secret@host/db", "a store is a folder, postgresql://user@host/database or sqlite:.*, not mysql:"),
        ("s3://secret/bucket", "not s3:"),
        ("postgresql+asyncpg://me:secret@host/db", r"not postgresql\+asyncpg:"),
        ("postgresql://me:secret@host:port/db", "write postgresql://user@host:5432/database"),
        ("postgresql://me:secret@host", "names no database"),
        ("postgresql://me:secret@host/db?files=/a&files=/b", "several folders"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////a/b.db?mode=ro&files=/secret", "takes no option mode in a URL: only files"),
    ],
)
def test_urls_that_are_no_store(url: str, cure: str) -> None:
    with pytest.raises(UsageError, match=cure) as caught:
        Place.of(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", ["c:d", "a://b", "x:/y", "50%"])
def test_folders_that_look_like_urls(folder: str, here: Path) -> None:
    assert Place.of(folder).files == here / Path(folder)


def test_a_store_travels_to_other_processes() -> None:
    import pickle

    place: Any = Place.of("postgresql://me:secret@host/db?files=/f")
    assert pickle.loads(pickle.dumps(place)) == place
