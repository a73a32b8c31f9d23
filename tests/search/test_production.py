"""Names and values of production, and what of them cannot be meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import assay
from assay.search import Sweep, missing_engines
from assay.search.production import production, production_names
from assay.search.yaml_reader import read_yaml
from assay.spaces import Config

from .test_section_mistakes import completed

SPACE: dict[str, Any] = {
    "lr": "loguniform(1e-5, 1e-1)",
    "optim.momentum": {"min": 0.0, "max": 0.9, "when": {"kind": "sgd"}},
    "kind": ["adam", "sgd"],
    "epochs": 27,
}


def sweep(**export: Any) -> Sweep:
    return Sweep.make(
        {
            "name": "x",
            "objectives": [{"metric": "loss", "goal": "minimize"}],
            "parameters": SPACE,
            "budget": {"trials": 1},
            "export": export,
        }
    )


def made(config: dict[str, Any], **export: Any) -> Any:
    checked = sweep(**export)
    return production(Config(config), checked.parameters, checked.export)


def test_without_wishes_nothing_changes() -> None:
    config = {"lr": 0.1, "kind": "adam", "epochs": 27}
    told = made(config)
    assert (told.values, told.renamed, told.changed) == (config, {}, {})


def test_names_and_values() -> None:
    rename = {"lr": "model.optimizer.lr", "optim.momentum": "model.momentum", "epochs": "trainer.max_epochs"}
    retrain = {"epochs": 40, "model.optimizer.lr": 0.5, "data.split": "train+val", "kind": "adam"}
    told = made({"lr": 0.1, "kind": "adam", "epochs": 27}, rename=rename, retrain=retrain)
    assert told.values == {
        "model.optimizer.lr": 0.5, "kind": "adam", "trainer.max_epochs": 40, "data.split": "train+val"
    }  # fmt: skip
    assert told.renamed == {"lr": "model.optimizer.lr", "epochs": "trainer.max_epochs"}  # no momentum in this config
    assert told.changed == {
        "trainer.max_epochs": {"tested": 27, "production": 40},
        "model.optimizer.lr": {"tested": 0.1, "production": 0.5},
        "data.split": {"production": "train+val"},
    }
    checked = sweep(rename=rename, retrain=retrain)
    assert production_names(checked.parameters, checked.export) == [
        "model.optimizer.lr", "model.momentum", "kind", "trainer.max_epochs", "data.split"
    ]  # fmt: skip


def test_two_names_may_change_places() -> None:
    told = made({"lr": 0.1, "kind": "adam"}, rename={"lr": "kind", "kind": "lr"}, retrain={"lr": 9})
    assert told.values == {"kind": 9, "lr": "adam"}
    assert told.changed == {"kind": {"tested": 0.1, "production": 9}}


def test_a_value_of_another_type_is_a_change() -> None:
    assert made({"epochs": 1}, retrain={"epochs": True}).changed == {"epochs": {"tested": 1, "production": True}}


@pytest.mark.parametrize(
    ("export", "answers"),
    [
        ("{rename: {lr: batch}}", []),
        ("{rename: {lr: optimizer}}", [
            "1:19: export.rename.lr: 'optimizer' is a parameter already: give 'lr' another name, "
            "or rename 'optimizer' as well",
        ]),
        ("{rename: {lr: optimizer.lr}}", [
            "1:19: export.rename.lr: 'optimizer' is both a value and the group of 'optimizer.*': rename one",
        ]),
        ("{rename: {lr: optimizer.lr, optimizer: kind}}", []),
        ("{rename: {lr: a.b, optimizer: a}}", [
            "1:28: export.rename.optimizer: 'a' is both a value and the group of 'a.*': rename one",
        ]),
        ("{rename: {l: a}, retrain: {optimizer.x: 1}}", [
            "1:19: export.rename.l: no such parameter (did you mean 'lr'?)",
            "1:36: export.retrain.optimizer.x: 'optimizer' is both a value and the group of 'optimizer.*': rename one",
        ]),
        ("{rename: {lr: 'a b'}, retrain: {-x: 1}}", [
            "1:19: export.rename.lr: 'a b' is not a name: use letters, digits, _ and -, with dots for nesting",
            "1:41: export.retrain.-x: '-x' is not a name: use letters, digits, _ and -, with dots for nesting",
        ]),
        ("{rename: {lr: rate}, retrain: {lr: 1, rate: 2}}", [
            "1:47: export.retrain.rate: 'lr' and 'rate' are the same value, 'rate' in production: keep one",
        ]),
        ("{into: conf/train.toml}", [
            "1:10: export.into: expected a .yaml, .yml or .json file, got 'conf/train.toml'",
        ]),
        ("{into: conf/config.yaml}", [
            "1:10: export.into: format yaml writes a config.yaml too: call yours otherwise, "
            "or leave the format out of `formats`",
        ]),
        ("{into: conf/config.yaml, formats: [hydra]}", []),
        ("{into: manifest.json}", ["1:10: export.into: every export writes a manifest.json too: call yours otherwise"]),
        ("{into: conf/train.yaml, to: ./conf}", [
            "1:33: export.to: the copy would overwrite 'conf/train.yaml' itself: write `to: best`, or another folder",
        ]),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(export: str, answers: list[str], mistakes: Callable[[str], list[str]]) -> None:
    text = completed(f"export: {export}")
    if answers:
        assert mistakes(text) == answers
    else:
        Sweep.make(read_yaml(text).value)


def test_the_section_of_the_page_is_one() -> None:
    page = Path(assay.__file__).parent / "docs" / "export.md"
    [block] = re.findall(r"^```yaml\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    export = read_yaml(block).value["export"]
    checked = Sweep.make(read_yaml(completed(f"{block}parameters: {{lr: 0.1, batch_size: [1, 2]}}")).value)
    assert checked.export.model_dump(exclude_defaults=True) == export
    assert missing_engines(checked) == []
