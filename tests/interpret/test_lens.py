"""Lenses, against the final norm and the unembedding themselves."""

import pytest
import torch
from tests.interpret.hooks import hooked
from tests.interpret.subjects import FAMILIES, graph, network, token_ids

from glasshouse.errors import InputError, RunError
from glasshouse.interpret import (
    TunedLens,
    TunedLensConfig,
    logit_lens,
    train_tuned_lens,
    tuned_lens,
)
from glasshouse.interpret.lens import divergence


class TestLogitLens:
    @pytest.mark.parametrize("variant", FAMILIES)
    def test_reads_every_layer_as_the_last_is_read(self, variant):
        """By hooks on the blocks; the last layer's are the model's own logits."""
        model, ids = network(variant), token_ids(2, 6)
        found = logit_lens(graph(variant), ids)
        with torch.no_grad():
            expected = model.unembed(model.final_norm(hooked(model, "blocks.0", ids)))
            assert torch.allclose(found[0], expected, atol=1e-5)
            assert torch.allclose(found[1], model(ids), atol=1e-5)

    def test_reads_one_place_and_the_embeddings(self):
        """A place alone gives what it gives among the others."""
        ids = token_ids(2, 6)
        found = logit_lens(graph("gpt"), ids, site="blocks.*.resid_pre", pos=-2)
        assert found.shape == (2, 2, 1, 23)
        assert torch.allclose(found[1, :, 0], logit_lens(graph("gpt"), ids)[0][:, -2], atol=1e-5)

    def test_refuses_a_model_without_layers(self):
        """There is nothing to look behind."""
        with pytest.raises(InputError, match="num_layers=0"):
            logit_lens(network("bigram"), [1, 2])


class TestTunedLens:
    def test_begins_as_the_logit_lens(self):
        """Zero translators move nothing."""
        lens = TunedLens(torch.zeros(2, 16, 16), torch.zeros(2, 16))
        ids = token_ids(2, 6)
        assert torch.equal(tuned_lens(graph("gpt"), ids, lens), logit_lens(graph("gpt"), ids))

    def test_translates_by_hand(self):
        """x + W x + b, layer by layer."""
        lens = TunedLens(torch.tensor([[[0.0, 1], [0, 0]]]), torch.tensor([[10.0, 20]]))
        found = lens.translated(torch.tensor([[[[1.0, 2]]]]))
        assert found.flatten().tolist() == [13, 22]

    def test_comes_nearer_to_the_model_than_the_logit_lens(self, tmp_path):
        """On texts that it was not trained on; saved and read back it is the same lens."""
        texts, unseen = token_ids(64, 8), token_ids(16, 8, seed=3)
        config = TunedLensConfig(steps=60, batch_size=8, peak_lr=1e-2)
        *_, last = train_tuned_lens(graph("gpt"), texts, config)
        final = network("gpt")(unseen).detach()
        before = divergence(final, logit_lens(graph("gpt"), unseen))
        after = divergence(final, tuned_lens(graph("gpt"), unseen, last.lens))
        assert after[0] < 0.7 * before[0]
        assert before[1] == pytest.approx(0, abs=1e-5)
        assert after[1] == pytest.approx(0, abs=1e-3)
        last.lens.save(tmp_path / "lens.safetensors")
        again = TunedLens.load(tmp_path / "lens.safetensors")
        assert torch.equal(again.weight, last.lens.weight)
        assert torch.equal(again.bias, last.lens.bias)

    def test_leaves_the_model_alone(self):
        """No gradient reaches the weights, and a run is a function of its seed."""
        texts, config = token_ids(8, 8), TunedLensConfig(steps=2, batch_size=4)
        first, second = (
            [step.divergence for step in train_tuned_lens(graph("gpt"), texts, config)]
            for _ in range(2)
        )
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        assert all(parameter.grad is None for parameter in network("gpt").parameters())

    def test_refuses_other_models_and_files(self, tmp_path):
        """A lens for three layers; a file that is none; a truncated one."""
        lens = TunedLens(torch.zeros(3, 16, 16), torch.zeros(3, 16))
        with pytest.raises(InputError, match="3 layers of width 16, the model has 2"):
            tuned_lens(graph("gpt"), [1, 2], lens)
        with pytest.raises(RunError, match="cannot be read"):
            TunedLens.load(tmp_path / "nowhere")
        (tmp_path / "half").write_bytes(b"\x10\x00")
        with pytest.raises(RunError, match="cannot be read"):
            TunedLens.load(tmp_path / "half")

    @pytest.mark.parametrize("change", [{"steps": 0}, {"batch_size": 0}, {"peak_lr": 0.0}])
    def test_refuses_training_that_cannot_be(self, change):
        """At birth."""
        with pytest.raises(InputError, match=next(iter(change))):
            TunedLensConfig(**change)
