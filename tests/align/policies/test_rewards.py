"""Judges as rewards, and what is made of scores before replies are compared."""

from dataclasses import replace

import pytest
import torch
from tests.align.policies.small import END, PLAIN, WORDS, make_judge, make_policy

from glasshouse.align import PreferenceModel, Turn, human_assistant_layout
from glasshouse.align.policies import (
    Reply,
    RewardRules,
    judge_reward,
    sample_replies,
    train_policy,
)
from glasshouse.align.policies.scores import RewardScale, normalised, ruled, scale_of
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer, gpt, train_bpe, word_tokenizer


def reply_to(judge: PreferenceModel, said: str, answer: str) -> Reply:
    """A reply as a policy of the judge's layout would write it."""
    prompt = judge.layout((Turn("human", said),), opens_reply=True).ids
    ids = [*judge.language.tokenizer.encode(answer), END]
    return Reply(prompt=prompt, ids=ids, logprobs=[0.0] * len(ids), ended=True)


def letters_judge() -> PreferenceModel:
    """A judge of other tokens: letters and their pairs, with another end."""
    tokenizer = train_bpe(["a b c d e f g h Human Assistant : <doc>"], vocab_size=262)
    network = Transformer(
        gpt(tokenizer.vocab_size, context=64, num_layers=1, d_model=8, num_heads=1)
    )
    language = LanguageModel(network, tokenizer, "a test")
    return PreferenceModel(language, human_assistant_layout(tokenizer)).eval()


class TestJudgeReward:
    def test_scores_as_the_judge_scores_dialogues(self):
        """The policy's own tokens are what the judge's layout writes."""
        judge = make_judge()
        pairs = [("a b", "c"), ("d", "e f g"), ("h h h", "a"), ("b", "b c")]
        replies = [reply_to(judge, said, answer) for said, answer in pairs]
        dialogues = [(Turn("human", said), Turn("assistant", answer)) for said, answer in pairs]
        found = judge_reward(judge)(replies)
        assert torch.allclose(found, judge.score(dialogues), atol=1e-6)
        assert found.std() > 0.1

    def test_reads_the_newest_of_what_is_too_long(self):
        """As much as its context holds, the reply last."""
        judge = make_judge()
        long = Reply(prompt=[1] * 30, ids=[2, 3, END], logprobs=[0.0] * 3, ended=True)
        short = replace(long, prompt=[1] * 21)
        assert judge_reward(judge)([long]).tolist() == judge_reward(judge)([short]).tolist()

    def test_is_refused_by_a_policy_of_other_tokens(self):
        """Before anything is drawn, and with the way out."""
        with pytest.raises(InputError, match=r"different tokenizers.*retokenise=True"):
            next(train_policy(make_policy(), [[1]] * 4, judge_reward(letters_judge()), PLAIN))
        with pytest.raises(InputError, match="different tokenizers"):
            judge_reward(letters_judge(), policy=make_policy(), retokenise=False)
        with pytest.raises(InputError, match="policy="):
            judge_reward(letters_judge(), retokenise=True)

    def test_reads_words_in_its_own_tokens_when_asked(self):
        """Words of prompt and reply, the policy's ends become the judge's own, a reply that was cut
        off has none.
        """
        judge, policy = letters_judge(), make_policy()
        reward = judge_reward(judge, policy=policy, retokenise=True)
        reply = Reply(prompt=[1, 2, END, 3], ids=[4, 5, END], logprobs=[0.0] * 3, ended=True)
        own = judge.language.tokenizer
        assert own.end_id is not None
        ends = [own.end_id]
        expected = [*own.encode("a b"), *ends, *own.encode("c"), *own.encode("d e"), *ends]
        assert reward.translated(reply) == expected
        cut = replace(reply, ids=[4, 5], ended=False)
        assert reward.translated(cut) == expected[:-1]
        assert reward([reply, cut]).shape == (2,)
        config = replace(PLAIN, steps=1)
        [step] = train_policy(policy, [[1]] * 4, reward, config)
        assert len(step.scores) == 12

    def test_needs_no_translation_between_equal_tokens(self):
        """The same words in the same order are the same tokenizer."""
        judge = make_judge()
        other = LanguageModel(make_policy().network, word_tokenizer(WORDS), "another")
        found = judge_reward(judge, policy=other, retokenise=True)
        replies = sample_replies(other, [[1]], max_new_tokens=3, stop_ids=(END,), seed=0)
        assert found(replies).tolist() == judge_reward(judge)(replies).tolist()


SCORES = torch.tensor([1.0, 2.0, 6.0, 4.0, 5.0, 9.0])
WHOLE = torch.tensor([True, True, False, True, True, False])
SCALE = RewardScale(mean=3.0, spread=2.0)


def by(**rules):
    return replace(PLAIN, prompts_per_step=2, rewards=RewardRules(**rules))


class TestRuled:
    def test_gives_replies_that_were_cut_off_a_fixed_score(self):
        """One spread below the mean, whatever the judge says of them."""
        assert ruled(SCORES, WHOLE, SCALE, by()).tolist() == [1, 2, 1, 4, 5, 1]

    def test_takes_something_off_their_score(self):
        """In spreads, too."""
        config = by(truncated="subtract", truncated_value=-0.5)
        assert ruled(SCORES, WHOLE, SCALE, config).tolist() == [1, 2, 5, 4, 5, 8]

    def test_puts_those_left_out_at_the_mean_of_their_prompts_others(self):
        """So that they move nobody's comparison."""
        config = by(truncated="leave-out")
        assert ruled(SCORES, WHOLE, SCALE, config).tolist() == [1, 2, 1.5, 4, 5, 4.5]
        none = torch.tensor([False, False, False, True, True, False])
        assert ruled(SCORES, none, SCALE, config)[:3].tolist() == [4.5] * 3


class TestNormalised:
    def test_moves_and_scales_by_what_was_before(self):
        """None, the mean, or mean and spread."""
        assert normalised(SCORES, SCALE, by(normalise="none")) is SCORES
        assert normalised(SCORES, SCALE, by()).tolist() == [-2, -1, 3, 1, 2, 6]
        assert normalised(SCORES, SCALE, by(normalise="scale")).tolist() == [
            -1,
            -0.5,
            1.5,
            0.5,
            1,
            3,
        ]

    def test_has_a_spread_to_divide_by(self):
        """Equal rewards have none, and 1 serves."""
        assert scale_of(torch.tensor([2.0, 2.0])) == (2, 1)
        assert scale_of(torch.tensor([1.0, 5.0])) == (3, 2)
