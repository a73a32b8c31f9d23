"""NNI's default policy with generators of its own. To be imported after :func:`.fixes.with_tianshou`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from nni.nas.strategy._rl_impl import Actor, Critic, Preprocessor, TuningEnvironment
from tianshou.data import Batch
from tianshou.policy import PPOPolicy

_HIDDEN = 64
_LEARNING_RATE = 1e-4
"""Both as in NNI's ``default_policy_fn``."""


def policy_factory(seed: int) -> Callable[[TuningEnvironment], PPOPolicy]:
    """Makes the policy of ``default_policy_fn``: PPO over an LSTM.

    That one draws from the global generators of torch and numpy, which a trial in the same process may be using.
    """

    def factory(environment: TuningEnvironment) -> PPOPolicy:
        generator = torch.Generator().manual_seed(seed)
        with torch.device("meta"):  # draws nothing
            body = Preprocessor(environment.observation_space, _HIDDEN)
            actor, critic = Actor(environment.action_space, body), Critic(body)
        parts = torch.nn.ModuleList([actor, critic]).to_empty(device="cpu")
        _draw_weights(parts, generator)
        optimizer = torch.optim.Adam(parts.parameters(), lr=_LEARNING_RATE)
        choose = partial(_Choice, generator=generator)
        return _Policy(
            actor, critic, optimizer, choose, discount_factor=1.0, action_space=environment.action_space, seed=seed
        )

    return factory


def _draw_weights(module: torch.nn.Module, generator: torch.Generator) -> None:
    """As torch does by default for layers whose inputs, or hidden states, have the size ``_HIDDEN``."""
    bound = _HIDDEN**-0.5
    with torch.no_grad():
        for name, weights in module.named_parameters():
            if "embedding" in name:
                weights.normal_(generator=generator)
            else:
                weights.uniform_(-bound, bound, generator=generator)


class _Choice(torch.distributions.Categorical):
    """One of several, with the probabilities (n, choices)."""

    def __init__(self, probabilities: torch.Tensor, generator: torch.Generator) -> None:
        super().__init__(probabilities)
        self._generator = generator

    def sample(self, sample_shape: Any = ()) -> torch.Tensor:
        return torch.multinomial(self.probs, 1, generator=self._generator).squeeze(1)


class _Policy(PPOPolicy):  # type: ignore[misc]  # tianshou is not followed
    def __init__(self, *arguments: Any, seed: int, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._shuffling = np.random.default_rng(seed)

    def _compile(self) -> None:
        """Nothing: Numba compiles what learning needs when it is needed, instead of 3 s of all there is before that."""

    def learn(self, batch: Batch, batch_size: int, repeat: int, **options: Any) -> Any:
        return super().learn(_Shuffled(batch, self._shuffling), batch_size, repeat, **options)


class _Shuffled:
    """All that learning asks of a batch."""

    def __init__(self, batch: Batch, rng: np.random.Generator) -> None:
        self._batch = batch
        self._rng = rng

    def split(self, size: int, merge_last: bool = False) -> Iterator[Batch]:
        order = self._rng.permutation(len(self._batch))
        yield from self._batch[order].split(size, shuffle=False, merge_last=merge_last)
