"""Replies are drawn from the model that they are said to be drawn from."""

from dataclasses import replace

import pytest
import torch
from tests.align.policies.small import END, PROMPTS, make_policy, shape

from glasshouse.align.policies import sample_replies, sampling
from glasshouse.errors import InputError
from glasshouse.models import AttentionConfig, MlpConfig, PositionConfig

SHAPES = {
    "gpt": shape(layers=2),
    "grouped": replace(
        shape(layers=2), attention=AttentionConfig(num_heads=4, num_kv_heads=2), norm="rms"
    ),
    "rotary": replace(
        shape(layers=2),
        positions=PositionConfig(kind="rotary"),
        mlp=MlpConfig(d_mlp=24, activation="swiglu"),
        parallel=True,
        bias=False,
        tied=False,
    ),
    "smeared": replace(shape(layers=2), attention=AttentionConfig(num_heads=2, smeared_keys=True)),
}
OF_EACH = [
    prompt for prompt, times in zip(PROMPTS, (3, 1, 4, 2), strict=True) for _ in range(times)
]


def draw(policy, prompts, **how):
    settings = {"max_new_tokens": 8, "stop_ids": (END, 1), "seed": 3, "precision": "fp32"} | how
    return sample_replies(policy, prompts, **settings)


class TestSampleReplies:
    @pytest.mark.parametrize("name", SHAPES)
    @pytest.mark.parametrize("temperature", [1.0, 0.6])
    def test_tells_the_models_own_logprobs(self, name, temperature):
        """At the temperature of sampling, each token after exactly what stood before it: prompts of
        several lengths beside each other, some shared, some rows ended early.
        """
        policy = make_policy(config=SHAPES[name], std=0.4)
        for reply in draw(policy, OF_EACH, temperature=temperature):
            with torch.no_grad():
                logits = policy.network(torch.tensor([reply.whole]))[0] / temperature
            own = logits.log_softmax(dim=1)[len(reply.prompt) - 1 : -1]
            expected = own.gather(1, torch.tensor(reply.ids)[:, None])[:, 0]
            assert reply.logprobs == pytest.approx(expected.tolist(), abs=1e-4)

    @pytest.mark.parametrize("name", ["gpt", "rotary"])
    def test_shares_prompts_without_a_trace(self, name, monkeypatch):
        """Reading each prompt once, and once a reply, gives the same replies."""
        policy = make_policy(config=SHAPES[name], std=0.4)
        shared = draw(policy, OF_EACH)
        monkeypatch.setattr(sampling, "can_share", lambda network: False)
        alone = draw(policy, OF_EACH)
        assert [reply.ids for reply in shared] == [reply.ids for reply in alone]
        assert [reply.ended for reply in shared] == [reply.ended for reply in alone]

    def test_gives_a_row_what_it_gets_alone(self):
        """Padding and neighbours change nothing, as a row's chance is its place's."""
        policy = make_policy(std=0.4)
        together = draw(policy, PROMPTS)
        for place, prompt in enumerate(PROMPTS):
            beside = [[7, 7, 7, 7, 7]] * place + [prompt]
            assert draw(policy, beside)[place].ids[:1] == together[place].ids[:1]
        assert (
            draw(policy, [PROMPTS[0]] * 4)[0].ids == draw(policy, [PROMPTS[0]] + [[5]] * 3)[0].ids
        )

    def test_ends_with_the_token_that_ends_it(self):
        """The end is part of the reply and nothing stands behind it; what has none was cut off."""
        replies = draw(make_policy(std=0.1), OF_EACH * 4)
        assert {reply.ended for reply in replies} == {True, False}
        for reply in replies:
            assert reply.ended == (reply.ids[-1] in (END, 1))
            assert not set(reply.ids[:-1]) & {END, 1}
            assert len(reply.ids) == len(reply.logprobs) <= 8
            assert reply.ended or len(reply.ids) == 8

    def test_ends_where_the_context_does(self):
        """A reply cut off by the context has not ended."""
        policy = make_policy(config=shape(context=6))
        [long, short] = draw(policy, [[2] * 5, [2]], stop_ids=())
        assert (len(long.ids), long.ended) == (2, False)
        assert (len(short.ids), short.ended) == (6, False)

    def test_is_the_same_again(self):
        """A seed names what is drawn; allowing more tokens does not change the first ones."""
        policy = make_policy()
        first = draw(policy, PROMPTS, stop_ids=())
        assert draw(policy, PROMPTS, stop_ids=()) == first
        assert draw(policy, PROMPTS, stop_ids=(), seed=4) != first
        longer = draw(policy, PROMPTS, stop_ids=(), max_new_tokens=12)
        assert [reply.ids[:8] for reply in longer] == [reply.ids for reply in first]

    def test_takes_the_likeliest_at_temperature_0(self):
        """Greedy replies need no chance."""
        policy = make_policy(std=0.4)
        assert draw(policy, PROMPTS, temperature=0.0) == draw(
            policy, PROMPTS, temperature=0.0, seed=9
        )

    def test_draws_as_often_as_is_likely(self):
        """Frequencies of first tokens are their probabilities."""
        policy = make_policy(std=0.4)
        drawn = draw(policy, [[1, 2]] * 4000, max_new_tokens=1)
        found = torch.bincount(torch.tensor([reply.ids[0] for reply in drawn]), minlength=13) / 4000
        with torch.no_grad():
            expected = policy.network(torch.tensor([[1, 2]]))[0, -1].softmax(dim=0)
        assert (found - expected).abs().max() < 0.025  # three deviations of a share of a half

    @pytest.mark.parametrize(
        ("how", "said"),
        [
            ({"max_new_tokens": 0}, "max_new_tokens=0"),
            ({"temperature": -1.0}, "temperature=-1"),
            ({"stop_ids": (99,)}, "stop_ids holds 99"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, how, said):
        """A sentence that names the value."""
        with pytest.raises(InputError, match=said):
            draw(make_policy(), PROMPTS, **how)

    def test_refuses_prompts_that_do_not_fit(self):
        """Empty, too long, or of another vocabulary."""
        for prompt in ([], [1] * 25, [99]):
            with pytest.raises(InputError, match="prompts"):
                draw(make_policy(), [[1], prompt])
