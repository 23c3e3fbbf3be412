"""Lists that a model lengthens, and pairs of replies that a policy writes."""

import pytest
import torch

from glasshouse.align.principles.questions import expand, sample_pairs
from glasshouse.align.talks.dialogues import Turn, word_layout
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, SamplingConfig, Transformer, word_tokenizer
from glasshouse.models.config import AttentionConfig, MlpConfig, TransformerConfig

WORDS = ("<doc>", "<end>", "Human", "Assistant", ":", "hi", "good", "bad", "sun", "rain", ".")
END = WORDS.index("<end>")


def model(*, seed: int = 0) -> LanguageModel:
    """A network that knows nothing."""
    tokenizer = word_tokenizer(list(WORDS), end_token="<end>")
    config = TransformerConfig(
        vocab_size=len(WORDS),
        context=48,
        num_layers=1,
        d_model=16,
        attention=AttentionConfig(num_heads=2),
        mlp=MlpConfig(d_mlp=32),
    )
    network = Transformer(config, generator=torch.Generator().manual_seed(seed)).eval()
    return LanguageModel(network, tokenizer, "a test")


def told(examples) -> str:
    return "<doc> " + " <end> ".join(examples) + " <end>"


class TestExpand:
    def test_keeps_what_is_new_and_well_formed(self):
        """Each entry once, none of the seeds."""
        found = expand(
            model(),
            ["sun", "rain", "hi"],
            told,
            num=12,
            shots=2,
            keep=lambda text: text in ("good", "bad", "sun", "."),
            max_new_tokens=3,
            tries=40,
        )
        assert set(found.texts) == {"good", "bad", "."}
        assert len(found.texts) == 3
        assert found.written == 480
        assert 0 < found.yielded < 0.1

    def test_stops_when_there_is_enough(self):
        """One round of 64 suffices for one entry."""
        found = expand(model(), ["sun", "rain"], told, num=1, shots=1, max_new_tokens=4, tries=1000)
        assert len(found.texts) == 1
        assert found.written <= 128

    def test_refuses_more_examples_than_there_are(self):
        """Examples are drawn without repeats."""
        with pytest.raises(InputError, match="shots=3"):
            expand(model(), ["sun", "rain"], told, num=1)


class TestSamplePairs:
    SAMPLING = SamplingConfig(max_new_tokens=30, stop_ids=(END,))

    def test_are_two_different_replies(self):
        """Each to its own prompt, the same whoever stands beside."""
        policy = model()
        layout = word_layout(policy.tokenizer)
        prompts = [(Turn("human", word),) for word in ("sun", "rain", "hi", "good")]
        found = sample_pairs(policy, prompts, layout, sampling=self.SAMPLING)
        assert found.places
        for place, one in zip(found.places, found.comparisons, strict=True):
            assert one.prompt == prompts[place]
            assert one.first != one.second
            assert one.p_first == 0.5
        assert 0 < found.diversity <= 1
        again = sample_pairs(policy, prompts, layout, sampling=self.SAMPLING)
        assert again == found

    def test_refuses_a_policy_that_always_says_the_same(self):
        """Greedy replies never differ."""
        policy = model()
        layout = word_layout(policy.tokenizer)
        greedy = SamplingConfig(max_new_tokens=4, temperature=0, stop_ids=(END,))
        with pytest.raises(InputError, match="none got two different replies"):
            sample_pairs(policy, [(Turn("human", "sun"),)], layout, sampling=greedy)
        with pytest.raises(InputError, match="no prompts"):
            sample_pairs(policy, [], layout, sampling=greedy)
