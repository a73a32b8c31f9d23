"""Networks in one line: whole where there is room, short in a table."""

from __future__ import annotations

from typing import Any

import pytest

from assay.analysis.network_text import NetworkWords, elided, readable, told_apart
from assay.search import Sweep
from assay.search.section_architecture import ArchitectureSection

from .networks import DEEP, HUB, STAGED, deep, network


def sweep_of(architecture: dict[str, Any] | None, **parameters: Any) -> Sweep:
    raw = {
        "name": "a",
        "objectives": [{"metric": "loss", "goal": "minimize"}],
        "parameters": {"lr": "loguniform(1e-3, 1e-1)"} | parameters,
        "budget": {"trials": 9},
    }
    return Sweep.make(raw | ({"architecture": architecture} if architecture else {}))


def test_a_network_of_stages_is_told_layer_by_layer() -> None:
    words, config = NetworkWords(sweep_of(STAGED)), network("conv5x5", "identity") | {"lr": 0.1}
    assert words.text(config) == words.brief(config) == "conv5x5-4/2, identity | pool-3"
    assert words.short([config]) == ["conv5x5-4/2, identity | pool-3"]
    assert readable(config, words.text(config)) == {"architecture": "conv5x5-4/2, identity | pool-3", "lr": 0.1}


def test_of_a_model_space_a_table_says_what_differs_from_the_default() -> None:
    """Without the library and the file that made it."""
    sweep = sweep_of(HUB)
    words, default = NetworkWords(sweep), sweep.parameters.default()
    assert words.text(default) == "cell_0_1=skip cell_0_2=skip cell_1_2=skip"
    assert words.brief(default) == "default"
    changed = dict(default) | {"architecture.cell_1_2": "sep_conv_3x3"}
    assert words.brief(changed) == "1 changed: cell_1_2=sep_conv_3x3"
    assert words.text(changed) == "cell_0_1=skip cell_0_2=skip cell_1_2=sep_conv_3x3"
    every = dict(default) | dict.fromkeys(HUB["parameters"], "sep_conv_5x5")
    assert words.brief(every) == "3 changed: cell_0_1=sep_conv_5x5 cell_0_2=sep_conv_5x5 cell_1_2=sep_conv_5x5"
    short = "3 changed: cell_0_1=sep_conv_5x5 … cell_1_2=sep_conv_5x5"
    assert words.short([default, changed, every]) == ["default", words.brief(changed), short]


def test_what_only_came_with_a_choice_does_not_count_as_changed() -> None:
    """The third layer is there from depth 3 on; its usual operation is not told."""
    at = "architecture."
    ops = {"values": ["conv", "pool"], "default": "conv"}
    third = ops | {"when": {f"{at}depth": 3}}
    parameters = {f"{at}depth": [2, 3], f"{at}op1": ops, f"{at}op2": ops, f"{at}op3": third}
    sweep = sweep_of({"space": "gone.py:Space", "input": [1, 8, 8], "parameters": parameters})
    words, default = NetworkWords(sweep), dict(sweep.parameters.default())
    assert f"{at}op3" not in default
    deeper = default | {f"{at}depth": 3, f"{at}op3": "conv"}
    other = default | {f"{at}depth": 3, f"{at}op2": "pool", f"{at}op3": "pool"}
    assert words.brief(deeper) == "1 changed: depth=3"
    assert words.brief(other) == "2 changed: depth=3 op2=pool, with op3=pool"
    assert words.brief(default) == "default"


def test_a_long_network_keeps_its_ends() -> None:
    (short,) = NetworkWords(sweep_of(DEEP)).short([deep()])
    assert short.startswith("conv3x3-4, conv5x5-4, conv3x3-4,")
    assert short.endswith(" … pool-3")
    assert 60 < len(short) <= 72


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("one two three", "one two three"),
        ("one two three four", "one two … four"),
        ("one incomprehensible three", "one … three"),
        ("incomprehensibilities three", "incomprehensib…"),
        ("incomprehensibilities", "incomprehensib…"),
    ],
)
def test_what_is_left_out_is_in_the_middle(text: str, told: str) -> None:
    assert elided(text, 15) == told


def test_networks_that_differ_late_are_told_apart() -> None:
    words = NetworkWords(sweep_of(DEEP))
    usual, ninth, again = words.short([deep(), deep(9), deep()])
    assert usual == again
    assert usual == "conv3x3-4, conv5x5-4, … conv5x5-4, conv3x3-4, conv5x5-4, … pool-3"
    assert ninth == "conv3x3-4, conv5x5-4, … conv5x5-4 x3, conv3x3-4, conv5x5-4 | pool-3"
    many = words.short([deep(place) for place in range(13)])
    assert len(set(many)) == 13
    assert max(map(len, many)) <= 72


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["a b", "a b", "c"], ["a b", "a b", "c"]),
        (["aa bb cc dd 1 ee ff", "aa bb cc dd 2 ee ff"], ["aa bb … 1 ee ff", "aa bb … 2 ee ff"]),
        (["aa bb cc dd 1 ee ff", "aa bb cc dd 2 ee ff", "z"], ["aa bb … 1 ee ff", "aa bb … 2 ee ff", "z"]),
        (  # three of which two differ still later: these from there
            ["aa bb cc dd 1 ee hh 3 ff", "aa bb cc dd 1 ee hh 4 ff", "aa bb cc dd 2 ee hh 3 ff"],
            ["aa bb … 3 ff", "aa bb … 4 ff", "aa bb … 2 … ff"],
        ),
        (  # what is left around the difference is the same for two pairs
            [f"aaaaa {kind} cc dd {late} ee ff" for kind in ("xx", "yy") for late in "12"],
            [f"aaaaa {kind} cc dd {late} ee ff" for kind in ("xx", "yy") for late in "12"],
        ),
        (["a incomprehensible1 b", "a incomprehensible2 b"], ["a incomprehensible1 b", "a incomprehensible2 b"]),
    ],
)
def test_texts_that_would_look_alike(texts: list[str], told: list[str]) -> None:
    assert told_apart(texts, 15) == told


def test_a_config_without_a_network_has_no_words() -> None:
    for words in (NetworkWords(sweep_of(None)), NetworkWords(sweep_of(STAGED)), NetworkWords(sweep_of(HUB))):
        assert words.text({"lr": 0.1}) == words.brief({"lr": 0.1}) == ""
        assert words.short([{"lr": 0.1}]) == [""]
    assert readable({"lr": 0.1}, "") == {"lr": 0.1}


def test_the_section_is_read_once_for_many_configs(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep, read, calls = sweep_of(STAGED), ArchitectureSection.networks, []
    monkeypatch.setattr(ArchitectureSection, "networks", lambda self, *given: calls.append(1) or read(self, *given))
    words = NetworkWords(sweep)
    words.short(network(op, op) for op in ("conv3x3", "conv5x5"))
    assert len(calls) == 1
