"""Networks as people read them: one line instead of a parameter for each layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..search import Sweep
from ..spaces.architectures import PREFIX

NETWORK = "architecture"
"""What the line is called among the parameters."""
_CELL = 72
"""Characters of a network in a table: with its numbers a row then fits into 110 columns."""
_LEFT_OUT = "…"


class NetworkWords:
    """What the networks of a sweep are called; made once for many of them. Needs no library beyond Assay's own.

    Networks of stages are told layer by layer, those of a model space by their choices.
    """

    def __init__(self, sweep: Sweep) -> None:
        section = sweep.architecture
        self._staged = section.networks() if section is not None and section.space is None else None
        self._default = chosen(sweep.parameters.default()) if section is not None else {}
        self._usual = chosen({name: one.default_value for name, one in sweep.parameters.items()})

    def text(self, config: Mapping[str, Any]) -> str:
        """The whole network in one line; empty where none is searched, and for a supernet."""
        choices = chosen(config)
        if not choices:
            return ""
        return self._staged.describe(config) if self._staged is not None else _joined(choices)

    def brief(self, config: Mapping[str, Any]) -> str:
        """The same, of a model space only what differs from the default config: ``2 changed: depth=3 op1=conv``.

        Counted are parameters that both have. What came with one of them, as the layers of a larger depth, follows
        where it is not the usual: ``1 changed: depth=3, with op3=pool``.
        """
        choices = chosen(config)
        if not choices or self._staged is not None:
            return self.text(config)
        changed = {name: value for name, value in choices.items() if self._default.get(name, value) != value}
        came = {
            name: value
            for name, value in choices.items()
            if name not in self._default and value != self._usual.get(name, _LEFT_OUT)
        }
        if not changed:  # what lets a choice come is a choice itself
            return "default"
        beside = f", with {_joined(came)}" if came else ""
        return f"{len(changed)} changed: {_joined(changed)}{beside}"

    def short(self, configs: Iterable[Mapping[str, Any]]) -> list[str]:
        """The same for the rows of one table: no longer than a cell, and different where the networks are."""
        return told_apart([self.brief(config) for config in configs])


def chosen(config: Mapping[str, Any]) -> dict[str, Any]:
    """What chooses the network, without the prefix that all of it has."""
    return {name.removeprefix(PREFIX): value for name, value in config.items() if name.startswith(PREFIX)}


def readable(config: Mapping[str, Any], network: str) -> dict[str, Any]:
    """A config with its network as one entry, the first."""
    if not network:
        return dict(config)
    return {NETWORK: network} | {name: value for name, value in config.items() if not name.startswith(PREFIX)}


def elided(text: str, width: int = _CELL) -> str:
    """Words from the beginning and the last one, in at most so many characters."""
    if len(text) <= width:
        return text
    *words, last = text.split(" ")
    end = f" {_LEFT_OUT} {last}"
    kept = _beginning(words, width - len(end))
    return kept + end if kept else text[: width - 1] + _LEFT_OUT


def told_apart(texts: Sequence[str], width: int = _CELL) -> list[str]:
    """Texts :func:`elided`; where that makes different ones equal, it is around the first word that differs.

    What is equal even then is told as a whole, however long.
    """
    told = _apart(sorted(set(texts)), 0, width)
    counts = Counter(told.values())
    return [told[text] if counts[told[text]] == 1 else text for text in texts]


def _apart(texts: Sequence[str], start: int, width: int) -> dict[str, str]:
    """By text what is told of it; all of them have their words before ``start`` in common."""
    alike: dict[str, list[str]] = {}
    for text in texts:
        alike.setdefault(_from(text, start, width), []).append(text)
    told = {text: shown for shown, group in alike.items() for text in group}
    for group in alike.values():
        columns = zip(*(text.split(" ") for text in group), strict=False)
        common = next((place for place, words in enumerate(columns) if len(set(words)) > 1), 0)
        if common > start:
            told |= _apart(group, common, width)
    return told


def _from(text: str, start: int, width: int) -> str:
    """A text elided so that its word ``start`` can be seen, with some of the beginning."""
    if not start:
        return elided(text, width)
    words = text.split(" ")
    before = f"{_beginning(words[: start - 1], width // 3)} {_LEFT_OUT} ".lstrip()
    return before + elided(" ".join(words[start:]), width - len(before))


def _beginning(words: Iterable[str], width: int) -> str:
    """As many of the first words as there is room for."""
    kept = ""
    for word in words:
        longer = f"{kept} {word}" if kept else word
        if len(longer) > width:
            break
        kept = longer
    return kept


def _joined(choices: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in choices.items())
