"""trial.build_model: the network of the config, what is measured of it, what it inherits; its weights are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save, save_file

from assay.spaces import Space, TrainableError
from assay.spaces.architectures import architecture_of
from assay.spaces.networks.measures import flop_count, parameter_count
from assay.trainables import Cause, Failed, Finished, TrialHandle, TrialSpec
from assay.trainables.checkpoints import CheckpointStore
from assay.trainables.randomness import seed_everything
from assay.trainables.session import Session

DESCRIPTION = {
    "input": [1, 8, 8],
    "output": 3,
    "stages": [{"ops": ["conv3x3", "identity"], "depth": {"min": 1, "max": 2}, "width": [4, 8]}],
}
CONFIG = {"lr": 0.1, "architecture": {"stage1": {"depth": 1, "width": 8, "op1": "conv3x3"}}}
SPEC = TrialSpec(4, CONFIG, metric="loss", seed=3, architecture=DESCRIPTION)
MEASURE = ("params", "params_m", "flops", "flops_m", "latency_ms")


pytestmark = pytest.mark.usefixtures("one_thread")


def network(seed: int = 3) -> torch.nn.Module:
    seed_everything(seed)
    flat = {"architecture.stage1.depth": 1, "architecture.stage1.width": 8, "architecture.stage1.op1": "conv3x3"}
    return architecture_of(DESCRIPTION).build(flat)


def run(train: Callable[..., Any], spec: TrialSpec, reports: int = 1) -> list[Any]:
    session = Session(train, spec)
    events: list[Any] = [session.advance() for _ in range(reports)]
    return events if isinstance(events[-1], Failed) else [*events, session.advance()]


def one_report(config: Any, trial: TrialHandle) -> Iterator[dict[str, float]]:
    trial.build_model()
    yield {"loss": 1.0}


def test_it_is_the_network_of_the_config_with_seeded_weights_that_are_kept() -> None:
    _, end = run(one_report, SPEC)
    assert isinstance(end, Finished)
    assert end.weights is not None
    expected = network().state_dict()
    kept = load(end.weights.content)
    assert kept.keys() == expected.keys()
    assert all(torch.equal(kept[name], expected[name]) for name in kept)


def test_a_second_call_gives_another_network_and_a_later_save_weights_wins() -> None:
    def train(config: Any, trial: TrialHandle) -> Iterator[dict[str, float]]:
        first, second = trial.build_model(), trial.build_model()
        assert not torch.equal(next(first.parameters()), next(second.parameters()))
        trial.save_weights(torch.nn.Linear(2, 1))
        yield {"loss": 1.0}

    _, end = run(train, SPEC)
    assert load(end.weights.content).keys() == {"weight", "bias"}


def test_without_an_architecture_the_cure_is_named() -> None:
    with pytest.raises(TrainableError, match=r"add `architecture: \{input: .* to the sweep"):
        TrialHandle(TrialSpec(1, {}, "loss")).build_model()


def test_what_is_measured_is_added_to_every_report_that_lacks_it() -> None:
    def train(config: Any, trial: TrialHandle) -> Iterator[dict[str, float]]:
        model = trial.build_model()
        yield {"loss": 1.0}
        assert model.training
        yield {"loss": 0.5, "params": 7, "latency_ms": 9.0}

    latency = {"batch": 2, "warmup": 0, "runs": 3}
    first, second, _ = run(train, replace(SPEC, measure=MEASURE, latency=latency), reports=2)
    model = network()
    params, flops = parameter_count(model), flop_count(model, (1, 8, 8))
    latency_ms = first.metrics.pop("latency_ms")
    assert latency_ms > 0
    assert first.metrics == {
        "loss": 1.0, "params": params, "params_m": params / 1e6, "flops": flops, "flops_m": flops / 1e6,
    }  # fmt: skip
    assert second.metrics == first.metrics | {"loss": 0.5, "params": 7, "latency_ms": 9.0}


def test_each_is_measured_once_in_an_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(config: Any, trial: TrialHandle) -> Iterator[dict[str, float]]:
        trial.build_model()
        for _ in range(3):
            yield {"loss": 1.0}

    taken = iter([5.0])
    monkeypatch.setattr("assay.spaces.networks.measures.latency_ms", lambda *_, **__: next(taken))
    *reports, _ = run(train, replace(SPEC, measure=("latency_ms",)), reports=3)
    assert [report.metrics["latency_ms"] for report in reports] == [5.0] * 3


def test_measuring_draws_nothing_from_the_generators_of_the_trial() -> None:
    def train(config: Any, trial: TrialHandle) -> Iterator[dict[str, float]]:
        trial.build_model()
        yield {"loss": 1.0}
        yield {"loss": float(torch.rand(()))}

    drawn = [run(train, replace(SPEC, measure=names), reports=2)[1].metrics["loss"] for names in ((), MEASURE)]
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("role", [{"metric": "params"}, {"others": ("params",)}])
def test_an_objective_that_nobody_measures_says_how(role: dict[str, Any]) -> None:
    def train(config: Any, trial: TrialHandle) -> Iterator[dict[str, float]]:
        yield {"loss": 1.0}

    [failed] = run(train, replace(SPEC, measure=("params",), **role))
    assert failed.cause is Cause.METRIC
    assert failed.reason == (
        "metric 'params' was not reported: report it, or build the network with trial.build_model()"
    )


def test_a_limit_may_be_reported_later() -> None:
    def train(config: Any, trial: TrialHandle) -> Iterator[dict[str, float]]:
        yield {"loss": 1.0}
        yield {"loss": 0.5, "params": 12}

    first, second, _ = run(train, replace(SPEC, measure=("params",)), reports=2)
    assert first.metrics == {"loss": 1.0}
    assert second.metrics == {"loss": 0.5, "params": 12}


def test_a_network_that_takes_another_input_trains_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    def train(config: Any, trial: TrialHandle) -> Iterator[dict[str, float]]:
        model = trial.build_model()
        model.stem = torch.nn.Conv2d(2, 8, 3)
        yield {"loss": 1.0}
        yield {"loss": 1.0}

    spec = replace(SPEC, measure=("params", "flops_m"))
    first, second, _ = run(train, spec, reports=2)
    assert first.metrics.keys() == second.metrics.keys() == {"loss", "params"}
    printed = capsys.readouterr().out
    assert printed.startswith("flops_m cannot be measured for an example of shape (1, 8, 8): RuntimeError: ")
    assert printed.count("\n") == 1
    [failed] = run(train, replace(spec, metric="flops_m"))
    assert "give architecture.input" in failed.reason


def test_a_child_starts_from_its_parents_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parent = network(seed=9).state_dict()
    save_file(parent, tmp_path / "trial-00001.safetensors")
    _, end = run(one_report, replace(SPEC, inherit=str(tmp_path / "trial-00001.safetensors")))
    kept = load(end.weights.content)
    assert all(torch.equal(kept[name], parent[name]) for name in parent)
    assert f"trial {SPEC.number}: weights of the parent: {len(parent)} tensors copied" in capsys.readouterr().out
    run(one_report, replace(SPEC, inherit=save(parent), open_test=True))  # trained again, to be tested
    assert capsys.readouterr().out == ""


def test_what_a_child_took_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And not again where it goes on from a checkpoint."""
    spec = replace(SPEC, inherit=save(network(seed=9).state_dict()))
    places = CheckpointStore(str(tmp_path))
    staged = places.stage()
    (staged / "model").write_text("trained")
    events = run(one_report, replace(spec, restore=((1, places.commit(staged, "step-000001-0-1")),)))
    assert [event.inherited for event in events] == [True, True]
    assert capsys.readouterr().out == ""


