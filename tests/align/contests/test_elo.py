"""Strengths from duels, beside those that decided them."""

import numpy as np
import pytest

from glasshouse.align import fit_elo, win_fraction
from glasshouse.align.contests.elo import POINTS
from glasshouse.errors import InputError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_four_hundred_points_are_ten_to_one():
    """And a nat is 174."""
    assert win_fraction(400) == pytest.approx(10 / 11)
    assert win_fraction(0) == 0.5
    assert pytest.approx(173.7, abs=0.1) == POINTS


def test_two_players_have_the_odds_of_their_duels():
    """The likeliest strengths of two are known."""
    found = fit_elo(["a", "b"], np.array([[0.0, 750.0], [250.0, 0.0]]), rng=rng(), ridge=1e-9)
    assert found.ratings[0] - found.ratings[1] == pytest.approx(400 * np.log10(3), abs=0.1)
    assert found.chance("a", "b") == pytest.approx(0.75, abs=1e-3)
    assert found.low[0] < found.ratings[0] < found.high[0]
    assert found.ratings.sum() == pytest.approx(0, abs=1e-6)


def test_finds_the_strengths_that_decided():
    """From duels of a few pairs; intervals hold most of the truth."""
    truth = np.array([-150.0, -40.0, 30.0, 160.0])
    draws = rng(1)
    wins = np.zeros((4, 4))
    for first, second in ((0, 1), (1, 2), (2, 3), (0, 3)):
        won = draws.binomial(3000, win_fraction(truth[first] - truth[second]))
        wins[first, second], wins[second, first] = won, 3000 - won
    found = fit_elo(["a", "b", "c", "d"], wins, rng=rng())
    assert found.ratings == pytest.approx(truth - truth.mean(), abs=15)
    assert ((found.low <= truth) & (truth <= found.high)).sum() >= 3


def test_somebody_who_never_lost_is_not_infinite():
    """The ridge sees to that."""
    found = fit_elo(["a", "b"], np.array([[0.0, 20.0], [0.0, 0.0]]), rng=rng())
    assert 500 < found.ratings[0] - found.ratings[1] < 5000


def test_refuses_strangers_and_nonsense():
    """By name."""
    wins = np.zeros((4, 4))
    wins[0, 1] = wins[2, 3] = 5
    with pytest.raises(InputError, match="a and c never met"):
        fit_elo(["a", "b", "c", "d"], wins, rng=rng())
    with pytest.raises(InputError, match="square"):
        fit_elo(["a"], wins, rng=rng())
    with pytest.raises(InputError, match="from 0 on"):
        fit_elo(["a", "b"], np.array([[0.0, -1.0], [2.0, 0.0]]), rng=rng())
