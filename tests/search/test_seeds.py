"""Seeds are stable over versions and distinct over uses."""

from assay.search import proposal_seed, scheduler_seed, trial_seed


def test_the_values_never_change() -> None:
    assert [trial_seed(0, replicate) for replicate in range(3)] == [3964924996, 901243215, 3884055042]
    assert (proposal_seed(0), scheduler_seed(0)) == (3141116543, 2613022947)
    assert [trial_seed(2**32 - 1, 0), trial_seed(7, 0)] == [989230592, 369571992]


def test_they_are_all_distinct() -> None:
    seeds = [trial_seed(sweep, replicate) for sweep in range(40) for replicate in range(20)]
    seeds += [derived(sweep) for sweep in range(40) for derived in (proposal_seed, scheduler_seed)]
    assert len(set(seeds)) == len(seeds)


def test_they_are_plain_32_bit_numbers() -> None:
    for seed in (trial_seed(3, 1), proposal_seed(3), scheduler_seed(3)):
        assert type(seed) is int
        assert 0 <= seed < 2**32
