from dataclasses import replace

import pytest
from tests.models.variants import BASE

from glasshouse.errors import InputError
from glasshouse.models import (
    AttentionConfig,
    EndsConfig,
    LocalConfig,
    MlpConfig,
    PositionConfig,
    RotaryScaling,
    TransformerConfig,
    mini,
    nano,
    tiny,
)


def with_local(local: LocalConfig) -> TransformerConfig:
    return replace(BASE, attention=replace(BASE.attention, local=local))


class TestTransformerConfig:
    @pytest.mark.parametrize(
        ("contradiction", "named"),
        [
            (lambda: replace(BASE, d_model=18), "num_heads"),
            (lambda: replace(BASE, vocab_size=0), "vocab_size"),
            (lambda: replace(BASE, parallel=True, mlp=None), "parallel"),
            (lambda: replace(BASE, norm_epsilon=0.0), "norm_epsilon"),
            (lambda: AttentionConfig(num_heads=4, num_kv_heads=3), "num_kv_heads"),
            (lambda: AttentionConfig(num_heads=0), "num_heads"),
            (lambda: MlpConfig(d_mlp=0), "d_mlp"),
            (lambda: AttentionConfig(num_heads=4, score_cap=0.0), "score_cap"),
            (lambda: LocalConfig(window=0), "window"),
            (lambda: LocalConfig(window=3, global_layers=(2, 1)), "global_layers"),
            (lambda: with_local(LocalConfig(window=3, global_layers=(2,))), "global_layers"),
            (lambda: with_local(LocalConfig(window=3, rotary_base=9.0)), "rotary_base"),
            (lambda: EndsConfig(logit_cap=-1.0), "logit_cap"),
            (lambda: EndsConfig(embed_scale=0.0), "embed_scale"),
            (lambda: RotaryScaling(kind="linear", factor=0.5), "factor"),
            (lambda: RotaryScaling(kind="linear", factor=2.0, low=2.0), "linear"),
            (lambda: RotaryScaling(kind="llama3", factor=2.0, low=4.0), "low < high"),
            (
                lambda: PositionConfig(rotary_scaling=RotaryScaling(kind="linear", factor=2.0)),
                "rotary_scaling",
            ),
            (lambda: PositionConfig(kind="rotary", inject="queries_and_keys"), "inject"),
            (lambda: PositionConfig(kind="none", rotary_base=5.0), "rotary_base"),
            (lambda: PositionConfig(kind="rotary", rotary_fraction=0.0), "rotary_fraction"),
            (
                lambda: replace(BASE, positions=PositionConfig(kind="rotary", rotary_fraction=0.2)),
                "rotary",
            ),
        ],
    )
    def test_refuses_contradictions_by_name(self, contradiction, named):
        """A setting that cannot be honoured is an error at birth, not a surprise later."""
        with pytest.raises(InputError, match=named):
            contradiction()

    def test_knows_three_recipes(self):
        """The toy world's documents name these sizes."""
        shapes = [(c.num_layers, c.d_model) for c in (nano(10), tiny(10), mini(10))]
        assert shapes == [(2, 64), (3, 96), (4, 128)]
