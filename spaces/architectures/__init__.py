"""Spaces of networks: searched like any other parameters, and built from a config."""

from .architecture import PREFIX, Architecture, architecture_of

__all__ = ["PREFIX", "Architecture", "architecture_of"]