def test_a_child_tells_whether_it_took_anything() -> None:
    parent = save(network(seed=9).state_dict())
    told = {}
    for name, spec in {
        "fits": replace(SPEC, inherit=parent),
        "fits nowhere": replace(SPEC, inherit=save({"elsewhere": torch.zeros(1)})),
        "nothing given": SPEC,
    }.items():
        told[name] = {event.inherited for event in run(one_report, spec)}
    assert told == {"fits": {True}, "fits nowhere": {False}, "nothing given": {False}}


@pytest.mark.parametrize(
    ("networks", "given", "told"),
    [
        (DESCRIPTION, torch.zeros(4, 3, 8, 8), "batches of [1, 8, 8] (section architecture)"),
        (
            {
                "input": [5],
                "vocabulary": 7,
                "output": 2,
                "stages": [{"ops": ["conv1d_k3"], "depth": {"value": 1}, "width": {"value": 4}}],
            },
            torch.full((4, 5), 7),
            "batches of [5] of whole numbers below 7 (section architecture)",
        ),
    ],
)
def test_data_that_do_not_fit_the_network_are_told_so(networks: dict[str, Any], given: torch.Tensor, told: str) -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        trial.build_model()(given)
        yield {"loss": 1.0}

    config = Space(architecture_of(networks).parameters()).default().nested()
    [failed] = run(train, replace(SPEC, architecture=networks, config=config))
    assert failed.reason.endswith(f": the network takes {told}")
    assert f"(test_build_model.py:{train.__code__.co_firstlineno + 1})" in failed.reason


def test_what_a_child_took_is_open_until_it_builds_its_network(tmp_path: Path) -> None:
    def late(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        yield {"loss": 2.0}
        trial.build_model()
        yield {"loss": 1.0}

    def from_checkpoint(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        if trial.checkpoint is None:
            trial.build_model()
        yield {"loss": 1.0}

    def never(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        yield {"loss": 1.0}

    spec = replace(SPEC, inherit=save(network(seed=9).state_dict()))
    places = CheckpointStore(str(tmp_path / "checkpoints"))
    staged = places.stage()
    (staged / "model").write_text("trained")
    resumed = replace(spec, restore=((1, places.commit(staged, "step-000001-0-1")),))
    assert [event.inherited for event in run(late, spec, reports=2)] == [None, True, True]
    assert [event.inherited for event in run(from_checkpoint, resumed)] == [None, None]
    assert [event.inherited for event in run(never, spec)] == [None, False]


@pytest.mark.parametrize("content", [None, b"no safetensors"])
@pytest.mark.parametrize("sent", [True, False])
def test_weights_that_cannot_be_read_fail_the_trial(tmp_path: Path, content: bytes | None, sent: bool) -> None:
    file = tmp_path / "trial-00001.safetensors"
    if content is not None:
        file.write_bytes(content)
    [failed] = run(one_report, replace(SPEC, inherit=content if sent and content else str(file)))
    assert failed.reason.startswith("the weights of the trial's parent cannot be read")
    assert (str(file) in failed.reason) == (not (sent and content))


def test_weights_that_are_gone_are_not_missed_by_what_goes_on_from_a_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = CheckpointStore(str(tmp_path / "checkpoints"))
    staged = places.stage()
    (staged / "model").write_text("trained")
    place = places.commit(staged, "step-000001-0-1")
    spec = replace(SPEC, inherit=str(tmp_path / "gone"), restore=((1, place),))
    report, _ = run(one_report, spec)
    assert report.inherited
    assert "the weights of the trial's parent cannot be read" in capsys.readouterr().out
