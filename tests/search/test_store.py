"""Where results go when nothing is said."""

from pathlib import Path

import pytest

from assay.search.store import default_store


def test_the_folder_of_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_STORE", "~/results")
    assert default_store() == Path.home() / "results"
    for unset in ("", None):
        monkeypatch.setenv("ASSAY_STORE", unset) if unset is not None else monkeypatch.delenv("ASSAY_STORE")
        assert default_store() == Path("assay-results")
