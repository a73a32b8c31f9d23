"""The code of docs/spaces.md runs, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import optuna
import pytest

import assay
from assay.search import Sweep, missing_engines
from assay.search.yaml_reader import read_yaml

DOCS = Path(assay.__file__).parent / "docs"
TEXT = (DOCS / "spaces.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)
DATA = re.findall(r"^```python\n(.*?)^```$", (DOCS / "data.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
REST = {"name": "page", "objectives": [{"metric": "loss", "goal": "minimize"}], "budget": {"trials": 3}}


@pytest.mark.parametrize("text", [text for language, text in BLOCKS if language == "yaml"])
def test_what_is_shown_of_a_file_is_read_and_runs(text: str, tmp_path: Path) -> None:
    sweep = Sweep(**REST, **read_yaml(text).value)
    assert missing_engines(sweep) == []
    results = assay.run(
        sweep,
        lambda config, trial: {"loss": trial.seed % 100, "latency_ms": 1.0},
        store=tmp_path,
        inline=True,
        progress=False,
    )
    assert len({trial.config for trial in results.phase(assay.search.Phase.SEARCH)}) == 3


@pytest.mark.parametrize("text", [text for language, text in BLOCKS if language == "python"])
def test_the_python_blocks_run(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    namespace: dict[str, object] = {"__name__": "page"}
    exec(compile(text, "docs/spaces.md", "exec", dont_inherit=True), namespace)  # its assertions speak


@pytest.mark.parametrize("text", DATA)
def test_the_blocks_of_the_page_on_data_run(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "docs/data.md", "exec", dont_inherit=True), {"__name__": "page"})  # its assertions speak


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert "://" in link or (page.parent / link).exists(), link
