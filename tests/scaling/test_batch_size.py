import numpy as np
import pytest
import torch
from torch import nn

from glasshouse.errors import InputError
from glasshouse.scaling import (
    FitConfig,
    at_critical_batch,
    batch_law,
    critical_batch,
    gradient_noise,
    noise_scale,
)
from glasshouse.training import Batch

QUICK = FitConfig(draws=100)


def norms(*, signal, noise, batch, draws, seed):
    """Squared norms of gradients of 50 dimensions."""
    rng = np.random.default_rng([seed, batch])
    mean = np.full(50, np.sqrt(signal / 50))
    scatter = rng.standard_normal((draws, 50)) * np.sqrt(noise / 50 / batch)
    return ((mean + scatter) ** 2).sum(axis=1)


class TestNoiseScale:
    def test_finds_the_noise_that_was_put_in(self):
        """Signal 1 and noise 200 make a batch of 200, inside the interval about as often as it
        says."""
        hits = []
        for seed in range(40):
            pairs = [norms(signal=1, noise=200, batch=b, draws=200, seed=seed) for b in (20, 400)]
            found = noise_scale(*pairs, small_batch=20, large_batch=400, config=QUICK)
            assert found.value == pytest.approx(200, rel=0.15)
            hits.append(found.low < 200 < found.high)
        assert np.mean(hits) >= 0.8

    def test_refuses_few_draws(self):
        """A ratio of two noisy means is biased."""
        with pytest.raises(InputError, match="at least 50"):
            noise_scale(np.ones(9), np.ones(9), small_batch=1, large_batch=2)

    def test_refuses_a_gradient_drowned_in_noise(self):
        """No batch size follows from nothing."""
        pairs = [norms(signal=1e-4, noise=200, batch=b, draws=60, seed=0) for b in (2, 4)]
        with pytest.raises(InputError, match="not seen through its noise"):
            noise_scale(*pairs, small_batch=2, large_batch=4, config=QUICK)

    def test_is_read_off_a_network(self):
        """Logits that know one of two even tokens as likelier: the gradient is known."""
        network = nn.Sequential(nn.Embedding(1, 2))
        nn.init.zeros_(network[0].weight)
        network[0].weight.data[0, 0] = 2.0
        generator = torch.Generator().manual_seed(0)
        batches = [
            Batch(
                torch.zeros(64, 1, dtype=torch.long),
                torch.randint(0, 2, (64, 1), generator=generator),
            )
            for _ in range(60)
        ]
        p = float(torch.tensor([2.0, 0.0]).softmax(0)[0])
        truth = 0.25 / (p - 0.5) ** 2  # variance of the target over the squared mean gradient
        found = gradient_noise(network, batches, parts=8, config=QUICK)
        assert found.value == pytest.approx(truth, rel=0.35)
        assert found.low < truth < found.high


class TestCriticalBatch:
    def test_finds_the_bend(self):
        """Steps and examples of six batches on the hyperbola, two percent of noise."""
        batches = np.geomspace(8, 8192, 6)
        steps = 1000 * (1 + 256 / batches)
        noise = np.exp(0.02 * np.random.default_rng(0).standard_normal(6))
        found = critical_batch(steps * noise, steps * noise * batches, QUICK)
        assert found["B_crit"].value == pytest.approx(256, rel=0.15)
        assert found["S_min"].value == pytest.approx(1000, rel=0.1)
        assert found["E_min"].value == pytest.approx(256_000, rel=0.15)

    def test_refuses_batches_on_one_side(self):
        """Very large batches show S_min, and no bend."""
        batches = np.geomspace(1e6, 1e7, 5)
        steps = 1000 * (1 + 16 / batches)
        with pytest.raises(InputError, match="critical batch lies"):
            critical_batch(steps, steps * batches, QUICK)

    def test_turns_a_run_into_the_least_that_would_do(self):
        """At the critical batch, twice the least steps and twice the least compute."""
        assert at_critical_batch(steps=10, compute=8.0, batch=64, critical=64) == (5, 4)


class TestBatchLaw:
    def test_recovers_kaplan_et_al(self):
        """Points of the published law, five percent of noise."""
        losses = np.linspace(2.5, 6, 8)
        noise = np.exp(0.05 * np.random.default_rng(0).standard_normal(8))
        found = batch_law(losses, 2e8 / losses ** (1 / 0.21) * noise, QUICK)
        assert found["alpha_B"].value == pytest.approx(0.21, rel=0.1)
        assert found["alpha_B"].low < 0.21 < found["alpha_B"].high

    def test_refuses_a_batch_that_does_not_rise(self):
        """Then there is no law."""
        with pytest.raises(InputError, match="does not rise"):
            batch_law(np.array([2.0, 3, 4, 5]), np.array([5.0, 6, 7, 8]), QUICK)
