"""The process that runs trials on a cluster; the body of a Ray actor."""

from __future__ import annotations

import gc
import io
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from ..spaces import TrainableError
from ..trainables import Cause, Event, Failed, Reported, Session, Trainable, TrainableRef, TrialSpec
from ..trainables.spec import OUTPUT

_BATCH_SECONDS = 0.05  # reports that come faster are sent together
_LEFT_BEHIND_BYTES = 256 * 2**20  # of GPU memory, by a trial that is over


class Worker:
    """Reused from trial to trial, so that imports are paid once. Its methods raise nothing on purpose.

    A worker may host several trials, which take turns from decision to decision.

    Args:
        trainable: what to run.
        together: processes that run each trial together; they answer report by report, to stay in step.
        blind: whether trials see no GPU. Ray leaves all of them visible to those that asked for none.
    """

    def __init__(self, trainable: TrainableRef, together: int = 1, *, blind: bool = False) -> None:
        if blind:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        self._ref = trainable
        self._batch = _BATCH_SECONDS if together == 1 else 0.0
        self._trainable: Trainable | None = None
        self._sessions: dict[int, tuple[Session, _Output]] = {}
        self._clean = _ProcessState()

    def load(self, probe: str | None = None) -> str | None:
        """Import the training function; the reason when it cannot be, or when the file ``probe`` cannot be seen."""
        if probe is not None and not Path(probe).exists():
            return f"node {socket.gethostname()} does not see {Path(probe).parent}"
        try:
            self._trainable = self._ref.load()
        except TrainableError as error:
            return str(error)
        self._clean = _ProcessState()
        return None

    def address(self) -> tuple[str, int]:
        """Host and a free port for processes that run a trial together to meet at."""
        import ray

        with socket.socket() as free:
            free.bind(("", 0))
            return ray.util.get_node_ip_address(), free.getsockname()[1]

    def meet(self, rank: int, world_size: int, address: tuple[str, int]) -> None:
        """Set the variables that ``torch.distributed`` reads."""
        host, port = address
        facts = {"RANK": rank, "LOCAL_RANK": 0, "WORLD_SIZE": world_size, "MASTER_ADDR": host, "MASTER_PORT": port}
        os.environ.update({name: str(value) for name, value in facts.items()})
        self._clean = _ProcessState()

    def start(self, spec: TrialSpec, until: int | None) -> tuple[Event, ...]:
        """Run a trial to its first decision."""
        reason = None if self._trainable else self.load()
        if reason or self._trainable is None:
            return (Failed(spec.number, Cause.EXCEPTION, str(reason)),)
        unfit = None if self._sessions else self._clean.restore()
        if unfit:
            return (Failed(spec.number, Cause.DISPLACED, unfit),)
        output = _Output(Path(spec.folder, OUTPUT) if spec.folder else None)
        self._sessions[spec.number] = Session(self._trainable, spec), output
        return self.advance(spec.number, until)

    def advance(self, number: int, until: int | None) -> tuple[Event, ...]:
        """Train to the next decision, or for a while; all events on the way."""
        session, output = self._sessions[number]
        with output.kept():
            events = session.run(until, self._batch)
        if not isinstance(events[-1], Reported):
            del self._sessions[number]
        return events

    def stop(self, number: int) -> tuple[Event, ...]:
        """End a trial."""
        session, output = self._sessions.pop(number)
        with output.kept():
            return (session.stop(),)

    def abandon(self, number: int) -> str | None:
        """End a trial without an answer; the reason when it cannot be ended."""
        session, output = self._sessions.pop(number)
        with output.kept():
            failed = session.abandon()
        return failed.reason if failed else None


class _ProcessState:
    """What a trial may have changed in its process, to be put right before the next."""

    def __init__(self) -> None:
        self._folder = Path.cwd()
        self._environ = dict(os.environ)
        self._gpu_bytes = _gpu_bytes()

    def restore(self) -> str | None:
        """Put it right; why the process is not fit for another trial, if so."""
        try:
            os.chdir(self._folder)
        except OSError as error:
            return f"the worker's folder is gone: {error}"
        if dict(os.environ) != self._environ:
            os.environ.clear()
            os.environ.update(self._environ)
        left = _gpu_bytes() - self._gpu_bytes
        if left > _LEFT_BEHIND_BYTES:
            return f"an earlier trial left {left / 2**20:.0f} MiB of GPU memory behind"
        return None


def _gpu_bytes() -> int:
    """GPU memory held by live tensors of this process, after what can be freed is freed."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    gc.collect()
    torch.cuda.empty_cache()
    return sum(torch.cuda.memory_allocated(index) for index in range(torch.cuda.device_count()))


class _Output(io.TextIOBase):
    """What a trial prints, appended to a file that is made at its first word; lost when there is no file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, text: str) -> int:
        try:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(text)
        except OSError:  # a node that cannot write to the store: the words are lost, not the trial
            self._path = None
        return len(text)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Take what is printed, on either stream."""
        with redirect_stdout(self), redirect_stderr(self):
            yield
