"""Which networks are not worth a trial: known already, impossible, too large, or weak by scores without training."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from ...spaces import Config, Limit, Problem, Space, SpaceError
from ...spaces.architectures import PREFIX, Architecture
from ...spaces.networks.draws import own_draws
from ...spaces.networks.measures import BEFORE_TRAINING, SIZES, measure
from ...spaces.networks.probe import noise
from ...spaces.networks.zero_cost import PROXIES
from ..seeds import proposal_seed

if TYPE_CHECKING:
    import torch

    from ..sweep import Sweep

_Result = TypeVar("_Result")
_REFERENCES = 64
"""Networks that stand for the space."""
_BATCHES = 10
"""Times as many that are drawn at most, until so many are within the limits."""
_ALIKE = 1e-9

_INFEASIBLE = "cannot be built"
_BEYOND = "break limits on {}"
_WEAK = "are below the prefilter by {}"


class Screen:
    """Says which configs a searcher need not propose, from the network alone: without data, and before any training.

    All answers depend on the arguments and the config, so they are the same after an interruption. Networks are built
    with weights from a generator of their own; each is looked at once.

    Args:
        architecture: builds networks.
        space: of all parameters, from which the networks of reference are drawn.
        limits: those on parameters and operations count here, others when a trial ends.
        zero_cost: words of :data:`.PROXIES`.
        prefilter: the share of networks, by the mean rank over ``zero_cost``, that is trained; None trains all.
        seed: of the reference and the weights.

    Raises:
        SpaceError: when a score takes a batch and the shape of an example is not known.
    """

    def __init__(
        self,
        architecture: Architecture,
        space: Space,
        limits: Iterable[Limit] = (),
        zero_cost: Sequence[str] = (),
        prefilter: float | None = None,
        seed: int = 0,
    ) -> None:
        self._architecture = architecture
        self._space = space
        shape = architecture.input_shape
        if shape is None and set(zero_cost) - {"params"}:
            raise SpaceError(f"zero_cost: {list(zero_cost)} needs the shape of one example: give architecture.input")
        known = BEFORE_TRAINING if shape is not None else SIZES
        self._limits = [limit for limit in limits if limit.metric in known]
        self._proxies = {word: PROXIES[word] for word in zero_cost}
        self._prefilter = prefilter if zero_cost else None
        self._seed = seed
        self._seen: dict[Config, _Network] = {}

    @classmethod
    def of(cls, sweep: Sweep, directory: str | None = None) -> Screen | None:
        """The screen of a sweep; None without networks.

        Args:
            directory: of the sweep file.
        """
        section, networks = sweep.architecture, sweep.networks(directory)
        if section is None or networks is None:
            return None
        seed, limits = proposal_seed(sweep.seed), sweep.objective.limits
        return cls(networks, sweep.parameters, limits, section.zero_cost, section.prefilter, seed)

    def key(self, config: Config) -> str:
        """Equal for configs that give isomorphic networks, trained alike."""
        others = Config({name: value for name, value in config.items() if not name.startswith(PREFIX)})
        return f"{self._canonical(config) or config.config_id} {others.config_id}"

    def refuses(self, config: Config) -> bool:
        """Whether a config is not worth a trial."""
        network = self._known(config)
        if network.refused is None:
            network.refused = self._why(config, network)
        return bool(network.refused)

    def features(self, config: Config) -> tuple[float, ...]:
        """For each score of ``zero_cost`` the share of networks of reference that are below, from 0 to 1.

        Not a number where there is no network: it cannot be built, or the sweep was extended and has others now.
        """
        if not self._proxies:
            return ()
        if not self._exists(config):
            return (math.nan,) * len(self._proxies)
        return tuple(self._shares([self._scored(config)])[0].tolist())

    @property
    def told(self) -> str:
        """What was refused and why, in words; empty when nothing was."""
        reasons = [one.refused for one in list(self._seen.values()) if one.refused is not None]
        counts = [f"{count} {reason}" for reason, count in Counter(reasons).most_common() if reason]
        return f"of {len(reasons)} networks looked at, {', '.join(counts)}" if counts else ""

    def _why(self, config: Config, network: _Network) -> str:
        why = self._impossible(config, network)
        if why or self._prefilter is None or not len(self._reference):
            return why
        score = self._shares([self._scored(config)])[0].mean()
        return _WEAK.format(", ".join(self._proxies)) if score < self._threshold else ""

    def _impossible(self, config: Config, network: _Network) -> str:
        """Why a network cannot be built or breaks a limit; empty when neither."""
        if not self._architecture.feasible(config):
            return _INFEASIBLE
        if not self._limits:
            return ""
        if network.sizes is None:
            names, shape = [limit.metric for limit in self._limits], self._architecture.input_shape
            network.sizes = _computed(", ".join(names), partial(measure, names, self._build(config), shape))
        broken = [limit.metric for limit in self._limits if limit.excess(network.sizes[limit.metric])]
        return _BEYOND.format(", ".join(dict.fromkeys(broken))) if broken else ""

    def _scored(self, config: Config) -> list[float]:
        """Of each score its value."""
        network = self._known(config)
        if network.scores is None:
            given = self._build(config), *self._batch
            network.scores = [_computed(word, partial(score, *given)) for word, score in self._proxies.items()]
        return network.scores

    def _exists(self, config: Config) -> bool:
        return bool(self._canonical(config)) and self._architecture.feasible(config)

    def _canonical(self, config: Config) -> str:
        """The text of a network; empty where there is none."""
        network = self._known(config)
        if network.canonical is None:
            try:
                network.canonical = self._architecture.canonical(config)
            except SpaceError:  # it cannot be built, or is of a sweep that was extended and has other networks now
                network.canonical = ""
        return network.canonical

    def _build(self, config: Config) -> torch.nn.Module:
        with own_draws(self._seed):
            return self._architecture.build(config)

    def _known(self, config: Config) -> _Network:
        """What is known of a config's network.

        Isomorphic networks may draw their weights in another order, so each way to write one has scores of its own:
        else the first to come would decide, and that may be another one after an interruption.
        """
        return self._seen.setdefault(_network_of(config), _Network())

    @cached_property
    def _batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        return noise(self._architecture.input_shape or (), getattr(self._architecture, "vocabulary", None))

    @cached_property
    def _reference(self) -> npt.NDArray[np.float64]:
        """Scores of random networks within the limits, shape (networks, scores)."""
        rng = np.random.default_rng([self._seed, _REFERENCES])
        found: dict[Config, list[float]] = {}
        for _ in range(_BATCHES):
            for config in self._space.sample_many(rng, _REFERENCES):
                if len(found) == _REFERENCES:
                    break
                if not self._impossible(config, self._known(config)):
                    found[_network_of(config)] = self._scored(config)
        return np.array(list(found.values())).reshape(len(found), len(self._proxies))

    @cached_property
    def _threshold(self) -> float:
        """The mean share that a network needs.

        Raises:
            SpaceError: when the scores tell no networks of reference apart.
        """
        means = self._shares(self._reference).mean(axis=1)
        if len(means) > 1 and np.ptp(means) < _ALIKE:
            words = ", ".join(self._proxies)
            text = f"{len(means)} networks score the same by {words}, so that none is weaker than another"
            raise SpaceError([Problem(("architecture", "prefilter"), f"{text}: remove it, or use other scores")])
        return float(np.quantile(means, 1 - (self._prefilter or 1)))

    def _shares(self, scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Of scores, shape (n, scores), how many of the reference are below, equal ones by half; as a share."""
        columns = zip(np.asarray(scores, dtype=float).T, np.sort(self._reference.T), strict=True)
        ranks = [(np.searchsorted(known, one) + np.searchsorted(known, one, "right")) / 2 for one, known in columns]
        return np.array(ranks).T / max(1, len(self._reference))


def _network_of(config: Config) -> Config:
    """What of a config says which network it is; the activation of staged networks is a parameter like any other."""
    return Config({name: value for name, value in config.items() if name.startswith(PREFIX) or name == "activation"})


def _computed(what: str, compute: Callable[[], _Result]) -> _Result:
    """What ``compute`` answers for a network, which is the user's and may fail in any way."""
    try:
        return compute()
    except Exception as error:  # the network's code is not ours and may raise anything
        text = " ".join(str(error).split())[:200]
        cure = "leave it out, or look whether architecture.input is the shape of one example"
        raise SpaceError(
            f"{what} cannot be computed before training: {type(error).__name__}: {text}: {cure}"
        ) from error


@dataclass
class _Network:
    """What is known of a network; None what was not looked at.

    Attributes:
        canonical: empty when there is no such network.
        refused: why; empty when it is not.
    """

    canonical: str | None = None
    sizes: dict[str, float] | None = None
    scores: list[float] | None = None
    refused: str | None = None
