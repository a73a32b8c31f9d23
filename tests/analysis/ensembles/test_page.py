"""docs/ensembles.md is true: its code runs, its commands and sweeps exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import assay
from assay.analysis.ensembles import METHODS
from assay.search import Sweep, missing_engines, read_sweep
from assay.search.yaml_reader import read_yaml

ROOT = Path(assay.__file__).parent
PAGE = (ROOT / "docs" / "ensembles.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
REST = {"name": "page", "objectives": [{"metric": "log_loss", "goal": "minimize"}], "budget": {"trials": 3}}
CONFIGS = [
    {"model": "logistic", "analyzer": "word", "sublinear": True, "C": 10.0},
    {"model": "naive_bayes", "analyzer": "char_wb", "sublinear": False, "alpha": 0.1},
    {"model": "neighbors", "analyzer": "word", "sublinear": True, "neighbors": 5},
]


def test_the_mixture_is_what_the_page_says() -> None:
    [text] = [text for language, text in BLOCKS if language == "python" and "assert" in text]
    exec(compile(text, "docs/ensembles.md", "exec", dont_inherit=True), {"__name__": "page"})  # its assertions speak


def test_what_is_shown_of_a_file_can_run() -> None:
    for text in (text for language, text in BLOCKS if language == "yaml"):
        assert missing_engines(Sweep(**REST, parameters={"lr": "uniform(0, 1)"}, **read_yaml(text).value)) == []


def test_every_method_is_on_the_page() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert listed == ["auto", *METHODS, "bagging", "soup"]


def test_the_sweeps_of_the_page_can_run() -> None:
    for name in re.findall(r"assay run (examples/\S+)", PAGE):
        sweep = read_sweep(ROOT / name)
        assert missing_engines(sweep) == []


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config["model"])
def test_the_models_of_the_text_example(config: dict[str, object]) -> None:
    spec = importlib.util.spec_from_file_location("train_text", ROOT / "examples" / "train_text.py")
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    parameters = read_sweep(ROOT / "examples" / "text.yaml").parameters
    parameters.validate(config)
    texts = np.array([f"{word} of a {thing}" for word in ("mean", "fit") for thing in ("line", "curve", "sample")] * 5)
    parts = np.array([text.split()[0] for text in texts])
    model = example.build(config).fit(texts, parts)
    assert model.score(texts, parts) == 1.0
    assert model.predict_proba(texts).shape == (30, 2)
