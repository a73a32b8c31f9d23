"""The command ``assay``."""

from .command import app, main

__all__ = ["app", "main"]
