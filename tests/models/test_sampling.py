import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.models import SamplingConfig
from glasshouse.models.sampling import choose_tokens, draw, row_rules, row_seeds, row_uniforms

PROBABILITIES = torch.tensor([0.4, 0.1, 0.3, 0.2])
CPU = torch.device("cpu")


def tokens_of(config: SamplingConfig, num: int = 4000) -> torch.Tensor:
    """Shares of tokens in evenly spread draws, which estimate probabilities to 1/num."""
    uniforms = (torch.arange(num, dtype=torch.float64)[:, None] + 0.5) / num
    logits = PROBABILITIES.log().expand(num, -1) + 7.0
    chosen, logprobs = choose_tokens(logits, uniforms, row_rules([config] * num, CPU))
    torch.testing.assert_close(logprobs, PROBABILITIES.log()[chosen])
    return torch.bincount(chosen[:, 0], minlength=4) / num


class TestChooseTokens:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, [0.4, 0.1, 0.3, 0.2]),
            ({"temperature": 0.5}, [16 / 30, 1 / 30, 9 / 30, 4 / 30]),
            ({"temperature": 0}, [1, 0, 0, 0]),
            ({"top_k": 2}, [4 / 7, 0, 3 / 7, 0]),
            ({"top_k": 9}, [0.4, 0.1, 0.3, 0.2]),
            ({"top_p": 0.65}, [4 / 7, 0, 3 / 7, 0]),
            ({"top_p": 0.75}, [4 / 9, 0, 3 / 9, 2 / 9]),
            ({"top_k": 3, "top_p": 0.75}, [4 / 7, 0, 3 / 7, 0]),
            ({"temperature": 0.5, "top_k": 2}, [16 / 25, 0, 9 / 25, 0]),
        ],
    )
    def test_draws_with_the_probabilities_worked_by_hand(self, config, expected):
        """Temperature first, then top-k, then top-p of what top-k has left."""
        found = tokens_of(SamplingConfig(**config))
        assert found.tolist() == pytest.approx(expected, abs=1e-3)


class TestDraw:
    def test_never_takes_a_token_without_weight(self):
        """At both ends of the interval, and for the largest number below one."""
        weights = torch.tensor([[0.0, 0.3, 0.0, 0.7, 0.0]]).expand(2, -1)
        uniforms = torch.tensor([[0.0], [1 - 2**-50]], dtype=torch.float64)
        assert draw(weights, uniforms).flatten().tolist() == [1, 3]


class TestRowSeeds:
    def test_are_all_different(self):
        """Seed 0 row 1 must not be seed 1 row 0."""
        assert len({seed for s in range(5) for seed in row_seeds(s, 50)}) == 250

    def test_refuses_too_few(self):
        """A row without a seed has no chance of its own."""
        with pytest.raises(InputError, match="1 seeds for 2"):
            row_seeds([1], 2)

    def test_gives_a_longer_row_the_same_beginning(self):
        """How long a neighbour may grow has no part in a row's numbers."""
        short, long = row_uniforms([7], 4), row_uniforms([7], 90)
        assert torch.equal(short, long[:, :4])
