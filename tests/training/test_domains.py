"""Sequences of a domain as batches."""

import pytest
import torch

from glasshouse.corpora import MarkovChain, Sums
from glasshouse.errors import InputError
from glasshouse.models import Transformer, nano
from glasshouse.training import ScheduleConfig, TrainConfig, domain_batches, train


def test_a_batch_is_a_function_of_seed_and_position():
    """Whoever resumes, or takes a share of a batch, sees the same sequences."""
    source = domain_batches(MarkovChain(), seed=3)
    whole = source(250, 12)
    parts = [source(first, 4) for first in (258, 250, 254)]
    again = torch.cat([parts[1].inputs, parts[2].inputs, parts[0].inputs])
    assert torch.equal(whole.inputs, again)
    assert torch.equal(whole.inputs[:, 1:], whole.targets[:, :-1])
    assert whole.mask is None
    assert not torch.equal(domain_batches(MarkovChain(), seed=4)(250, 12).inputs, whole.inputs)


def test_only_what_counts_is_learned():
    batch = domain_batches(Sums(digits=2), seed=0)(0, 5)
    assert batch.mask is not None
    assert batch.mask.shape == batch.targets.shape
    assert (batch.mask.sum(dim=1) == 4).all()  # three digits and the stop
    assert (batch.mask[:, -4:] == 1).all()


def test_a_limit_goes_round_in_new_orders():
    source = domain_batches(MarkovChain(), seed=0, limit=300)
    first, second = (
        [tuple(row) for row in source(start, 300).inputs.tolist()] for start in (0, 300)
    )
    assert sorted(first) == sorted(second)
    assert first != second
    with pytest.raises(InputError, match="limit=0"):
        domain_batches(MarkovChain(), seed=0, limit=0)


def test_a_chain_is_learned_down_to_its_entropy():
    """The loss ends between the entropy, which nobody beats, and the uniform guess."""
    chain = MarkovChain(symbols=4, sequence=24, concentration=0.2, seed=1)
    model = Transformer(nano(chain.vocab_size, context=24))
    config = TrainConfig(
        steps=120,
        batch_size=32,
        evaluate_every=0,
        precision="fp32",
        compile="no",
        schedule=ScheduleConfig(peak_lr=3e-3, warmup_steps=10),
    )
    losses = [step.loss for step in train(model, domain_batches(chain, seed=0), config)]
    end = sum(losses[-20:]) / 20
    assert chain.entropy.nats - 0.02 < end < chain.entropy.nats + 0.1
    assert losses[0] > end + 0.5
