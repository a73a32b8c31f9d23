"""Event files of a sweep, as TensorBoard reads them."""

from __future__ import annotations

import math
import shutil
import struct
from typing import Any

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboardX.record_writer import masked_crc32c
from tensorboardX.summary import text

from ...search import Report, State, Trial
from ...spaces import Constant
from .mirror import Mirrored

_SUCCESS, _FAILURE = 1, 2  # Status in tensorboardX/proto/api.proto


class TensorboardMirror:
    """Writes ``tensorboard/trial-0007/`` in the sweep's folder: metrics by step, and the config with how it ended.

    A parameter that is not active is left out: TensorBoard takes one that is None in some trials for text. Whatever has
    been told is in the files after :meth:`flush`; none is held open, so that any number of trials may wait.

    ``SummaryWriter`` has a thread and an open file for each trial, so the files are made from its parts.

    Raises:
        OSError: when files cannot be written.
    """

    def __init__(self, mirrored: Mirrored) -> None:
        self.path = mirrored.folder / "tensorboard"
        for earlier in self.path.glob("trial-*"):
            shutil.rmtree(earlier)
        self.path.mkdir(parents=True, exist_ok=True)
        self._created = mirrored.record.created
        self._fixed = {name for name, kind in mirrored.sweep.parameters.items() if isinstance(kind, Constant)}
        self._open: set[int] = set()
        self._told: dict[int, list[bytes]] = {}

    def on_trial(self, trial: Trial) -> None:
        """See :class:`Mirror`."""
        if trial.number not in self._open:
            self._open.add(trial.number)
            for report in trial.reports:
                self.on_report(trial.number, report)
        if trial.state.over:
            self._end(trial)
            self._open.discard(trial.number)

    def on_report(self, number: int, report: Report) -> None:
        """See :class:`Mirror`."""
        values = [
            Summary.Value(tag=name, simple_value=value) for name, value in report.metrics.items() if _is_number(value)
        ]
        self._tell(number, report.step, report.elapsed, Summary(value=values))

    def flush(self) -> None:
        """See :class:`Mirror`."""
        told, self._told = self._told, {}
        for number, events in told.items():
            folder = self.path / f"trial-{number:04d}"
            folder.mkdir(exist_ok=True)
            with (folder / f"events.out.tfevents.{int(self._created)}.assay").open("ab") as file:
                if file.tell() == 0:
                    file.write(_framed(Event(wall_time=self._created, file_version="brain.Event:2")))
                file.write(b"".join(events))

    def close(self) -> None:
        """See :class:`Mirror`."""
        self.flush()

    def _end(self, trial: Trial) -> None:
        elapsed = trial.reports[-1].elapsed if trial.reports else 0.0
        start = SessionStartInfo(start_time_secs=self._created + max(0.0, elapsed - trial.seconds))
        for name, value in trial.config.items():
            if name not in self._fixed:
                _set(start.hparams[name], value)
        status = _FAILURE if trial.state is State.FAILED else _SUCCESS
        end = SessionEndInfo(status=status, end_time_secs=self._created + elapsed)
        values = [
            _of_plugin("_hparams_/session_start_info", HParamsPluginData(version=0, session_start_info=start)),
            _of_plugin("_hparams_/session_end_info", HParamsPluginData(version=0, session_end_info=end)),
        ]
        self._tell(trial.number, trial.last_step, elapsed, Summary(value=values))
        if trial.reason:
            self._tell(trial.number, trial.last_step, elapsed, text("reason", trial.reason))

    def _tell(self, number: int, step: int, elapsed: float, summary: Summary) -> None:
        event = Event(wall_time=self._created + elapsed, step=step, summary=summary)
        self._told.setdefault(number, []).append(_framed(event))


def _set(field: Any, value: Any) -> None:
    """A value of TensorBoard's kinds: truth, number or text; null is text."""
    if isinstance(value, bool):
        field.bool_value = value
    elif isinstance(value, (int, float)):
        field.number_value = value
    else:
        field.string_value = "null" if value is None else value


def _of_plugin(tag: str, data: HParamsPluginData) -> Summary.Value:
    plugin = SummaryMetadata.PluginData(plugin_name="hparams", content=data.SerializeToString())
    return Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))


def _framed(event: Event) -> bytes:
    """A record of TensorFlow's files: length, content, and a checksum of each."""
    content = event.SerializeToString()
    length = struct.pack("<Q", len(content))
    return b"".join((length, _checksum(length), content, _checksum(content)))


def _checksum(content: bytes) -> bytes:
    return struct.pack("<I", masked_crc32c(content))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
