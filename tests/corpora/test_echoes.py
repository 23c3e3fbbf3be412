import numpy as np
import pytest

from glasshouse.corpora import Domain, Echoes, MarkovChain
from glasshouse.errors import InputError


def echoes(**changes) -> Echoes:
    chain = MarkovChain(symbols=8, sequence=24, seed=3)
    return Echoes(**{"chain": chain, "least": 6, "most": 9, **changes})


class TestEchoes:
    def test_says_again_what_it_said(self):
        """From some place on, every symbol is the one that stood as far back."""
        assert isinstance(echoes(), Domain)
        drawn, is_copied = echoes().draw_parted(200, np.random.default_rng(0))
        assert drawn.ids.shape == is_copied.shape == (200, 25)
        for row, copied in zip(drawn.ids[:, 1:], is_copied[:, 1:], strict=True):
            length = int(copied.argmax()) - 2
            assert 6 <= length <= 9
            assert (row[length:] == row[:-length]).all()
            assert copied[length + 2 :].all()

    def test_uses_all_lengths(self):
        """Nobody knows beforehand where the echo begins."""
        _, is_copied = echoes().draw_parted(200, np.random.default_rng(0))
        assert set((is_copied[:, 1:].argmax(axis=1) - 2).tolist()) == {6, 7, 8, 9}

    def test_is_a_function_of_its_generator(self):
        """The same again."""
        first, second = (echoes().draw(5, np.random.default_rng(7)).ids for _ in range(2))
        assert (first == second).all()

    def test_refuses_an_echo_that_does_not_fit(self):
        """Nothing would be copied."""
        with pytest.raises(InputError, match="nothing is copied"):
            echoes(most=22)
