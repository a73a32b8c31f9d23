"""What is said of one trial where networks are searched: its network, and what a supernet has to do with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..search import Phase, State, Trial
from ..spaces import DamagedFileError
from . import text
from .network_text import NetworkWords
from .supernet import SupernetReport, origins_of, supernet_report
from .supernet_trials import Origin

if TYPE_CHECKING:
    from .results import Results


@dataclass(frozen=True)
class NetworkFacts:
    """Of a trial.

    Args:
        network: in one line; empty where none is searched, and for a supernet.
        brief: the same, of a model space only what differs from the default config.
        origin: what a supernet has to do with it; None when it has nothing to do with it.
        report: of a supernet, what it found; None for other trials, and when it is not over.
        damaged: why what a supernet found cannot be told.
    """

    network: str = ""
    brief: str = ""
    origin: Origin | None = None
    report: SupernetReport | None = None
    damaged: str = ""

    @classmethod
    def of(cls, results: Results, trial: Trial) -> NetworkFacts:
        """What the record says."""
        if results.sweep.architecture is None:
            return cls()
        words = NetworkWords(results.sweep)
        facts = cls(words.text(trial.config), words.brief(trial.config))
        try:
            if trial.phase is Phase.SEARCH:
                return replace(facts, origin=origins_of(results).get(trial.number))
            if trial.phase is Phase.SUPERNET and trial.state is State.COMPLETE:
                return replace(facts, report=supernet_report(results))
        except DamagedFileError as error:
            return replace(facts, damaged=str(error))
        return facts

    @property
    def lines(self) -> list[str]:
        """For people; without the report."""
        lines = [f"network: {self.brief}"] if self.brief else []
        if self.origin is not None:
            lines.append(f"supernet: {self.origin}, score {text.number(self.origin.score)} with its weights")
        return lines + ([f"supernet: left out: {self.damaged}"] if self.damaged else [])

    def to_dict(self) -> dict[str, Any]:
        """Plain data; nothing where no networks are searched."""
        facts: dict[str, Any] = {"network": self.network} if self.network else {}
        if self.origin is not None:
            facts["origin"] = self.origin.to_dict()
        if self.report is not None:
            facts["supernet"] = self.report.to_dict()
        return facts | ({"supernet_note": self.damaged} if self.damaged else {})
