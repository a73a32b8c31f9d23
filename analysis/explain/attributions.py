"""Attributions by SHAP and Captum, which the extra ``explain`` installs."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...spaces import UsageError
from .explanation import METHODS, Explanation, mean_of_rows, ranked
from .inputs import Inputs

Floats = NDArray[np.float64]

_BACKGROUND = 50
_RESAMPLES = 200
_STEPS = 64
_UNACCOUNTED = 0.05


def by_shap(predict: Callable[[Any], NDArray[Any]], table: Inputs, background: Inputs, seed: int) -> Explanation:
    """Shapley values of the predictions, by orders of the features (Lundberg and Lee, NeurIPS 2017).

    Of several classes or labels the mean counts.

    Args:
        background: 50 of its rows stand for features that are not known.
    """
    with _contained():
        try:
            import shap
        except ImportError as error:
            raise _missing("shap") from error
        known = _sample(background, seed)
        explainer = shap.PermutationExplainer(
            lambda matrix: np.asarray(predict(table.like(np.asarray(matrix))), dtype=np.float64),
            shap.maskers.Independent(known, max_samples=len(known)),
            seed=seed,
        )
        found = explainer(table.matrix(), max_evals=2 * table.width + 1, silent=True)
    values = np.asarray(found.values, dtype=np.float64).reshape(len(table), table.width, -1)
    parts = np.abs(values).mean(axis=2)
    notes = [f"compared with {len(known)} rows of the training part, all features at their own values in turn"]
    return _explanation("shap", table, parts, seed, notes)


def by_captum(network: Any, table: Inputs, background: Inputs, method: str, seed: int) -> Explanation:
    """Attributions to the inputs of a torch network, to the output of the class that it predicts.

    Integrated gradients: Sundararajan, Taly and Yan, Axiomatic Attribution for Deep Networks, ICML 2017; from the mean
    of the training inputs. Ablation gives one feature after the other that mean.

    Args:
        method: ``captum`` or ``captum_ablation``.
    """
    if network is None:
        cure = "call trial.save_weights(network) in the training function"
        raise UsageError(f"explain: {method} needs the network: {cure}")
    with _contained():
        try:
            from captum.attr import FeatureAblation, IntegratedGradients
        except ImportError as error:
            raise _missing("captum") from error
        import torch

        training = network.training
        network.eval()
        try:
            first = next(network.parameters(), torch.zeros(1))
            inputs = torch.as_tensor(table.like(table.matrix())).to(first)
            mean = torch.as_tensor(background.like(background.matrix())).to(first).mean(dim=0, keepdim=True)
            target, outputs = _predicted(network, inputs)
            if method == "captum":
                given = IntegratedGradients(network).attribute(
                    inputs, mean.expand_as(inputs), target=target, n_steps=_STEPS, internal_batch_size=1024
                )
            else:
                with torch.no_grad():
                    given = FeatureAblation(network).attribute(inputs, mean.expand_as(inputs), target=target)
            _, starts = _predicted(network, mean.expand_as(inputs), target)
        finally:
            network.train(training)
    parts = given.detach().cpu().double().numpy().reshape(len(table), -1)
    notes = ["attributions to the network's own output for the class it predicts, before whatever follows the network"]
    made = _explanation(method, table, np.abs(parts), seed, notes)
    if method == "captum":
        made.warnings.extend(_unaccounted(parts, outputs - starts))
    return made


def _predicted(network: Any, inputs: Any, target: Any = None) -> tuple[Any, Floats]:
    """The class predicted for each row, None where there is one output; and that output, shape (n,)."""
    import torch

    try:
        with torch.no_grad():
            outputs = network(inputs)
    except (RuntimeError, ValueError, TypeError) as error:
        text = " ".join(str(error).split())[:200]
        raise UsageError(
            f"explain: the network does not take the inputs of trial.split as they are ({text}): take method "
            "permutation or shap, which ask the function given to trial.save_predictions"
        ) from error
    if not hasattr(outputs, "ndim") or outputs.ndim not in (1, 2):
        raise UsageError("explain: captum needs a network with one output a row, or one for each class")
    if outputs.ndim == 1 or outputs.shape[1] == 1:
        return (None if outputs.ndim == 1 else 0), outputs.reshape(-1).double().cpu().numpy()
    target = outputs.argmax(dim=1) if target is None else target
    return target, outputs.gather(1, target[:, None]).reshape(-1).double().cpu().numpy()


def _unaccounted(parts: Floats, differences: Floats) -> list[str]:
    """Attributions have to sum to the difference between the output and that of the mean input."""
    size = float(np.abs(differences).mean())
    gap = float(np.abs(parts.sum(axis=1) - differences).mean())
    if gap <= _UNACCOUNTED * size or size == 0:
        return []
    return [f"the attributions do not add up to the outputs: {gap / size:.0%} are missing on average"]


def _explanation(method: str, table: Inputs, parts: Floats, seed: int, notes: list[str]) -> Explanation:
    values, draws = mean_of_rows(parts, _RESAMPLES, seed)
    return Explanation(
        method=method,
        words=METHODS[method],
        metric=None,
        score=None,
        rows=len(table),
        features=ranked([(name,) for name in table.names], values, draws),
        notes=notes,
        warnings=[],
    )


def _sample(background: Inputs, seed: int) -> Floats:
    rows = np.random.default_rng(seed).permutation(len(background))[:_BACKGROUND]
    return background.rows(np.sort(rows)).matrix()


@contextmanager
def _contained() -> Iterator[None]:
    """What these libraries warn of and print is theirs; the training function's is let through before."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _missing(package: str) -> UsageError:
    return UsageError(f'explain: {package} is not installed: pip install "assay[explain]"')
