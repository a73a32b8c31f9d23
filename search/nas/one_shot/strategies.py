"""NNI's one-shot strategies, and what they cannot train. Imports NNI; loaded only where a supernet is trained."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial, wraps
from typing import Any

import numpy as np
import torch
from nni.mutable import Categorical, CategoricalMultiple
from nni.nas import strategy as strategies
from nni.nas.nn.pytorch import Cell

from ....spaces import SpaceError

_CURES = (
    (r"has dangling mutables", "make it a LayerChoice of finished layers, such as LayerChoice([Dropout(0.1), ...])"),
    (r"Constraint", "one-shot search has no constraints between choices: use regularized_evolution"),
    (r"merge_op", "take strategy darts, gumbel_darts or random"),
    (r"only supports? categorical|n_chosen", "take one input of several, or strategy darts or random"),
    (r"reduction", "choose inputs with reduction sum"),
    (r"No architecture parameters", "give the network a choice"),
)
"""What NNI says, and what helps."""
POLICY = "policy"
"""Of :func:`policy_state` in a checkpoint."""
_ARRAY = "array"
"""Marks an array among plain data."""
_REWARDS = 20
"""NNI's default of rewards between two lessons of ENAS's policy."""


def make_strategy(options: dict[str, Any], batches: int) -> Any:
    """The strategy that the searcher's options name.

    Args:
        batches: of the validation data, each a reward of ENAS's policy, which learns once an epoch at least.
    """
    learned = {"warmup_epochs": options["warmup"], "log_prob_every_n_step": 10**9}
    rate = options["architecture_learning_rate"]
    makers: dict[str, Callable[[], Any]] = {
        "darts": lambda: strategies.DARTS(arc_learning_rate=rate, **learned),
        "gumbel_darts": lambda: strategies.GumbelDARTS(arc_learning_rate=rate, **learned),
        "proxyless": lambda: strategies.Proxyless(arc_learning_rate=rate, **learned),
        "random": strategies.RandomOneShot,
        "enas": lambda: _enas(rate, min(batches, _REWARDS), learned),
    }
    return makers[options["strategy"]]()


def _enas(rate: float, rewards: int, learned: dict[str, Any]) -> Any:
    from nni.nas.strategy._rl_impl import default_policy_fn

    policy = partial(default_policy_fn, lr=rate)
    return PairedENAS(policy_fn=policy, reward_metric_name="default", batches_per_update=rewards, **learned)


class PairedENAS(strategies.ENAS):  # type: ignore[misc]  # NNI has no types
    """ENAS with batches as NNI's module understands them.

    With Lightning 2.6 its own loader fails: "too many values to unpack (expected 2)".
    """

    def train_dataloader(self, train_dataloader_fn: Callable[[], Any], val_dataloader_fn: Callable[[], Any]) -> Any:
        return _Concatenated(train_dataloader_fn(), val_dataloader_fn())


def policy_state(module: Any) -> dict[str, Any]:
    """What ENAS learns outside of its Lightning module: the policy, its optimizer, the rewards.

    The optimizer's state is kept by name: tianshou gives it the parameters as a set, in another order in each process.
    """
    policy = module.policy
    steps = {name: policy.optim.state.get(one) for name, one in policy.named_parameters()}
    rewards = _plain(vars(module._replay_buffer))
    return {POLICY: (policy.state_dict(), steps, rewards, module._trajectory_counter)}


def restore_policy(module: Any, state: Any) -> None:
    """Set what :func:`policy_state` gave."""
    from tianshou.data import Batch

    weights, steps, rewards, count = state
    module.policy.load_state_dict(weights)
    for name, one in module.policy.named_parameters():
        if steps[name] is not None:
            module.policy.optim.state[one] = steps[name]
    kept = _of_plain(rewards)
    module._replay_buffer.__setstate__(kept | {"_meta": Batch(kept["_meta"])})
    module._trajectory_counter = count


def _plain(state: Any) -> Any:
    """Of tianshou's buffer and batches: mappings and tensors alone, which torch reads without unpickling."""
    if isinstance(state, Mapping):
        return {name: _plain(value) for name, value in state.items()}
    if type(state).__name__ == "Batch":
        return _plain(state.__getstate__())
    if isinstance(state, np.ndarray):
        return {_ARRAY: torch.from_numpy(state.copy())}
    return state.item() if isinstance(state, np.generic) else state


