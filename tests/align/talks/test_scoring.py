"""Replies scored by how likely a model finds them."""

import pytest
import torch
from tests.align.judges.test_model import comparisons, judge, talk

from glasshouse.align.distilling.prompts import make_prefix
from glasshouse.align.judges.model import agreement
from glasshouse.align.talks.scoring import (
    by_group,
    pairs_right,
    reply_logprobs,
    reply_margins,
    score_replies,
)
from glasshouse.errors import InputError

OWN = judge()
MODEL, LAYOUT = OWN.language, OWN.layout
TALKS = [talk("good sun"), talk("bad rain . sun")]


class TestScores:
    def test_are_sum_mean_and_what_the_request_adds(self):
        """By hand from the log-probabilities of the tokens, the end of the reply among them."""
        scores = score_replies(MODEL, TALKS, LAYOUT)
        own = MODEL.logprobs(["<doc> Human : hi <end> Assistant :"], ["good sun <end>"])[0]
        alone = MODEL.logprobs(["<doc> Assistant :"], ["good sun <end>"])[0]
        assert scores.total[0].item() == pytest.approx(sum(own), abs=1e-5)
        assert scores.mean[0].item() == pytest.approx(sum(own) / 3, abs=1e-5)
        assert scores.mutual[0].item() == pytest.approx(sum(own) - sum(alone), abs=1e-5)
        assert torch.equal(scores.by("sum"), scores.total)

    def test_follow_the_prefix_before_each(self):
        """One for all, or one for each."""
        prefix = make_prefix("kind", [talk("good")], LAYOUT)
        both = score_replies(MODEL, TALKS, LAYOUT, prefix=prefix)
        mixed = score_replies(MODEL, TALKS, LAYOUT, prefixes=[prefix, None])
        plain = score_replies(MODEL, TALKS, LAYOUT)
        torch.testing.assert_close(mixed.total[0], both.total[0])
        torch.testing.assert_close(mixed.total[1], plain.total[1])
        assert not torch.allclose(both.mutual, plain.mutual)

    def test_refuse_what_has_no_reply(self):
        """In a sentence each."""
        with pytest.raises(InputError, match="ends with none"):
            score_replies(MODEL, [TALKS[0][:1]], LAYOUT)
        with pytest.raises(InputError, match="1 prefixes and 2 dialogues"):
            score_replies(MODEL, TALKS, LAYOUT, prefixes=[None])


class TestLogprobs:
    def test_are_those_of_the_whole_text(self):
        """As the model itself tells them, for rows of many lengths."""
        prompts = [MODEL.encode(f"<doc> Human : {'hi ' * n}<end> Assistant :") for n in (1, 7, 3)]
        replies = [MODEL.tokenizer.encode(text) for text in ("sun <end>", "good . bad <end>", ".")]
        own = reply_logprobs(MODEL, prompts, replies, batch=2)
        for one, other in zip(own, MODEL.logprobs(prompts, replies), strict=True):
            assert one == pytest.approx(other, abs=1e-5)
        with pytest.raises(InputError, match="context is 32"):
            reply_logprobs(MODEL, [[2] * 30], [[2] * 4])


class TestMargins:
    def test_turn_round_with_the_pair(self):
        """The first reply's less the second's, in each way."""
        pairs = comparisons(4, seed=0)
        margins = reply_margins(MODEL, pairs, LAYOUT)
        turned = reply_margins(MODEL, [one.swapped for one in pairs], LAYOUT)
        assert set(margins) == {"sum", "mean", "mutual"}
        for way, margin in margins.items():
            torch.testing.assert_close(margin, -turned[way], atol=1e-5, rtol=1e-5)

    def test_are_right_as_agreement_counts_it(self):
        """Pair by pair, so that intervals and groups can be formed."""
        pairs = comparisons(3, seed=0)
        right = pairs_right(torch.tensor([1.0, -1.0, 0.0]), pairs)
        assert right.tolist() == [1.0, 0.0, 0.5]
        assert float(right.mean()) == agreement(torch.tensor([1.0, -1.0, 0.0]), pairs).accuracy
        assert by_group(right, ["a", "b", "a"]) == {"a": (0.75, 2), "b": (0.0, 1)}
        with pytest.raises(InputError, match="not as many"):
            pairs_right(torch.zeros(2), pairs)
        with pytest.raises(InputError, match="not as many"):
            by_group(right, ["a"])
