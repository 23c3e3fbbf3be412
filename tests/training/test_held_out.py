"""Held-out loss by kind."""

import pytest
import torch
from tests.training.tiny_runs import VOCAB, make_model, make_shards
from torch import nn

from glasshouse.training import held_out_losses


class Repeats(nn.Module):
    """Predicts the last token again, with probability almost one."""

    def __init__(self):
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(30.0))

    def forward(self, ids):
        return nn.functional.one_hot(ids, VOCAB) * self.sharpness


class TestHeldOutLosses:
    def test_tells_kinds_apart(self):
        """Who only repeats is right inside documents that repeat and wrong in those that count."""
        losses = held_out_losses(Repeats(), make_shards(count=40), context=8)
        assert losses["same"] < losses["all"] < losses["count"]
        assert losses["count"] > 25

    def test_is_the_plain_mean_when_there_is_one_kind(self):
        """Against the model's own cross-entropy over the same windows."""
        network = make_model().network
        shards = make_shards(count=1)
        losses = held_out_losses(network, shards, context=4)
        ids = torch.from_numpy(shards.shards[0].tokens[:5].astype("int64"))[None]
        if len(shards.shards[0].tokens) < 9:  # one window
            expected = nn.functional.cross_entropy(network(ids[:, :-1])[0], ids[0, 1:])
            assert losses["all"] == pytest.approx(expected.item(), rel=1e-5)
        assert losses["all"] == losses["same"]

    def test_leaves_masked_targets_out(self):
        """Only what counts in training counts here."""
        masked = held_out_losses(Repeats(), make_shards(count=40, masked=True), context=8)
        # Masked documents count from their third token, so the jump into a document is left out.
        assert masked["same"] == pytest.approx(0.0, abs=1e-6)

    def test_reads_short_shards_with_a_shorter_context(self):
        """Ten held-out tokens are worth measuring with a context of 128 too."""
        assert held_out_losses(Repeats(), make_shards(count=2), context=128).keys() >= {"all"}

    def test_leaves_the_network_as_it_was(self):
        """Training goes on in training mode."""
        network = make_model().network.train()
        held_out_losses(network, make_shards(), context=8)
        assert network.training
        assert all(p.grad is None for p in network.parameters())