def _of_plain(state: Any) -> Any:
    if not isinstance(state, Mapping):
        return state
    if _ARRAY in state:
        return state[_ARRAY].numpy()
    return {name: _of_plain(value) for name, value in state.items()}


class _Concatenated:
    """Batches of one loader, then of another, each with the word for its part."""

    def __init__(self, train: Any, validation: Any) -> None:
        self._parts = (("train", train), ("val", validation))

    def __len__(self) -> int:
        return sum(len(loader) for _, loader in self._parts)

    def __iter__(self) -> Iterator[tuple[Any, str]]:
        for word, loader in self._parts:
            for batch in loader:
                yield batch, word


def seeded_draws() -> None:
    """Cures draws from the system's entropy, which no seed repeats: NNI makes a new generator for each.

    Supernets choose their paths at random with ``choice.random()``.
    """
    for kind in (Categorical, CategoricalMultiple):
        kind.random = _seeded(kind.random)


def _seeded(draw: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(draw)
    def drawn(self: Any, memo: Any = None, random_state: Any = None) -> Any:
        return draw(self, memo, np.random.mtrand._rand if random_state is None else random_state)

    return drawn


def ordered_weights() -> None:
    """Cures a restored optimizer with the state of other architecture weights: NNI lists them as a set does.

    The error, where shapes differ: "The size of tensor a (2) must match the size of tensor b (3)".
    """
    from nni.nas.oneshot.pytorch.differentiable import DartsLightningModule

    def arch_parameters(self: Any) -> list[Any]:
        found = (
            one
            for module in self.supernet_modules()
            if hasattr(module, "arch_parameters")
            for one in module.arch_parameters()
        )
        return list(dict.fromkeys(found))

    DartsLightningModule.arch_parameters = arch_parameters


def check(strategy: str, space: Any) -> None:
    """Refuse what NNI would train wrongly, or refuse late.

    Args:
        space: a fresh model space.

    Raises:
        SpaceError: with the cure.
    """
    if not space.simplify():
        raise SpaceError("the architecture has no choice: a supernet has nothing to search")
    choices = space.simplify()
    for label, mutable in choices.items():
        if not isinstance(mutable, (Categorical, CategoricalMultiple)):
            kind = type(mutable).__name__
            cure = "use regularized_evolution" if "Constraint" in kind else "make it a choice of some values"
            raise SpaceError(f"one-shot search cannot train {label!r}, which is {kind}: {cure}")
    for label, mutable in choices.items():
        if isinstance(mutable, CategoricalMultiple):
            _check_count(strategy, label, mutable.n_chosen)
    cells = [module for module in space.modules() if isinstance(module, Cell)]
    if strategy == "proxyless" and any(cell.op_candidates_factory is not None for cell in cells):
        raise SpaceError("strategy proxyless cannot train this space's cells: take darts, gumbel_darts or random")


def _check_count(strategy: str, label: str, count: int | None) -> None:
    if count is None:
        raise SpaceError(f"one-shot search cannot choose any number of inputs at {label!r}: give n_chosen")
    if count > 1 and strategy == "enas":
        cure = "choose one, or take strategy darts or random"
        raise SpaceError(f"strategy enas cannot choose {count} inputs at once at {label!r}: {cure}")


def refusal(strategy: str, error: Exception) -> SpaceError:
    """NNI's refusal of a space, with a cure where one is known."""
    said = " ".join(str(error).split())
    cure = next(
        (cure for words, cure in _CURES if re.search(words, said)), "take another strategy, or another searcher"
    )
    return SpaceError(f"strategy {strategy} cannot train this space: {said.rstrip('.')}: {cure}")
