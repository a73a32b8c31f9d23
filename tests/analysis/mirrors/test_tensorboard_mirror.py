"""The event files hold what the ledger holds, framed as TensorFlow frames it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData
from tensorboardX.record_writer import masked_crc32c

from assay.analysis.mirrors import Mirrored
from assay.analysis.mirrors.tensorboard_mirror import TensorboardMirror
from assay.search import State, Trial


def events(folder: Path) -> Iterator[Event]:
    """Read back, with all checksums."""
    (file,) = folder.iterdir()
    content = file.read_bytes()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        assert content[8:12] == struct.pack("<I", masked_crc32c(content[:8]))
        body, content = content[12 : 12 + length], content[12 + length :]
        assert content[:4] == struct.pack("<I", masked_crc32c(body))
        content = content[4:]
        yield Event.FromString(body)


def scalars(folder: Path) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(event.step, {})[value.tag] = round(value.simple_value, 6)
    return found


def session(folder: Path) -> tuple[dict[str, Any], int]:
    """Hyperparameters and status."""
    values = {value.tag: value for event in events(folder) for value in event.summary.value}
    plugin = [
        HParamsPluginData.FromString(values[f"_hparams_/session_{end}_info"].metadata.plugin_data.content)
        for end in ("start", "end")
    ]
    shown = {name: value.WhichOneof("kind") for name, value in plugin[0].session_start_info.hparams.items()}
    start = plugin[0].session_start_info.hparams
    return {name: getattr(start[name], kind) for name, kind in shown.items()}, plugin[1].session_end_info.status


SPACE: dict[str, Any] = {
    "lr": {"type": "float", "min": 1e-6, "max": 1.0, "log": True, "default": 0.1},
    "opt": ["adam", "sgd"],
    "mom": {"type": "float", "min": 0.0, "max": 1.0, "when": {"opt": "sgd"}},
    "on": [True, False],
    "fixed": {"value": 3},
}
CONFIG = {"lr": 0.01, "opt": "adam", "on": True, "fixed": 3}


def test_curves_parameters_and_reasons(recorder: Callable[..., Any]) -> None:
    made = recorder(parameters=SPACE)
    made.search([0.5, 0.75], CONFIG)
    made.search([0.25], CONFIG | {"opt": "sgd", "mom": 0.5}, state=State.STOPPED)
    made.search([], CONFIG | {"on": False}, state=State.FAILED, reason="ValueError: no")
    results = made.results()
    folder = results.mirror("tensorboard")
    assert sorted(path.name for path in folder.iterdir()) == ["trial-0000", "trial-0001", "trial-0002"]
    first, *_ = events(folder / "trial-0000")
    assert first.file_version == "brain.Event:2"
    assert scalars(folder / "trial-0000") == {1: {"accuracy": 0.5}, 2: {"accuracy": 0.75}}
    assert session(folder / "trial-0000") == ({"lr": 0.01, "opt": "adam", "on": True}, 1)
    assert session(folder / "trial-0001") == ({"lr": 0.01, "opt": "sgd", "mom": 0.5, "on": True}, 1)
    assert session(folder / "trial-0002") == ({"lr": 0.01, "opt": "adam", "on": False}, 2)
    texts = [v.tensor.string_val[0] for e in events(folder / "trial-0002") for v in e.summary.value if v.tensor.dtype]
    assert texts == [b"ValueError: no"]


def test_live_and_later_give_the_same_file(recorder: Callable[..., Any]) -> None:
    made = recorder(parameters=SPACE)
    trial: Trial = made.search([0.5, 0.75, 0.8], CONFIG)
    folder = made.results().mirror("tensorboard") / "trial-0000"
    (file,) = folder.iterdir()
    later = file.read_bytes()
    mirror = TensorboardMirror(Mirrored.of(made.ledger, made.record))
    assert not folder.exists()  # begun anew
    mirror.on_trial(replace(trial, state=State.RUNNING, reports=()))
    for report in trial.reports:
        mirror.on_report(0, report)
        mirror.flush()
        mirror.on_trial(replace(trial, state=State.PAUSED, reports=trial.reports[: report.step]))
    mirror.on_trial(trial)
    mirror.close()
    assert file.read_bytes() == later
