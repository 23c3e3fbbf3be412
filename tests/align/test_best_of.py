"""The best of n samples: chosen, worth, its divergence, and learned from."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from glasshouse.align import SftConfig, best_of_n_kl
from glasshouse.align.best_of import (
    ExpertConfig,
    best_of_n,
    expected_best,
    expert_iteration,
    tied_best_of_n_kl,
)
from glasshouse.align.policies import Reply
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer, gpt, word_tokenizer
from glasshouse.training import ScheduleConfig

WORDS = ["<end>", "a", "b", "c", "d", "e"]
PROMPTS = [[1, 2], [3], [4, 5, 1]]


def make_policy() -> LanguageModel:
    shape = gpt(len(WORDS), context=12, num_layers=1, d_model=16, num_heads=2)
    network = Transformer(shape, generator=torch.Generator().manual_seed(0))
    return LanguageModel(network, word_tokenizer(WORDS), origin="a test")


def likes_a(replies: Sequence[Reply]) -> Tensor:
    """One point for every `a`."""
    return torch.tensor([float(reply.ids.count(1)) for reply in replies])


class TestBestOfN:
    def test_chooses_the_highest_of_each_prompt(self):
        """The first of those that tie; every sample is kept, and answers its own prompt."""
        found = best_of_n(
            make_policy(), PROMPTS, likes_a, 9, max_new_tokens=4, stop_ids=[0], seed=3
        )
        assert [one.reply.prompt for one in found] == PROMPTS
        for one, prompt in zip(found, PROMPTS, strict=True):
            scores = [float(reply.ids.count(1)) for reply in one.replies]
            assert one.scores == scores
            assert all(reply.prompt == prompt for reply in one.replies)
            assert one.place == scores.index(max(scores))
            assert one.tied == scores.count(max(scores)) >= 1
        assert max(one.tied for one in found) > 1

    def test_draws_the_same_for_a_seed(self):
        """And other replies for another."""
        found = [
            best_of_n(make_policy(), PROMPTS, likes_a, 4, max_new_tokens=6, stop_ids=[0], seed=seed)
            for seed in (1, 1, 2)
        ]
        assert found[0] == found[1] != found[2]

    def test_refuses_a_score_that_is_none(self):
        """With the prompt that it was of."""

        def broken(replies: Sequence[Reply]) -> Tensor:
            return torch.tensor([math.nan if r.prompt == [3] else 0.0 for r in replies])

        with pytest.raises(InputError, match="prompt 2 has a reply that scores no finite number"):
            best_of_n(make_policy(), PROMPTS, broken, 2, max_new_tokens=2, stop_ids=[0])
        with pytest.raises(InputError, match="n=0"):
            best_of_n(make_policy(), PROMPTS, likes_a, 0, max_new_tokens=2, stop_ids=[0])


class TestExpectedBest:
    def test_is_the_mean_over_all_choices(self):
        """By listing them: six samples, some of which tie, every k."""
        scores = torch.tensor([[1.0, 3.0, 2.0, 3.0, 0.0, 2.0]])
        values = torch.tensor([[5.0, 1.0, 2.0, 7.0, 4.0, 8.0]])
        for k in range(1, 7):
            total = []
            for choice in itertools.combinations(range(6), k):
                best = max(scores[0, place].item() for place in choice)
                tied = [place for place in choice if scores[0, place] == best]
                total.append(np.mean([values[0, place].item() for place in tied]))
            found = expected_best(scores, values, k)
            assert found.item() == pytest.approx(np.mean(total), rel=1e-6)

    def test_refuses_more_than_there_are(self):
        """Nobody knows what the best of seven would have been."""
        with pytest.raises(InputError, match="k=7 must lie between 1 and the 6"):
            expected_best(torch.zeros(1, 6), torch.zeros(1, 6), 7)


class TestTiedBestOfNKl:
    def test_comes_to_the_formula_without_ties(self):
        """From many different scores."""
        scores = np.random.default_rng(0).normal(size=200_000).tolist()
        assert tied_best_of_n_kl(scores, 16) == pytest.approx(best_of_n_kl(16), abs=1e-3)

    def test_is_nothing_where_all_tie(self):
        """The best of equals is any of them."""
        assert tied_best_of_n_kl([2.0] * 50, 16) == pytest.approx(0.0, abs=1e-12)

    def test_is_that_of_two_levels_by_hand(self):
        """A quarter scores 1: of two, one is chosen with chance 7/16."""
        up = 7 / 16
        expected = up * math.log(up / 0.25) + (1 - up) * math.log((1 - up) / 0.75)
        assert tied_best_of_n_kl([1.0, 0.0, 0.0, 0.0], 2) == pytest.approx(expected)
        assert expected < best_of_n_kl(2)


class TestExpertIteration:
    CONFIG = ExpertConfig(
        rounds=4,
        n=8,
        max_new_tokens=6,
        sft=SftConfig(
            epochs=4, batch_tokens=48, precision="fp32", schedule=ScheduleConfig(peak_lr=1e-2)
        ),
    )

    def test_comes_to_write_what_scores(self):
        """Round by round; what was only watched is told and not learned."""
        policy = make_policy()

        def watch(replies: Sequence[Reply]) -> dict[str, float]:
            return {"b": float(np.mean([reply.ids.count(2) for reply in replies]))}

        rounds = list(
            expert_iteration(policy, PROMPTS * 5, likes_a, self.CONFIG, stop_ids=[0], watch=watch)
        )
        assert [one.round for one in rounds] == [1, 2, 3, 4]
        assert rounds[-1].reward > rounds[0].reward + 1
        assert all(one.best > one.reward for one in rounds[:-1])
        assert all(reply.ended for one in rounds for reply in one.chosen)
        assert rounds[0].kl_bound == best_of_n_kl(8)
        assert rounds[0].watched["b"] > 0

    def test_keeps_the_best_share(self):
        """Half of the prompts' best, the higher half."""
        config = replace(self.CONFIG, kept_share=0.5, rounds=1)
        whole = next(
            expert_iteration(
                make_policy(), PROMPTS * 2, likes_a, replace(config, kept_share=1.0), stop_ids=[0]
            )
        )
        half = next(expert_iteration(make_policy(), PROMPTS * 2, likes_a, config, stop_ids=[0]))
        assert half.learned == round(whole.learned / 2)
        assert half.best >= whole.best

    def test_refuses_to_learn_from_nothing(self):
        """Where no reply ends, or there is no prompt."""
        config = replace(self.CONFIG, n=1, max_new_tokens=1)
        with pytest.raises(InputError, match="round 1: no reply ended within max_new_tokens=1"):
            list(expert_iteration(make_policy(), PROMPTS, likes_a, config, stop_ids=[]))
        with pytest.raises(InputError, match="no prompts"):
            list(expert_iteration(make_policy(), [], likes_a, config, stop_ids=[0]))
