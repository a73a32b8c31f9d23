"""Random search draws from the declared distributions, whatever the results were."""

import numpy as np

from assay.search import SEARCHERS, Phase, State, Trial
from assay.spaces import Objective, Space

SPACE = Space({"lr": "loguniform(1e-4, 1)", "kind": ["a", "b", "c"], "depth": "int(1, 4)"})


def test_it_draws_from_the_declared_distributions() -> None:
    searcher = SEARCHERS["random"](type="random").build(SPACE, Objective("loss", "minimize"), 0)
    configs = [searcher.ask(number, ()) for number in range(2000)]
    decades = np.histogram([np.log10(float(str(config["lr"]))) for config in configs if config], bins=4, range=(-4, 0))[
        0
    ]
    kinds = np.unique([str(config["kind"]) for config in configs if config], return_counts=True)[1]
    depths = np.unique([config["depth"] for config in configs if config], return_counts=True)[1]
    for counts in (decades, kinds, depths):
        expected = 2000 / len(counts)
        assert abs(counts - expected).max() < 4 * np.sqrt(expected)  # four standard errors, at least


def test_a_proposal_depends_on_its_number_alone() -> None:
    first, second = (SEARCHERS["random"](type="random").build(SPACE, Objective("a", "maximize"), 9) for _ in range(2))
    in_order = [first.ask(number, ()) for number in range(10)]
    first.adopt(10, SPACE.default())
    first.on_report(10, 1, 0.5)
    first.tell(Trial(0, Phase.SEARCH, State.FAILED, SPACE.default(), 0, 0))
    assert [second.ask(number, ()) for number in reversed(range(10))][::-1] == in_order
    assert [first.ask(number, ()) for number in range(10)] == in_order


def test_it_keeps_nothing_of_trials() -> None:
    searcher = SEARCHERS["random"](type="random").build(SPACE, Objective("a", "maximize"), 9)
    before = dict(vars(searcher))
    for number in range(100):
        searcher.ask(number, ())
        searcher.on_report(number, 1, 0.5)
        searcher.tell(Trial(number, Phase.SEARCH, State.COMPLETE, SPACE.default(), 0, 0))
    assert vars(searcher) == before
