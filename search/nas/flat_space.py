"""Any space as a space of NNI's strategies. To be imported after :func:`.fixes.nni`, which mends NNI."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nni.mutable import Categorical, ConstraintViolation, LabeledMutable, Mutable, Numerical, SampleValidationError
from nni.nas.space import ExecutableModelSpace, ModelStatus
from nni.nas.space.metrics import Metrics

from ...spaces import Config, Space, Value
from ...spaces.expression import same
from .strategy_options import LISTED

Sample = Mapping[str, Any]


class FlatSpace(ExecutableModelSpace):  # type: ignore[misc]  # NNI has no types
    """A space in which every parameter is one variable of NNI, named like it, whether it is active or not.

    What has up to a thousand values is a choice between their positions, as likely as the parameter's distribution has
    it; other numbers are a share of their distribution, from 0 to 1. A value that turns out inactive is left out of the
    config, so several samples can stand for one config.

    Attributes:
        sample, config: of a frozen one, which stands for one config.
    """

    def __init__(self, space: Space) -> None:
        super().__init__()
        self._space = space
        self._choices = {name: space[name].choices for name in space.searched if space[name].cardinality <= LISTED}
        self._variables = {name: self._variable(name) for name in space.searched}
        self.evaluator = None
        self.sample: dict[str, Any] = {}
        self.config = Config({})

    def leaf_mutables(self, is_leaf: Callable[[Mutable], bool]) -> Iterator[LabeledMutable]:
        yield from self._variables.values()

    def check_contains(self, sample: Sample) -> SampleValidationError | None:
        wrong = (variable.check_contains(sample) for variable in self._variables.values())
        error: SampleValidationError | None = next((one for one in wrong if one is not None), None)
        if error is None and not self._space.feasible(self._config_of(sample)):
            return ConstraintViolation("it breaks a constraint")
        return error

    def freeze(self, sample: Sample) -> FlatSpace:
        """One config, ready for the engine.

        Raises:
            SampleValidationError: when it breaks a constraint; strategies then try another.
        """
        self.validate(sample)
        model = copy.copy(self)
        model.status, model.metrics = ModelStatus.Frozen, Metrics()
        model.sample, model.config = dict(sample), self._config_of(sample)
        return model

    def at(self, config: Config) -> FlatSpace:
        """A config, which may lack parameters, as a frozen space; what is not active or lacks has its default."""
        model = copy.copy(self)
        model.status, model.metrics = ModelStatus.Frozen, Metrics()
        model.sample = {name: self._coordinate(name, config) for name in self._variables}
        model.config = config
        return model

    def grid(self, memo: dict[str, Any] | None = None, granularity: int | None = None) -> Iterator[FlatSpace]:
        """Every feasible config once, of a finite space; the last parameter changes fastest."""
        return map(self.at, self._space.configs())

    def _variable(self, name: str) -> LabeledMutable:
        if name not in self._choices:
            return Numerical(0.0, 1.0, label=name)
        ends = [self._space[name].span(value) for value in self._choices[name]]
        return Categorical(range(len(ends)), weights=[end - start for start, end in ends], label=name)

    def _coordinate(self, name: str, config: Config) -> int | float:
        value = config.get(name, self._space[name].default_value)
        if name not in self._choices:
            return self._space[name].unit(value)
        return next(index for index, choice in enumerate(self._choices[name]) if same(choice, value))

    def _config_of(self, sample: Sample) -> Config:
        """Constraints may break."""
        return self._space.fill(lambda name: self._value(name, sample))

    def _value(self, name: str, sample: Sample) -> Value:
        if name in self._choices:
            return self._choices[name][sample[name]]
        return self._space[name].quantile(float(sample[name])) if name in sample else self._space[name].default_value
