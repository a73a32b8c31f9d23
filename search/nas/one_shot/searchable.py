"""Spaces of networks as a supernet needs them: as an NNI model space, and back from its samples to configs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ....spaces import Config, UsageError, Value
from ....spaces.architectures import Architecture
from ....spaces.architectures.staged import StagedArchitecture
from ....spaces.from_nni.model_space_architecture import ModelSpaceArchitecture


@dataclass(frozen=True)
class Searchable:
    """A model space whose samples are configs of an architecture.

    Attributes:
        make: gives a fresh ``ModelSpace``.
        config_of: the config of an NNI sample: active parameters ``architecture.*``.
        sample_of: the NNI sample of a config, with a value for every label.
    """

    make: Callable[[], Any]
    config_of: Callable[[Mapping[str, Any]], Config]
    sample_of: Callable[[Mapping[str, Value]], dict[str, Any]]

    @classmethod
    def of(cls, architecture: Architecture, config: Mapping[str, Value]) -> Searchable:
        """A space of networks for a supernet.

        Args:
            config: of the trial; parameters outside of ``architecture`` may decide about blocks as well.

        Raises:
            SpaceError: for declared stages with several widths.
            UsageError: for an architecture of another kind.
        """
        if isinstance(architecture, StagedArchitecture):
            return cls._of_stages(architecture, config)
        if isinstance(architecture, ModelSpaceArchitecture):
            translation = architecture.translation
            return cls(translation.make, translation.encode, translation.decode)
        raise UsageError(f"one-shot search cannot train {type(architecture).__name__}: give stages or a model space")

    @classmethod
    def _of_stages(cls, staged: StagedArchitecture, config: Mapping[str, Value]) -> Searchable:
        from ....spaces.from_nni.staged_model_space import config_of, sample_of, staged_model_space

        return cls(
            lambda: staged_model_space(staged, {name: value for name, value in config.items() if name == "activation"}),
            lambda sample: config_of(staged, sample),
            lambda chosen: sample_of(staged, chosen),
        )
