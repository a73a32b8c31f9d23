"""The network of a trial, built again: to be drawn, and to be handed over with its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..search import Artifact, Phase, State, Trial
from ..spaces import AssayError, UsageError
from ..spaces.loading import short_reason

if TYPE_CHECKING:
    from .results import Results


def refuse_supernet(results: Results, trial: Trial) -> None:
    """A supernet is no network of the search: there is nothing to draw, export, compare, diagnose or explain.

    Raises:
        UsageError: for one.
    """
    if trial.phase is Phase.SUPERNET:
        numbers = [one.number for one in results.phase(Phase.SEARCH)]
        where = f"trials {numbers[0]} to {numbers[-1]}" if numbers else "not trained yet"
        text = f"trial {trial.number} is the supernet, which has no config of its own: its networks are {where}"
        raise UsageError(text)


def build_network(results: Results, trial: Trial) -> tuple[Any, tuple[int, ...]]:
    """The network of a trial with fresh weights, always the same ones, and the shape of one example.

    Raises:
        UsageError: for a supernet; when the sweep searches no architecture, its shape is not known, a library or the
            user's file is missing, or its code fails.
    """
    name = results.record.name
    refuse_supernet(results, trial)
    networks = results.sweep.networks(results.record.directory)
    if networks is None:
        raise UsageError(f"sweep {name!r} has no architecture: there is no network that Assay could build")
    if networks.input_shape is None:
        raise UsageError(
            f"sweep {name!r} does not say what goes into its networks: add input: [3, 32, 32] beside space"
        )
    from ..spaces.networks.draws import own_draws

    try:
        with own_draws(0):  # to look at a network changes nothing for whoever looks
            return networks.build(trial.config), networks.input_shape
    except AssayError:
        raise
    except Exception as error:  # a class of the user, or of NNI's hub, may raise anything
        raise UsageError(f"the network of trial {trial.number} cannot be built: {short_reason(error)}") from error


def network_drawing(results: Results, number: int) -> str:
    """The network of a trial as SVG.

    Raises:
        UsageError: see :func:`build_network`; also for a network that cannot be traced.
        NotFoundError: for a trial that does not exist.
    """
    from ..spaces.networks.drawing import network_svg

    trial = results.ledger.trial(results.record, number)
    model, shape = build_network(results, trial)
    return network_svg(model, shape, f"{results.record.name}, trial {number}")


def network_files(results: Results, trial: Trial) -> tuple[dict[str, str | bytes], list[str]]:
    """What production gets of a network: its choices, a Python file that needs PyTorch alone, and trained weights.

    Returns:
        the files by name, none where no architecture is searched; and what a reader must know of them.

    Raises:
        UsageError: when the network cannot be built, or not be written for PyTorch alone.
        DamagedFileError: for weights that are not as they were recorded.
    """
    if results.sweep.architecture is None:
        return {}, []
    from ..spaces.networks.standalone import WEIGHTS, exported_files

    model, shape = build_network(results, trial)
    trained, file = _trained(results, trial)
    if file is not None:
        _load(results, model, file)
    files = exported_files(
        model,
        shape,
        dict(trial.config),
        name=f"{results.record.name}-{trial.number}",
        provenance=f"sweep {results.record.name}, trial {trial.number}, config {trial.config.config_id}",
        description=results.sweep.network_description,
    )
    if trained is None:
        del files[WEIGHTS]
        return files, ["no weights: replicates keep them, and trials that call trial.save_weights(network)"]
    what = f"{trained.phase} trial {trained.number} (seed {trained.seed}, split {trained.split})"
    began = ""
    if trained.phase is Phase.SEARCH and trained.parent is not None:
        began = f" that began with the weights of trial {trained.parent}"
    return files, [f"{WEIGHTS} is of {what}, as it was after {trained.last_step} reports{began}"]


def _trained(results: Results, trial: Trial) -> tuple[Trial | None, Artifact | None]:
    """A run of this config that was trained in full and kept its weights; of several the search's own.

    One that began with weights of another comes last: what the leaderboard says is of training from scratch.
    """
    kept = {file.trial: file for file in results.ledger.artifacts(results.record, "weights")}
    runs = [trial, *(one for one in results.phase(Phase.REPLICATE) if one.parent == trial.number)]
    if trial.parent is not None:
        runs = [*runs[1:], trial]
    found = next((one for one in runs if one.state is State.COMPLETE and one.number in kept), None)
    return found, kept[found.number] if found else None


def _load(results: Results, model: Any, file: Artifact) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_model

    path = file.checked(results.ledger.store)
    try:
        load_model(model, str(path))
    except (SafetensorError, RuntimeError) as error:
        raise UsageError(
            f"{path} holds the weights of another network than trial {file.trial} has: "
            "give trial.save_weights what trial.build_model() returned"
        ) from error
