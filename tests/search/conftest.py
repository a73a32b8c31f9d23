"""A good sweep file, to be spoilt."""

from __future__ import annotations

BASE = """\
name: hello
trainable: train.py:train
objectives:
  - {metric: accuracy, goal: maximize}
parameters:
  lr: loguniform(1e-5, 1e-1)
  optimizer: [adam, sgd]
budget: {trials: 20}
"""


def replaced(old: str, new: str) -> str:
    """The good file with one change."""
    assert BASE.count(old) == 1
    return BASE.replace(old, new)
