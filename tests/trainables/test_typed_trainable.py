"""Training functions that ask for their own class of settings, or for the parameters themselves."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypedDict

import pytest
from pydantic import BaseModel

from assay.spaces import Float, Space, TrainableError
from assay.trainables import Failed, Finished, Reported, Session, TrainableRef, TrialSpec
from assay.trainables.typed import TypedTrainable, misfits

if TYPE_CHECKING:
    from assay.trainables import TrialHandle

CONFIG = {"lr": 0.5, "net": {"kind": "wide", "width": 3}}


class Wide(BaseModel):
    kind: Literal["wide"] = "wide"
    width: int = 8


class Deep(BaseModel):
    kind: Literal["deep"] = "deep"


class Settings(BaseModel):
    lr: float
    net: Wide | Deep = Deep()


@dataclasses.dataclass(frozen=True)
class Plain:
    lr: float
    net: Wide | Deep


def scored(config: Any) -> dict[str, float]:
    assert isinstance(config, (Settings, Plain))
    assert isinstance(config.net, Wide)
    return {"score": config.lr * config.net.width}


def generator(config: Settings, trial: TrialHandle) -> Iterator[dict[str, float]]:
    yield scored(config)


def function(config: Plain, trial: TrialHandle) -> None:
    trial.report(scored(config))


def direct(
    trial: TrialHandle, lr: Annotated[float, Float(0, 1)], net: Wide | Deep, layers: int = 2
) -> dict[str, float]:
    assert (trial.number, layers) == (0, 2)
    return scored(Plain(lr, net))


def direct_generator(trial: TrialHandle, /, **settings: Any) -> Iterator[dict[str, float]]:
    yield {"score": settings["lr"] * settings["net"]["width"]}


class Called:
    def __call__(self, config: Settings, trial: TrialHandle) -> Iterator[dict[str, float]]:
        yield scored(config)


class Built:
    """A class that is called with both, and gives its metrics as an iterator."""

    def __init__(self, config: Settings, trial: TrialHandle) -> None:
        self._left = [scored(config)]

    def __iter__(self) -> Built:
        return self

    def __next__(self) -> dict[str, float]:
        if not self._left:
            raise StopIteration
        return self._left.pop()


def offset(extra: float, config: Settings, trial: TrialHandle) -> dict[str, float]:
    return {"score": scored(config)["score"] + extra}


def logged(train: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(train)
    def wrapper(*args: Any) -> Any:
        return train(*args)

    return wrapper


def outcome(train: Any, config: dict[str, Any] = CONFIG) -> Any:
    """The first report's score, or the reason of a failure."""
    trainable = TrainableRef("train", ".", train).load()
    session = Session(trainable, TrialSpec(0, config, "score"))
    event = session.advance()
    if isinstance(event, Failed):
        return event.reason
    assert isinstance(event, Reported)
    assert isinstance(session.advance(), Finished)
    return event.metrics["score"]


@pytest.mark.parametrize(
    "train",
    [generator, function, direct, direct_generator, Called(), Built, functools.partial(offset, 0.0), logged(function)],
    ids=["generator", "function", "direct", "direct generator", "object", "class", "partial", "decorated"],
)
def test_a_training_function_gets_what_it_asks_for(train: Any) -> None:
    assert outcome(train) == 1.5
    again = TrainableRef("train", ".", train)
    assert dataclasses.replace(again, directory="elsewhere").function == again.function


class Keys(TypedDict):
    lr: float


class Reading(Protocol):
    def __getitem__(self, name: str) -> Any: ...


def in_a_dict(config: dict[str, Any], trial: TrialHandle) -> dict[str, float]:
    return {"score": config["lr"]}


@pytest.mark.parametrize("annotation", [dict, "dict[str, Any]", "Mapping[str, Any]", Keys, Reading, Any, object, None])
def test_a_dict_comes_as_it_did(annotation: Any) -> None:
    def train(config: Any, trial: Any) -> dict[str, float]:
        assert type(config) is dict
        return {"score": config["lr"]}

    train.__annotations__["config"] = annotation
    if annotation is None:
        del train.__annotations__["config"]
    assert TrainableRef("train", ".", train).load() is train
    assert outcome(train) == 0.5


def refused(train: Any) -> str:
    with pytest.raises(TrainableError) as caught:
        TrainableRef("train", ".", train)
    return str(caught.value)


def test_annotations_that_are_of_no_use() -> None:
    def hidden(config: Unheard, trial: Any) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    def namespace(config: Path, trial: Any) -> None: ...

    def swapped(trial: Any, config: dict[str, Any]) -> None: ...

    hint = "import what it names at the top of the module, not in `if TYPE_CHECKING` or in a function"
    assert refused(hidden).startswith("trainable: an annotation of ")
    assert refused(hidden).endswith(f"hidden cannot be resolved (name 'Unheard' is not defined): {hint}")
    assert refused(namespace).endswith(
        "namespace asks for a Path: a config comes as a dict, a dataclass or a Pydantic model"
    )
    assert refused(swapped).endswith("swapped takes the trial first: write def train(config, trial)")


