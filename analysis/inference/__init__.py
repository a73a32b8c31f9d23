"""Statistics on plain arrays: who is best, by how much, and how sure that is. Knows neither trials nor sweeps.

Scores have shape (configs, replicates), larger is better.

- who is tied for best: :data:`TESTS`, of which ``choose_test`` (choice.py) takes the one that fits;
- the numbers of a leaderboard: ``p_superior`` (superiority.py), ``reported_interval`` (reported.py), ``believe``
  (posterior.py: shrunk means, who is best, what was missed);
- two configs: pairs.py by their replicates, fitted.py by predictions of fitted models, bayes.py by chances;
- many: anova.py, tasks.py (ranks over data sets), bbc.py (the winner's score from stored predictions);
- how many replicates: power.py; who gets the next ones: top_two.py; whether any are worth it: futility.py.
"""

from __future__ import annotations

from .bayes import bayes_signed_rank_best
from .best_set import BestSet, BestSetTest, Replicates
from .choice import choose_test
from .mcb import mcb
from .mrmc import mrmc
from .pairwise_t import nadeau_bengio, paired_t_best
from .pooled import pooled
from .sign_flip import sign_flip

TESTS: dict[str, BestSetTest] = {
    "mcb": mcb,
    "paired_t": paired_t_best,
    "nadeau_bengio": nadeau_bengio,
    "sign_flip": sign_flip,
    "mrmc": mrmc,
    "pooled": pooled,
    "bayes_signed_rank": bayes_signed_rank_best,
}
"""Tests of who is tied for best, by the name that a sweep file gives them."""

TEST_WORDS = {
    "mcb": "Hsu's multiple comparisons with the best",
    "paired_t": "paired t, Holm",
    "nadeau_bengio": "corrected resampled t (Nadeau & Bengio), Holm",
    "sign_flip": "sign flips, largest studentised difference",
    "mrmc": "seeds x examples, Holm",
    "pooled": "examples pooled over splits, Holm",
    "bayes_signed_rank": "Bayesian signed rank with a region of practical equivalence",
}
"""The same for people."""

__all__ = ["TESTS", "TEST_WORDS", "BestSet", "BestSetTest", "Replicates", "choose_test"]
