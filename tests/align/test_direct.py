"""Direct preference optimisation, against an implementation written a second time."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from glasshouse.align import Comparison, DpoConfig, Turn, reply_logprobs, train_dpo, word_layout
from glasshouse.align.pairs.rows import encode_pair
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer, gpt, word_tokenizer
from glasshouse.training import OptimizerConfig, ScheduleConfig

WORDS = ["<|pad|>", "<|unk|>", "<doc>", "<end>", "Human", "Assistant", ":", *"abcdefgh"]


def make_policy(seed: int = 0) -> LanguageModel:
    shape = gpt(len(WORDS), context=24, num_layers=1, d_model=16, num_heads=2)
    network = Transformer(
        replace(shape, init_std=0.2), generator=torch.Generator().manual_seed(seed)
    )
    return LanguageModel(network, word_tokenizer(WORDS), origin="a test")


def pair(prompt: str, first: str, second: str, p_first: float = 1.0) -> Comparison:
    return Comparison(prompt=(Turn("human", prompt),), first=first, second=second, p_first=p_first)


PAIRS = [pair("a b", "c", "d e f"), pair("h", "g g a", "b", 0.3), pair("c c c a", "e f", "h a b")]
CONFIG = DpoConfig(
    batch=3,
    precision="fp32",
    compile="no",
    # With so large an epsilon AdamW follows the gradient itself, so that weights compare gradients.
    optimizer=OptimizerConfig(epsilon=1.0, weight_decay=0.0, clip_norm=None),
    schedule=ScheduleConfig(peak_lr=1e-2, warmup_steps=0, shape="constant"),
)


def plain_logprob(network: nn.Module, model: LanguageModel, one: Comparison, reply: str):
    """The log-probability of a reply, token by token, each from a text of its own."""
    layout = word_layout(model.tokenizer)
    prompt = layout(one.prompt, opens_reply=True).ids
    whole = layout(one.dialogue(reply)).ids
    total = torch.zeros(())
    for place in range(len(prompt), len(whole)):
        logits = network(torch.tensor([whole[:place]]))[0, -1]
        total = total + logits[whole[place]] - torch.log(torch.exp(logits).sum())
    return total, len(whole) - len(prompt)


def plain_loss(policy, reference, config: DpoConfig) -> torch.Tensor:
    """Equation 7 of the paper, written out."""
    losses = []
    for one in PAIRS:
        margins = []
        for model in (policy, reference):
            (first, n_first), (second, n_second) = (
                plain_logprob(model.network, model, one, reply) for reply in (one.first, one.second)
            )
            if config.length_normalised:
                first, second = first / n_first, second / n_second
            margins.append(first - second)
        ratio = config.beta * (margins[0] - margins[1].detach())
        odds = (
            one.p_first * (1 - config.label_smoothing) + (1 - one.p_first) * config.label_smoothing
        )
        losses.append(
            odds * torch.log(1 + torch.exp(-ratio)) + (1 - odds) * torch.log(1 + torch.exp(ratio))
        )
    return torch.stack(losses).mean()


class TestTrainDpo:
    @pytest.mark.parametrize(
        "config",
        [
            CONFIG,
            replace(CONFIG, beta=0.5, label_smoothing=0.1),
            replace(CONFIG, beta=2.0, length_normalised=True),
        ],
    )
    def test_agrees_with_the_equation_written_out(self, config):
        """Loss and gradient of a policy that has moved away from its reference."""
        reference, policy, again = make_policy(0), make_policy(1), make_policy(1)
        layout = word_layout(policy.tokenizer)
        (step,) = train_dpo(policy, PAIRS, layout, config, reference=reference)
        expected = plain_loss(again, reference, config)
        assert step.loss == pytest.approx(expected.item(), abs=1e-6)
        expected.backward()
        for name, parameter in again.network.named_parameters():
            assert parameter.grad is not None
            moved = parameter - 1e-2 * parameter.grad / (parameter.grad.abs() + 1)
            found = policy.network.get_parameter(name)
            torch.testing.assert_close(found, moved, atol=1e-6, rtol=1e-6)

    def test_begins_at_log_two(self):
        """A policy that is its own reference is undecided; accuracy is a coin's."""
        policy = make_policy()
        step = next(train_dpo(policy, PAIRS, word_layout(policy.tokenizer), CONFIG))
        assert step.loss == pytest.approx(math.log(2), abs=1e-6)
        assert step.accuracy == pytest.approx(0.5)
        assert step.margin == step.preferred == step.other == 0

    def test_comes_to_prefer(self):
        """Twenty epochs over hard labels; the reference is kept, so that margins are real."""
        policy, frozen = make_policy(), make_policy()
        layout = word_layout(policy.tokenizer)
        pairs = [replace(one, p_first=1.0) for one in PAIRS]
        config = replace(CONFIG, epochs=20, optimizer=OptimizerConfig(weight_decay=0.0))
        steps = list(train_dpo(policy, pairs, layout, config))
        assert steps[-1].accuracy == 1
        assert steps[-1].loss < 0.3 < steps[0].loss
        gain = reply_logprobs(policy, pairs, layout) - reply_logprobs(frozen, pairs, layout)
        assert ((gain[:, 0] - gain[:, 1]) > 5).all()

    def test_takes_log_probabilities_for_a_reference(self):
        """Kept from before, or from elsewhere; not those of other pairs."""
        reference, layout = make_policy(0), word_layout(make_policy().tokenizer)
        kept = reply_logprobs(reference, PAIRS, layout)
        losses = [
            next(train_dpo(make_policy(1), PAIRS, layout, CONFIG, reference=given)).loss
            for given in (reference, kept)
        ]
        assert losses[0] == pytest.approx(losses[1], abs=1e-6)
        with pytest.raises(InputError, match=r"shape \(2, 2\); there are 3 pairs"):
            train_dpo(make_policy(1), PAIRS, layout, CONFIG, reference=kept[:2])

    def test_refuses_a_reference_of_other_tokens(self):
        """Its log-probabilities would be of other texts."""
        policy, other = make_policy(), make_policy()
        words = word_tokenizer([*WORDS[:-2], "h", "g"])
        other = LanguageModel(other.network, words, origin="a test")
        with pytest.raises(InputError, match="different tokens"):
            train_dpo(policy, PAIRS, word_layout(policy.tokenizer), CONFIG, reference=other)


class TestEncodePair:
    def test_keeps_the_end_of_a_long_prompt_for_both(self):
        """Both replies answer the same words."""
        layout = word_layout(make_policy().tokenizer)
        one = pair("a b c d", "e", "f g h")
        whole = encode_pair(layout, one, 100)
        short = encode_pair(layout, one, 10)
        assert [len(text) for text in short.texts] == [9, 11]
        assert short.replies == whole.replies == (2, 4)
        for text, long in zip(short.texts, whole.texts, strict=True):
            assert long[-len(text) :] == text
        assert short.texts[0][:7] == short.texts[1][:7]

    def test_refuses_a_reply_that_fills_the_context(self):
        """There would be nothing that it answers."""
        layout = word_layout(make_policy().tokenizer)
        with pytest.raises(InputError, match="4 tokens and the context holds 3"):
            encode_pair(layout, pair("a", "b", "f g h"), 3)
