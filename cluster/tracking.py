"""Other tools are told of the trials of a running sweep, in a thread, and after the ledger."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from queue import SimpleQueue

from ..analysis.mirrors import MIRRORS, Mirror, Mirrored, fill
from ..search import Ledger, Phase, Report, Sweep, SweepRecord, Trial
from .progress import Observer

News = list[Trial | tuple[int, Report]]

_LAST_SECONDS = 30.0


class Tracking:
    """Keeps mirrors up to date with what is committed.

    Each begins anew from the ledger, so one that a killed driver left behind catches up, whatever it lacks. One that
    cannot be written is told of once and given up until the sweep is resumed. The driver only puts what it committed
    into a queue: a slow disk makes a mirror late, not the sweep.

    Args:
        mirrors: what begins each of them, by name.
        known: the search trials that are recorded.
        observer: is told of mirrors that were given up.
    """

    def __init__(self, mirrors: Mapping[str, Callable[[], Mirror]], known: Iterable[Trial], observer: Observer) -> None:
        self._observer = observer
        self._news: SimpleQueue[News | None] = SimpleQueue()
        self._troubles: deque[str] = deque()
        known = list(known)
        self._searching = {trial.number for trial in known if not trial.state.over}
        self._thread = threading.Thread(
            target=self._work, args=(dict(mirrors), known), name="assay mirrors", daemon=True
        )
        self._thread.start()

    def committed(self, news: News) -> None:
        """See :class:`assay.search.journal.Listener`."""
        self._tell()
        wanted = [item for item in news if self._is_of_search(item)]
        if wanted:
            self._news.put(wanted)

    def close(self) -> None:
        """Let the mirrors take in what they were told; one that hangs is left behind."""
        self._news.put(None)
        self._thread.join(_LAST_SECONDS)
        if self._thread.is_alive():
            self._troubles.append(f"the mirrors are not written after {_LAST_SECONDS:g} s: given up")
        self._tell()

    def _tell(self) -> None:
        while self._troubles:
            self._observer.message(self._troubles.popleft())

    def _is_of_search(self, item: Trial | tuple[int, Report]) -> bool:
        if not isinstance(item, Trial):
            return item[0] in self._searching
        if item.phase is not Phase.SEARCH:
            return False
        (self._searching.discard if item.state.over else self._searching.add)(item.number)
        return True

    # In the thread

    def _work(self, makers: dict[str, Callable[[], Mirror]], known: list[Trial]) -> None:
        mirrors: dict[str, Mirror] = {}
        for name, make in makers.items():
            with self._given_up(mirrors, name):
                mirrors[name] = make()
                fill(mirrors[name], known)
        known.clear()
        while (news := self._news.get()) is not None:
            for name in list(mirrors):
                with self._given_up(mirrors, name):
                    _pass_on(mirrors[name], news)
        for name in list(mirrors):
            with self._given_up(mirrors, name):
                mirrors[name].close()

    @contextmanager
    def _given_up(self, mirrors: dict[str, Mirror], name: str) -> Iterator[None]:
        """Whatever a mirror raises ends that mirror alone."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - libraries may raise anything, and the sweep goes on; it is told
            broken = mirrors.pop(name, None)
            what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            cure = f"`assay mirror NAME --to {name}` writes it anew"
            self._troubles.append(f"tracking.{name} is given up for this run ({what}); nothing else is lost: {cure}")
            if broken is not None:
                with suppress(Exception):  # its trouble is told already
                    broken.close()


def _pass_on(mirror: Mirror, news: News) -> None:
    for item in news:
        if isinstance(item, Trial):
            mirror.on_trial(item)
        else:
            mirror.on_report(*item)
    mirror.flush()


@contextmanager
def tracked(ledger: Ledger, record: SweepRecord, observer: Observer) -> Iterator[None]:
    """While a sweep runs: keep the mirrors that it asks for."""
    wanted = wanted_mirrors(record.sweep)
    if not wanted:
        yield
        return
    mirrored = Mirrored.of(ledger, record)
    makers = {name: (lambda make=MIRRORS[name]: make(mirrored)) for name in wanted}
    tracking = Tracking(makers, ledger.trials(record, Phase.SEARCH), observer)
    try:
        with ledger.heard_by(tracking):
            yield
    finally:
        tracking.close()


def wanted_mirrors(sweep: Sweep) -> list[str]:
    """Keys of the section ``tracking`` that are on and have a mirror."""
    return [name for name in MIRRORS if getattr(sweep.tracking, name)]
