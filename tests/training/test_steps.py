"""One optimizer step's loss and gradients."""

import math

import pytest
import torch
from tests.training.tiny_runs import CONTEXT, VOCAB, make_model
from torch import nn

from glasshouse.training import Batch
from glasshouse.training.distributed import Processes
from glasshouse.training.steps import (
    SummedLoss,
    accumulate_gradients,
    clip_gradients,
    token_losses,
)


def make_batch(rows: int, *, seed: int = 0, mask: torch.Tensor | None = None) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(VOCAB, (rows, CONTEXT + 1), generator=generator)
    return Batch(ids[:, :-1], ids[:, 1:], mask)


def rows_of(batch: Batch, rows: slice) -> Batch:
    mask = None if batch.mask is None else batch.mask[rows]
    return Batch(batch.inputs[rows], batch.targets[rows], mask)


def gradients(batches: list[Batch]) -> tuple[float, list[torch.Tensor]]:
    network = make_model().network
    loss = accumulate_gradients(SummedLoss(network, "fp32"), batches, Processes())
    return loss.item(), [p.grad for p in network.parameters() if p.grad is not None]


class TestTokenLosses:
    def test_is_log_vocab_when_all_tokens_are_alike(self):
        """Equal logits over V tokens cost log V nats each."""
        losses = token_losses(torch.zeros(2, 3, 7), torch.zeros(2, 3, dtype=torch.int64))
        assert losses.flatten().tolist() == pytest.approx([math.log(7)] * 6)


class TestAccumulateGradients:
    def test_does_not_depend_on_the_number_of_micro_batches(self):
        """With uneven masks too: the mean is over all counted targets, not over batches."""
        generator = torch.Generator().manual_seed(1)
        mask = (torch.rand(4, CONTEXT, generator=generator) < 0.3).float()
        mask[:2] = 0  # a micro-batch that counts for nothing
        batch = make_batch(4, mask=mask)
        loss, whole = gradients([batch])
        split_loss, split = gradients([rows_of(batch, slice(0, 2)), rows_of(batch, slice(2, 4))])
        # Sums in another order differ in float32's last digits.
        assert split_loss == pytest.approx(loss, rel=1e-6)
        for a, b in zip(whole, split, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)

    def test_is_the_mean_over_the_counted_targets(self):
        """Against a direct computation with the mask as an index."""
        mask = torch.zeros(2, CONTEXT)
        mask[0, 3], mask[1, 5] = 1.0, 1.0
        batch = make_batch(2, mask=mask)
        logits = make_model().network(batch.inputs)
        expected = nn.functional.cross_entropy(logits[mask > 0], batch.targets[mask > 0])
        assert gradients([batch])[0] == pytest.approx(expected.item(), rel=1e-6)

    def test_survives_a_batch_that_counts_nothing(self):
        """A step without a counted target has loss 0 and gradient 0, not NaN."""
        loss, grads = gradients([make_batch(2, mask=torch.zeros(2, CONTEXT))])
        assert loss == 0
        assert all(grad.abs().max() == 0 for grad in grads)

    def test_needs_no_logits_where_nothing_counts(self):
        """The same loss and gradients from the targets that count, and some that weigh nothing."""
        mask = (torch.arange(CONTEXT) % 3 == 0).float().expand(4, CONTEXT)
        batch = make_batch(4, mask=mask)
        loss, grads = gradients([batch])
        network = make_model().network
        program = SummedLoss(network, "fp32", most_targets=int(mask.sum()) + 2)
        found = accumulate_gradients(program, [batch], Processes())
        assert found.item() == pytest.approx(loss, rel=1e-6)
        for parameter, grad in zip(network.parameters(), grads, strict=True):
            torch.testing.assert_close(parameter.grad, grad, atol=1e-6, rtol=1e-5)

    def test_multiplies_in_bf16_when_told(self):
        """The loss is near float32's and not equal to it; gradients stay float32."""
        network = make_model().network
        batch = make_batch(4)
        loss = SummedLoss(network, "bf16")(batch.inputs, batch.targets, None)
        exact = SummedLoss(network, "fp32")(batch.inputs, batch.targets, None)
        assert loss.item() == pytest.approx(exact.item(), rel=1e-2)
        assert loss.item() != exact.item()
        loss.backward()
        assert {p.grad.dtype for p in network.parameters() if p.grad is not None} == {torch.float32}


class TestClipGradients:
    @pytest.mark.parametrize(
        ("max_norm", "expected"), [(10.0, [3.0, 4.0]), (1.0, [0.6, 0.8]), (None, [3.0, 4.0])]
    )
    def test_scales_the_global_norm_down(self, max_norm, expected):
        """By hand: two gradients 3 and 4 have norm 5."""
        parameters = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
        for parameter, gradient in zip(parameters, (3.0, 4.0), strict=True):
            parameter.grad = torch.tensor([gradient])
        assert clip_gradients(parameters, max_norm).item() == pytest.approx(5.0)
        found = [p.grad.item() for p in parameters if p.grad is not None]
        assert found == pytest.approx(expected, rel=1e-5)
