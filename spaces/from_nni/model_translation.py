"""An NNI model space as parameters, and configs back to networks."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..architectures import PREFIX
from ..config import Config, Value
from ..errors import Problem, SpaceError
from ..notation import parse_parameter
from ..parameter import Parameter
from ..space import Space
from .activity import Activity, Way
from .fixes import LOCK, nni, plain
from .mutables import Listed, Translated, translate, word_of
from .skeleton import labelled, skeleton, without_weights

if TYPE_CHECKING:
    import torch

_LONGEST = 1900
"""Longer conditions are left out: expressions end at 2,000 characters."""
_TRIES = 1000


class ModelTranslation:
    """The parameters of a model space, and what they mean.

    A parameter is named ``architecture.LABEL`` after the label that the choice has in NNI, and is active while the
    choice matters for the network. A choice with one value, or one that never matters, is no parameter.

    Args:
        make: gives the model space anew, such as its class. It is called for every network, so that it runs under a
            chosen sample.

    Raises:
        SpaceError: for what ``make`` gives when that is no model space, and for choices without a label or of a kind
            that cannot be searched.
        UsageError: when NNI is not installed.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        nni()
        self.make = make
        with LOCK:
            model = skeleton(make)
            mutables = labelled(model)
            activity = Activity.of(model)
        self._constraints = [one for one in mutables.values() if _is_constraint(one)]
        choices = {label: one for label, one in mutables.items() if not _is_constraint(one)}
        self._translated = _translated(choices, activity.layers)
        self._names = _names(choices)
        self._defaults = self._feasible_defaults(choices, activity.zeros)
        self._owner: dict[str, str] = {}
        found: dict[str, Parameter] = {}
        for label, translated in self._translated.items():
            # A choice without a place in the tree of modules belongs to one with rules of its own: it always matters.
            ways = self._told(activity.paths.get(label, [{}]), choices)
            if ways:
                found |= self._parameters(label, translated, _when(ways))
        if not found:
            raise SpaceError("there is nothing to choose in this model space: add a LayerChoice or nni.choice")
        self.space = Space(found)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """By full name, such as ``architecture.depth``."""
        return dict(self.space)

    @property
    def constrained(self) -> bool:
        """Whether the model space has constraints: then not every config of its parameters is feasible."""
        return bool(self._constraints)

    def encode(self, sample: Mapping[str, Any]) -> Config:
        """The config of a sample of NNI; labels that do not matter for its network may be missing.

        Raises:
            SpaceError: for a missing label, or a value that the choice does not have.
        """
        values: dict[str, Value] = {}
        known: dict[str, dict[str, Value]] = {}
        for name in self.space.resolution_order:
            if self.space.active(name, values):
                label = self._owner[name]
                if label not in known:
                    known[label] = self._encoded(label, sample)
                values[name] = known[label][name]
        return Config(values)

    def decode(self, config: Mapping[str, Value]) -> dict[str, Any]:
        """The sample of NNI that a config stands for: every label, at its default where it does not matter.

        Raises:
            SpaceError: for parameters that are missing, not active or out of range.
        """
        given = self.space.validate({name: value for name, value in config.items() if name.startswith(PREFIX)})
        sample = dict(self._defaults)
        for label, translated in self._translated.items():
            names = self._by_label[label]
            if all(name in given for name in names):
                sample[label] = translated.decode([given[name] for name in names])
        return sample

    def feasible(self, config: Mapping[str, Value]) -> bool:
        """Whether a config meets the constraints of the model space; one that reads what does not matter is met."""
        sample = self.decode(config)
        return self._meets(sample, config)

    def told(self, config: Mapping[str, Value]) -> dict[str, str]:
        """What is chosen, for people: by label, only where there is a choice and it matters."""
        sample = self.decode(config)
        names = {label: self._by_label[label] for label in self._translated}
        chosen = {label: sample[label] for label, own in names.items() if own and all(name in config for name in own)}
        return {label: word_of(value) for label, value in chosen.items()}

    def build(self, config: Mapping[str, Value]) -> torch.nn.Module:
        """The network of a config, with fresh weights.

        Raises:
            SpaceError: when it breaks a constraint of the model space.
        """
        from nni.mutable import SampleValidationError
        from nni.nas.space import model_context

        sample = self.decode(config)
        with LOCK, model_context(sample):
            try:
                model: torch.nn.Module = self.make()
            except SampleValidationError as error:
                raise SpaceError(f"this network cannot be built: {' '.join(str(error).split())}") from error
        return model

    def build_without_weights(self, config: Mapping[str, Value]) -> torch.nn.Module:
        """The network of a config on torch's meta device, where it takes neither memory nor random numbers.

        It is on the CPU where the model space looks at numbers while it is built; its weights say nothing.
        """
        model: torch.nn.Module = without_weights(lambda: self.build(config))
        return model

    @cached_property
    def _by_label(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {label: [] for label in self._translated}
        for name, label in self._owner.items():
            found[label].append(name)
        return found

    def _parameters(self, label: str, translated: Translated, when: Any) -> dict[str, Parameter]:
        """Those of one choice, under their condition and with the default of the space."""
        defaults = translated.encode(self._defaults[label])
        found: dict[str, Parameter] = {}
        for (suffix, parameter), default in zip(translated.parameters.items(), defaults, strict=True):
            name = f"{self._names[label]}{suffix}"
            self._owner[name] = label
            raw = parameter.to_dict() | ({"when": when} if when else {})
            found[name] = parse_parameter(raw if default == parameter.default_value else raw | {"default": default})
        return found

    def _encoded(self, label: str, sample: Mapping[str, Any]) -> dict[str, Value]:
        name = self._names[label]
        if label not in sample:
            raise SpaceError([Problem((name,), f"the sample has no {label!r}")])
        try:
            values = self._translated[label].encode(sample[label])
        except SpaceError as error:
            raise SpaceError([problem.under(name) for problem in error.problems]) from None
        return dict(zip(self._by_label[label], values, strict=True))

    def _told(self, ways: list[Way], choices: Mapping[str, Any]) -> list[dict[str, tuple[Value, ...]]]:
        """The ways with parameters and their values; without those that need what NNI never draws."""
        found: list[dict[str, tuple[Value, ...]]] = []
        for way in ways:
            values = {parent: self._tokens(parent, places, choices) for parent, places in way.items()}
            if all(values.values()):
                # A choice of which one value is ever drawn is no parameter.
                searched = {parent: one for parent, one in values.items() if self._translated[parent].parameters}
                found.append({self._names[parent]: one for parent, one in searched.items()})
        return found

    def _tokens(self, label: str, places: frozenset[int], choices: Mapping[str, Any]) -> tuple[Value, ...]:
        """The parameter's values for places in NNI's list."""
        translated = self._translated[label]
        if not isinstance(translated, Listed):
            raise TypeError(f"{label} is no choice of one of several values")
        indices = (translated.index(choices[label].values[place]) for place in sorted(places))
        return tuple(translated.tokens[index] for index in indices if index is not None)

    def _meets(self, sample: Mapping[str, Any], config: Mapping[str, Value] | None) -> bool:
        from nni.mutable.annotation import ExpressionConstraint

        for one in self._constraints:
            if config is not None and isinstance(one, ExpressionConstraint):
                read = (name for label in one.expression.simplify() for name in self._by_label[label])
                if any(name not in config for name in read):
                    continue
            # A cell of NAS-Bench-101 writes into the sample that it checks.
            if one.check_contains(dict(sample)) is not None:
                return False
        return True

    def _feasible_defaults(self, choices: Mapping[str, Any], zeros: Mapping[str, list[Any]]) -> dict[str, Any]:
        """NNI's defaults; where they break a constraint the first feasible draw, the same in every process.

        A layer that gives only zeros, which is often the first of a list, is none: a network of such learns nothing.
        """
        from numpy.random import RandomState  # what NNI's choices draw from

        defaults: dict[str, Any] = {}
        for label, choice in choices.items():
            defaults[label] = choice.default({})
            translated = self._translated[label]
            if isinstance(translated, Listed) and translated.index(defaults[label]) is None:
                defaults[label] = translated.values[0]
            dead = zeros.get(label, [])
            if isinstance(translated, Listed) and defaults[label] in dead:
                defaults[label] = next((one for one in translated.values if one not in dead), defaults[label])
        for seed in range(_TRIES):
            if self._meets(defaults, None):
                return plain(defaults)
            generator = RandomState(seed)
            defaults = {label: choice.random({}, generator) for label, choice in choices.items()}
        raise SpaceError(f"none of {_TRIES} networks meets the constraints of the model space: loosen them")


def _translated(choices: Mapping[str, Any], layers: set[str]) -> dict[str, Translated]:
    found: dict[str, Translated] = {}
    problems: list[Problem] = []
    for label, choice in choices.items():
        try:
            found[label] = translate(choice, label in layers)
        except SpaceError as error:
            problems += [problem.under(label) for problem in error.problems]
    if problems:
        raise SpaceError(problems)
    return found


def _names(labels: Mapping[str, Any]) -> dict[str, str]:
    """A name for each label: what a name cannot have becomes ``_``, and what is then double gets a number."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for label in labels:
        word = re.sub(r"[^A-Za-z0-9_]", "_", label)
        word = f"_{word}" if not word or word[0].isdigit() else f"{word}_" if keyword.iskeyword(word) else word
        name, number = word, 1
        while name in taken:
            number += 1
            name = f"{word}_{number}"
        taken.add(name)
        found[label] = f"{PREFIX}{name}"
    return found


def _when(ways: list[dict[str, tuple[Value, ...]]]) -> dict[str, tuple[Value, ...]] | str | None:
    """The condition that one of the ways holds; None when it always does, or is too long to write."""
    if not all(ways):
        return None
    if len(ways) == 1:
        return ways[0]
    parts = [" and ".join(_test(name, values) for name, values in way.items()) for way in ways]
    text = " or ".join(f"({part})" if " and " in part else part for part in parts)
    return text if len(text) <= _LONGEST else None


def _test(name: str, values: tuple[Value, ...]) -> str:
    return f"{name} == {values[0]!r}" if len(values) == 1 else f"{name} in {list(values)!r}"


def _is_constraint(mutable: Any) -> bool:
    from nni.mutable.annotation import MutableAnnotation

    return isinstance(mutable, MutableAnnotation)
