from dataclasses import replace

from tests.models.variants import BASE, LLAMA, VARIANTS

from glasshouse.models import Transformer, count_params, flops_per_token


class TestCountParams:
    def test_counts_gpt_by_hand(self):
        """d=16, 4x4 heads, mlp 24, 2 layers, biases, tied, 23 tokens, 12 positions."""
        attention = 4 * (16 * 16 + 16)
        mlp = 16 * 24 + 24 + 24 * 16 + 16
        block = attention + mlp + 2 * 2 * 16
        model = Transformer(BASE)
        assert count_params(model) == 2 * block + 2 * 16
        assert count_params(model, "all") == 2 * block + 2 * 16 + (23 + 12) * 16

    def test_counts_every_parameter_once(self):
        """With `all`, the sum over the module's own list, which merges shared ones."""
        for config in VARIANTS.values():
            model = Transformer(config)
            assert count_params(model, "all") == sum(p.numel() for p in model.parameters())


class TestFlopsPerToken:
    def test_is_six_for_each_matrix_weight(self):
        """Kaplan's 6N, with N the weights of a bias-free model without its norms."""
        model = Transformer(LLAMA)
        weights = sum(p.numel() for n, p in model.blocks.named_parameters() if "norm" not in n)
        assert flops_per_token(LLAMA) == 6 * weights

    def test_adds_attention_and_unembedding(self):
        """By hand: 3·(4·L·T·d_attn + 2·d·V) on top."""
        exact = flops_per_token(BASE, "exact_with_attention_and_unembed", seq=10)
        assert exact - flops_per_token(BASE) == 3 * (4 * 2 * 10 * 16 + 2 * 16 * 23)

    def test_needs_only_the_unembedding_without_layers(self):
        """A bigram model has no blocks to pay for."""
        bigram = replace(BASE, num_layers=0)
        assert flops_per_token(bigram) == 0
