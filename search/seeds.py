"""Seeds of everything random, derived from the sweep's one seed."""

from __future__ import annotations

import numpy as np


def trial_seed(sweep_seed: int, replicate: int) -> int:
    """Seed of all trials of the search (``replicate`` 0) or of one replicate (1, 2, ...).

    All configs share the seed of a replicate, so that their scores are paired and the common effect of a seed cancels
    in comparisons.
    """
    return int(np.random.SeedSequence([sweep_seed, 1, replicate]).generate_state(1)[0])


def proposal_seed(sweep_seed: int) -> int:
    """Seed of the searcher."""
    return int(np.random.SeedSequence([sweep_seed, 2]).generate_state(1)[0])


def scheduler_seed(sweep_seed: int) -> int:
    """Seed of the scheduler."""
    return int(np.random.SeedSequence([sweep_seed, 3]).generate_state(1)[0])
