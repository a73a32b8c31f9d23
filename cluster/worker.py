"""The process that runs trials on a cluster; the body of a Ray actor."""

from __future__ import annotations

import gc
import io
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from ..spaces import AssayError, TrainableError
from ..trainables import Cause, Event, Failed, Reported, Session, Trainable, TrainableRef, TrialSpec
from ..trainables.reason import one_line
from ..trainables.spec import OUTPUT
from .environment import Surroundings
from .training import load, runs

_BATCH_SECONDS = 0.05  # reports that come faster are sent together
_LEFT_BEHIND_BYTES = 256 * 2**20  # of GPU memory, by a trial that is over


class PackedTrainable:
    """A training function on its way: unpacked by its worker, not on arrival, because that may import user code.

    Raises:
        TrainableError: when it cannot be pickled.
    """

    def __init__(self, ref: TrainableRef) -> None:
        from ray import cloudpickle

        self._name = ref.name
        try:
            self._bytes: bytes = cloudpickle.dumps(ref)
        except Exception as error:  # pickling may run anything
            why = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            cure = "name it in the sweep, such as trainable: train.py:train"
            raise TrainableError(f"trainable: {ref.name} cannot be sent to workers: {why}: {cure}") from error

    def unpack(self) -> TrainableRef:
        """Raises:
        TrainableError: when something that it needs is not there.
        """
        from ray import cloudpickle

        try:
            ref: TrainableRef = cloudpickle.loads(self._bytes)
        except Exception as error:  # unpickling imports modules, which may raise anything
            raise TrainableError(f"trainable: {self._name} cannot be used by workers: {one_line(error)}") from error
        return ref


class Worker:
    """Reused from trial to trial, so that imports are paid once. Its methods raise nothing on purpose.

    A worker may host several trials, which take turns from decision to decision.

    Args:
        trainable: what to run.
        together: processes that run each trial together; they answer report by report, to stay in step.
        blind: whether trials see no GPU. Ray leaves all of them visible to those that asked for none.
    """

    def __init__(self, trainable: TrainableRef | PackedTrainable, together: int = 1, *, blind: bool = False) -> None:
        if blind:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        self._ref = trainable
        self._batch = _BATCH_SECONDS if together == 1 else 0.0
        self._trainable: Trainable | None = None
        self._origin = TrainableRef("", "")
        self._surroundings = Surroundings()
        self._sessions: dict[int, tuple[Session, _Output]] = {}
        self._clean = _ProcessState()

    def load(self, probe: str | None = None, surroundings: Surroundings | None = None) -> str | None:
        """Import the training function and its networks in their surroundings; the reason when it cannot be.

        Args:
            probe: a file that has to be seen from here.
        """
        self._surroundings = surroundings or self._surroundings
        if probe is not None and not Path(probe).exists():
            return f"node {socket.gethostname()} does not see {Path(probe).parent}"
        try:
            self._surroundings.enter()
            ref = self._ref.unpack() if isinstance(self._ref, PackedTrainable) else self._ref
            self._trainable, self._origin = load(ref, self._surroundings.networks), ref
        except AssayError as error:
            return self._surroundings.mask(str(error))
        except OSError as error:
            return f"node {socket.gethostname()} cannot run trials in {self._surroundings.folder}: {error.strerror}"
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
        output = _Output(Path(spec.folder, OUTPUT) if spec.folder else None, self._surroundings.mask)
        self._sessions[spec.number] = Session(runs(spec, self._trainable, self._origin), spec), output
        return self.advance(spec.number, until)

    def advance(self, number: int, until: int | None) -> tuple[Event, ...]:
        """Train to the next decision, or for a while; all events on the way."""
        session, output = self._sessions[number]
        with output.kept():
            events = tuple(map(self._surroundings.masked, session.run(until, self._batch)))
        if not isinstance(events[-1], Reported):
            del self._sessions[number]
        return events

    def stop(self, number: int) -> tuple[Event, ...]:
        """End a trial."""
        session, output = self._sessions.pop(number)
        with output.kept():
            return (self._surroundings.masked(session.stop()),)

    def abandon(self, number: int) -> str | None:
        """End a trial without an answer; the reason when it cannot be ended."""
        session, output = self._sessions.pop(number)
        with output.kept():
            failed = session.abandon()
        return self._surroundings.mask(failed.reason) if failed else None


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
    """What a trial prints, appended to a file that is made at its first word; lost when there is no file.

    Args:
        mask: takes out what is not to be kept.
    """

    def __init__(self, path: Path | None, mask: Callable[[str], str]) -> None:
        self._path = path
        self._mask = mask

    def write(self, text: str) -> int:
        try:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(self._mask(text))
        except OSError:  # a node that cannot write to the store: the words are lost, not the trial
            self._path = None
        return len(text)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Take what is printed, on either stream."""
        with redirect_stdout(self), redirect_stderr(self):
            yield
