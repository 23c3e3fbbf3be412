import math

import numpy as np
import pytest

from glasshouse.corpora import Domain, HiddenFunction, measure_entropy
from glasshouse.corpora.hidden_function import FUNCTIONS, NAMES
from glasshouse.errors import InputError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class TestFunctions:
    @pytest.mark.parametrize(
        ("name", "answer"),
        [
            ("identity", [9, 0, 5]),
            ("reverse", [5, 0, 9]),
            ("rotate-left", [0, 5, 9]),
            ("rotate-right", [5, 9, 0]),
            ("shift-up", [0, 1, 6]),
            ("shift-down", [8, 9, 4]),
            ("sort", [0, 5, 9]),
            ("swap", [0, 9, 5]),
            ("shifted-reverse", [6, 1, 0]),
            ("repeat-first", [9, 9, 9]),
        ],
    )
    def test_do_what_they_are_called(self, name: str, answer: list[int]):
        """Worked by hand; shifts go round."""
        assert FUNCTIONS[name](np.array([9, 0, 5]), 10).tolist() == answer


class TestHiddenFunction:
    def test_keeps_one_function_a_document(self):
        """The named one, where it is named; about half are."""
        domain = HiddenFunction(examples=6)
        assert isinstance(domain, Domain)
        ids = domain.draw(300, rng()).ids
        assert ids.shape == (300, domain.length)
        assert (ids[:, 0] == domain.vocab_size - 1).all()
        named = [row for row in ids if row[1] != domain.unnamed]
        assert 110 < len(named) < 190
        for row in named:
            make = FUNCTIONS[NAMES[row[1] - domain.alphabet - 2]]
            fields = row[2:].reshape(6, 8)
            assert (fields[:, 3] == domain.arrow).all()
            assert (fields[:, 7] == domain.stop).all()
            assert (make(fields[:, :3], 10) == fields[:, 4:7]).all()

    def test_knows_the_best_reader(self):
        """By the first answers of all functions, by hand: which agree on this word?"""
        domain = HiddenFunction(examples=2, named=0.0)
        begin, some, arrow, stop = domain.vocab_size - 1, domain.unnamed, 10, 11
        # identity and sort agree on 1 3 5; what follows leaves both, and they part on 5 3 1
        row = [begin, some, 1, 3, 5, arrow, 1, 3, 5, stop, 5, 3, 1, arrow, 5, 3, 1, stop]
        assert domain.ideal(np.array([row])).tolist() == [[0.2, 0.5]]

    def test_knows_everything_once_it_is_named(self):
        """And nothing is left to learn from examples."""
        domain = HiddenFunction(examples=3, named=1.0)
        drawn = domain.draw(50, rng())
        assert (domain.ideal(drawn.ids) == 1).all()
        assert drawn.logprobs is not None
        assert (drawn.logprobs[drawn.counts] == 0).all()

    def test_is_as_right_as_it_says(self):
        """The best reader's own odds of a whole answer add up to its accuracy at most."""
        domain = HiddenFunction(examples=8, named=0.0)
        drawn = domain.draw(400, rng())
        ideal = domain.ideal(drawn.ids).mean(axis=0)
        assert 0.1 <= ideal[0] < 0.25
        assert ideal[-1] > 0.99
        assert (np.diff(ideal) > -0.02).all()
        assert drawn.logprobs is not None
        whole = np.exp((drawn.logprobs * drawn.counts)[:, 2:].reshape(400, 8, 8).sum(axis=2))
        assert (whole <= domain.ideal(drawn.ids) + 1e-12).all()

    def test_has_an_entropy_below_guessing(self):
        """Of ten functions, over examples that soon tell which."""
        found = measure_entropy(HiddenFunction(named=0.0), count=500, rng=rng())
        assert 0.02 < found.nats < math.log(10) / 9

    def test_is_a_function_of_its_generator(self):
        """The same again."""
        first, second = (HiddenFunction().draw(5, rng(7)).ids for _ in range(2))
        assert (first == second).all()

    @pytest.mark.parametrize("changes", [{"alphabet": 2}, {"examples": 0}, {"named": 1.5}])
    def test_refuses_what_cannot_be(self, changes: dict):
        """One sentence."""
        with pytest.raises(InputError, match="a share"):
            HiddenFunction(**changes)