def test_a_config_that_does_not_fit_fails_the_trial_in_one_line() -> None:
    reason = (
        "the config does not fit Settings: wide: Settings has no field 'wide': add it there, or remove the parameter"
    )
    assert outcome(generator, {"lr": 1.0, "wide": 3}) == reason
    assert outcome(function, {"net": {"kind": "deep"}}) == (
        "the config does not fit Plain: lr: Plain needs it and no active parameter gives it"
    )


def test_what_does_not_fit_a_space_is_told_before() -> None:
    space = Space({"lr": "uniform(0, 1)", "net.kind": ["deep", "wide"], "depth": 3})
    typed = TrainableRef("train", ".", generator).load()
    assert isinstance(typed, TypedTrainable)
    assert list(map(str, misfits(typed, space))) == [
        "depth: Settings has no field 'depth': add it there, or remove the parameter"
    ]
    assert misfits(in_a_dict, space) == []


def test_async_functions_are_refused_as_before() -> None:
    async def train(config: Settings, trial: Any) -> None: ...

    with pytest.raises(TrainableError, match="is async"):
        TrainableRef("train", ".", train).load()


SCRIPT = """
from __future__ import annotations
import enum, sys
from dataclasses import dataclass
from typing import Annotated
import cloudpickle
from assay.spaces import Float
from assay.trainables import TrainableRef
from pydantic import BaseModel

class Act(enum.Enum):
    A = (1, 2)
    B = (3, 4)

class Inner(BaseModel):
    act: Act = Act.A

@dataclass
class Mine:
    lr: Annotated[float, Float(0, 1)]
    inner: Inner

def train(config: Mine, trial):
    yield {"score": config.lr, "act": config.inner.act.value[0]}

sys.stdout.buffer.write(cloudpickle.dumps(TrainableRef("train", ".", train)))
"""


def test_a_function_that_travels_by_value_takes_its_settings_along(tmp_path: Path) -> None:
    import cloudpickle

    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, timeout=60, check=True)
    trainable = cloudpickle.loads(done.stdout).load()
    session = Session(trainable, TrialSpec(0, {"lr": 0.25, "inner": {"act": "B"}}, "score"))
    event = session.advance()
    assert isinstance(event, Reported), event
    assert event.metrics == {"score": 0.25, "act": 3.0}


class Member(BaseModel):
    lr: Annotated[float, Float(0.1, 1.0)]


seen: set[tuple[int, float]] = set()


def member(config: Member, trial: TrialHandle) -> Iterator[dict[str, float]]:
    assert isinstance(config, Member)
    for step in trial.steps():
        seen.add((trial.number, config.lr))
        trial.save_checkpoint(lambda folder: (folder / "state").write_text(""))
        yield {"score": config.lr * (step + 1)}


def test_members_of_a_population_get_their_changed_settings(tmp_path: Path) -> None:
    import assay

    sweep = assay.Sweep(
        name="population",
        objectives=[{"metric": "score", "goal": "maximize"}],
        parameters=Space.of(Member),
        scheduler={"type": "pbt", "interval": 1},
        fidelity={"max": 4},
        budget={"trials": 4},
        leaderboard={"top": 1, "seeds": 2},
    )
    results = assay.run(sweep, member, store=tmp_path, inline=True, workers=4, progress=False)
    numbers = [trial.number for trial in results.trials if len(trial.segments) > 1]
    assert numbers
    for number in numbers:
        assert len({lr for one, lr in seen if one == number}) > 1


def test_assay_check_tells_what_does_not_fit(cli: Any) -> None:
    cli.write(
        train_py="from pydantic import BaseModel\n"
        "class Settings(BaseModel):\n    lr: float\n    width: int = 3\n    name: str\n"
        "def train(config: Settings, trial):\n    yield {'accuracy': config.lr}\n",
        sweep_yaml="name: typed\ntrainable: train.py:train\nobjectives: [{metric: accuracy, goal: maximize}]\n"
        "parameters:\n  lr: uniform(0, 1)\n  widht: 3\nbudget: {trials: 3}\n",
    )
    assert cli.mistakes(2, "check", "sweep.yaml") == [
        "sweep.yaml:4:1: parameters.name: Settings needs it and no active parameter gives it",
        "sweep.yaml:6:3: parameters.widht: Settings has no field 'widht' (did you mean 'width'?): add it there, or "
        "remove the parameter",
    ]
