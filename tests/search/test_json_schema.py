"""The JSON Schema of the sweep file: complete, shipped, and of one mind with the models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

import assay
from assay.search import SCHEDULERS, SEARCHERS, Sweep
from assay.search.json_schema import schema_text
from assay.search.yaml_reader import read_yaml

from .test_section_mistakes import INVALID, cases, completed
from .test_sweep import sweeps

ROOT = Path(assay.__file__).parent
SCHEMA = Sweep.model_json_schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
VALID = [*(INVALID.parent / "valid").glob("*.yaml"), *(ROOT / "examples").glob("*.yaml")]

UNSEEN = {  # mistakes in what values mean together, which no JSON Schema can tell
    "the same metric twice",
    "a target that is worse than the reference",
    "of an unknown parameter",
    "with one equals sign",
    "with Python's calls",
    "that never holds",
    "bounds the wrong way round",
    "a condition with a typo, and one that cannot be compared",
    "a circle",
    "a metric that is not an objective",
    "nothing to compare",
    "separate densities where trials are stopped",
    "a sample larger than the population",
    "variables twice, with a dash, and with a number",
    "a test that needs a size",
    "a knee of one objective",
    "two names for one",
}


def mistakes(content: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(content)]


def test_the_file_in_the_package_is_what_the_models_give() -> None:
    shipped = (ROOT / "search" / "sweep.schema.json").read_text(encoding="utf-8")
    assert shipped == schema_text(SCHEMA), "write it anew: assay schema -o search/sweep.schema.json"


def test_it_is_a_schema_of_the_dialect_it_names() -> None:
    assert SCHEMA["$schema"] == jsonschema.Draft7Validator.META_SCHEMA["$schema"]
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_good_files_are_valid(file: Path) -> None:
    assert mistakes(read_yaml(file.read_text(encoding="utf-8")).value) == []


@pytest.mark.parametrize("file", sorted(INVALID.glob("*.yaml")), ids=lambda file: file.stem)
def test_bad_files_are_not(file: Path) -> None:
    document = read_yaml(file.read_text(encoding="utf-8"))
    assert document.duplicates or mistakes(document.value)


@pytest.mark.parametrize("parameter", [
    0.1, 3, True, "adam", "train+val", "", [1, "a", None], "uniform(0, 1)", " loguniform( 1e-5 , .1 )",
    "int(-1, 6)", "logint(1, 1_000)", "normal(0, 1)", "lognormal(-3, 1.)", "preset(adamw, sgd)",
    {"min": 0.0, "max": 1}, {"min": 1, "max": 9, "type": "int", "step": 2, "log": False, "default": 3, "help": "x"},
    {"mean": 0, "std": 1}, {"mean": 0, "std": 1, "min": -1, "max": 1},
    {"min": 1e-5, "max": 1e-1, "log": True, "prior": {"center": 1e-3, "confidence": "low"}},
    {"values": ["a", "b"], "weights": [1, 2.5], "ordered": True, "default": "b"}, {"value": "int(1, 2)"},
    {"values": [1, 2], "when": {"other": [1, 2]}}, {"value": 1, "when": "other >= 1 and other != 2"},
], ids=str)  # fmt: skip
def test_every_form_of_a_parameter_is_valid(parameter: Any) -> None:
    content = {
        "name": "x",
        "objectives": [{"metric": "loss", "goal": "minimize"}],
        "parameters": {"other": [1, 2], "group.x": parameter},
        "budget": {"trials": 1},
    }
    assert mistakes(content) == []
    Sweep.make(content)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sweeps())
def test_whatever_the_models_take_is_valid_and_so_is_what_they_write(content: dict[str, Any]) -> None:
    sweep = Sweep.make(content)
    assert mistakes(content) == []
    assert mistakes(json.loads(json.dumps(sweep.model_dump(mode="json")))) == []


def test_which_mistakes_an_editor_cannot_see() -> None:
    unseen = {title for title, sections, answers in cases() if not mistakes(read_yaml(completed(sections)).value)}
    assert unseen == UNSEEN


def test_every_key_is_documented() -> None:
    assert [path for path, schema in properties(SCHEMA, "") if not schema.get("description")] == []


def properties(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """All properties in a schema, each with its path."""
    entries = schema.items() if isinstance(schema, dict) else enumerate(schema) if isinstance(schema, list) else ()
    for key, inner in entries:
        if key == "properties":
            yield from ((f"{path}/{name}", one) for name, one in inner.items())
        if key not in ("if", "then", "not"):
            yield from properties(inner, f"{path}/{key}")


@pytest.mark.parametrize(("section", "engines"), [("searcher", SEARCHERS), ("scheduler", SCHEDULERS)])
def test_an_engine_is_a_word_or_a_mapping_with_its_own_keys(section: str, engines: dict[str, Any]) -> None:
    words, *mappings = SCHEMA["properties"][section]["anyOf"]
    assert words == {"enum": list(engines)}
    keys = {mapping["properties"]["type"]["const"]: set(mapping["properties"]) for mapping in mappings}
    assert keys == {word: set(options.model_fields) for word, options in engines.items()}
    assert all(mapping["required"] == ["type"] and not mapping["additionalProperties"] for mapping in mappings)
