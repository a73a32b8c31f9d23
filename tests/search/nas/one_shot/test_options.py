"""The searcher proposes what the supernet found, then random configs."""

from __future__ import annotations

import pytest

from assay.search import SCHEDULERS, SEARCHERS, Sweep
from assay.search.nas.one_shot.options import OneShotOptions
from assay.spaces import Config, Objective, Space, SpaceError, SweepError

SPACE = Space(
    {
        "architecture.op": ["conv", "skip", "pool"],
        "architecture.size": {"values": [3, 5], "when": {"architecture.op": "conv"}},
        "lr": "loguniform(1e-4, 1e-1)",
    },
    ["architecture.size != 5"],
)
FOUND = [
    Config({"architecture.op": "skip"}),
    Config({"architecture.op": "conv", "architecture.size": 5}),
    Config({"architecture.op": "pool"}),
]


def test_architectures_come_in_order_with_the_other_parameters_at_their_defaults() -> None:
    searcher = OneShotOptions().proposing(SPACE, 3, FOUND)
    taken: set[Config] = set()
    for number in range(6):
        config = searcher.ask(number, taken)
        assert config is not None
        taken.add(SPACE.validate(config))
        if number < 2:  # the second is forbidden by a constraint
            assert config == SPACE.complete(FOUND[2 * number])
    assert len({config["lr"] for config in taken}) == 5


def test_what_is_taken_is_left_out() -> None:
    searcher = OneShotOptions().proposing(SPACE, 3, FOUND)
    assert searcher.ask(0, {SPACE.complete(FOUND[0])}) == SPACE.complete(FOUND[2])


def test_without_a_supernet_it_is_random_search() -> None:
    objective = Objective("loss", "minimize")
    own, random = (SEARCHERS[word](type=word).build(SPACE, objective, 4) for word in ("one_shot", "random"))
    assert [own.ask(number, ()) for number in range(5)] == [random.ask(number, ()) for number in range(5)]


@pytest.mark.parametrize("data", ["train.py", "train.py:", "train.py:two words"])
def test_data_is_a_function_in_a_file(data: str) -> None:
    raw = {"type": "one_shot", "data": data}
    with pytest.raises(SweepError, match="data"):
        Sweep.make({"name": "a", "objectives": [{"metric": "m", "goal": "maximize"}], "searcher": raw})


def test_it_needs_networks_and_one_process() -> None:
    raw = {
        "name": "a",
        "objectives": [{"metric": "m", "goal": "maximize"}],
        "parameters": {"lr": "loguniform(1e-4, 1e-1)"},
        "budget": {"trials": 3},
        "searcher": "one_shot",
        "resources": {"workers": 2},
    }
    with pytest.raises(SweepError, match="one_shot needs networks") as caught:
        Sweep.make(raw)
    assert "a supernet trains in one process: write 1" in str(caught.value)


STAGES = [{"ops": ["conv3x3", "identity"], "depth": 2, "width": 8}, {"ops": ["conv3x3"], "depth": 1, "width": [4, 16]}]
NETS = {
    "name": "a",
    "objectives": [{"metric": "m", "goal": "maximize"}],
    "architecture": {"input": [3, 8, 8], "output": 4, "stages": STAGES[:1]},
    "budget": {"trials": 3},
    "searcher": "one_shot",
    "fidelity": {"unit": "epoch", "max": 9},
}


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
def test_its_networks_are_trained_in_full(scheduler: str) -> None:
    if scheduler == "none":
        assert Sweep.make(NETS | {"scheduler": scheduler}).scheduler.type == "none"
        return
    with pytest.raises(SweepError, match=f"scheduler: one_shot .*{scheduler} does not: write scheduler: none"):
        Sweep.make(NETS | {"scheduler": scheduler})


def test_a_stage_has_one_width() -> None:
    wide = NETS | {"architecture": {"input": [3, 8, 8], "output": 4, "stages": STAGES}}
    with pytest.raises(SweepError) as caught:
        Sweep.make(wide)
    (line,) = str(caught.value).splitlines()
    assert line.startswith("architecture.stages.1.width: one-shot training needs one width per stage, got ")
    assert line.endswith(": write width: 4, or take another searcher")
    assert Sweep.make(wide | {"searcher": "random"}).architecture is not None


def test_no_more_are_wanted_than_are_scored() -> None:
    assert OneShotOptions(top=4, candidates=4).top == 4
    with pytest.raises(
        SweepError, match="candidates: 3 are scored in all, and top asks for the best 4: write"
    ) as caught:
        Sweep.make(NETS | {"searcher": {"type": "one_shot", "top": 4, "candidates": 3}})
    assert len(str(caught.value).splitlines()) == 1


def test_unknown_strategies_are_refused() -> None:
    with pytest.raises((SpaceError, ValueError), match="strategy"):
        OneShotOptions.model_validate({"type": "one_shot", "strategy": "spos"})
