"""What a supernet found survives the way to disk and back."""

from __future__ import annotations

import pytest

from assay.search.nas.one_shot.found import Candidate, Found
from assay.spaces import Config, DamagedFileError

FOUND = Found(
    strategy="darts",
    epochs=3,
    planned=9,
    collapsed=True,
    warning="so it goes",
    skips=2,
    choices=4,
    candidates=(
        Candidate(Config({"architecture.a": "x", "architecture.b": 2}), "top", 0.9, 0.25),
        Candidate(Config({"architecture.a": "y"}), "sample", 0.5),
    ),
)


def test_there_and_back() -> None:
    again = Found.of(FOUND.text())
    assert again == FOUND
    assert again.candidates[0].config["architecture.b"] == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"candidates": [{"config": {}}]}', FOUND.text()[:-20]])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(DamagedFileError, match="cannot be read"):
        Found.of(text)
