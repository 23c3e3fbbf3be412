import pytest
import torch
from torch import nn

from glasshouse.errors import InputError
from glasshouse.models import Transformer
from glasshouse.models.transformer import initialise
from glasshouse.scaling import Shape, coordinate_check, mup_factors, mup_groups, mup_initialise

BASE = Shape(d_model=16, num_layers=2, vocab_size=16, context=8)
WIDE = Shape(d_model=64, num_layers=2, vocab_size=16, context=8)


class TestMup:
    def test_changes_nothing_at_the_base_width(self):
        """A rate that was tuned there means what it meant."""
        ours, usual = Transformer(BASE.config), Transformer(BASE.config)
        mup_initialise(ours, torch.Generator().manual_seed(3), base_width=16)
        initialise(usual, torch.Generator().manual_seed(3))
        for one, other in zip(ours.parameters(), usual.parameters(), strict=True):
            assert torch.equal(one, other)
        assert [group["lr"] for group in mup_groups(ours, lr=0.1, base_width=16)] == [0.1]

    def test_slows_matrices_with_their_fan_in(self):
        """At four times the width: matrices a quarter, tables and biases as before, the last norm
        a quarter in start and rate."""
        factors = mup_factors(Transformer(WIDE.config), 16)
        assert factors["blocks.0.attn.q.weight"].lr == 0.25
        assert factors["blocks.1.mlp.down.weight"].start == 0.5
        assert factors["embed.weight"].lr == factors["blocks.0.mlp.up.bias"].lr == 1
        assert factors["final_norm.weight"].start == factors["final_norm.bias"].lr == 0.25

    def test_gives_every_parameter_one_group(self):
        """None is trained twice, none is left out."""
        network = Transformer(WIDE.config)
        groups = mup_groups(network, lr=0.1, base_width=16)
        some = [id(p) for group in groups for p in group["params"]]
        assert sorted(some) == sorted(id(p) for p in network.parameters())
        assert sorted(group["lr"] for group in groups) == pytest.approx([0.025, 0.1])

    def test_scales_the_unembedding_where_it_is_its_own(self):
        """Untied, the last matrix carries the factor and the last norm does not."""
        from dataclasses import replace

        factors = mup_factors(Transformer(replace(WIDE.config, tied=False)), 16)
        assert factors["unembed.weight"].start == factors["unembed.weight"].lr == 0.25
        assert factors["final_norm.weight"].lr == 1

    def test_refuses_gains_kept_as_differences(self):
        """A gain of 1 + w cannot start at a quarter by scaling w."""
        from dataclasses import replace

        network = Transformer(replace(WIDE.config, norm="rms_plus_one"))
        with pytest.raises(InputError, match="rms_plus_one"):
            mup_factors(network, 16)


class TestCoordinateCheck:
    def test_tells_mup_from_the_usual_start(self):
        """Under μP what three steps change keeps its size from width 32 to 128; with one rate for
        all it grows."""
        shape = Shape(d_model=32, num_layers=1, vocab_size=16, context=8)
        widths = (32, 64, 128)
        ours = coordinate_check(shape, widths, batch=4, seeds=(0, 1))
        usual = coordinate_check(shape, widths, rule="standard", batch=4, seeds=(0, 1))
        assert abs(ours.worst) < 0.3
        assert usual.exponents["logits"] > 0.4
        assert usual.exponents["blocks.0"] > 0.8

    def test_leaves_no_hooks(self):
        """A check borrows; afterwards a network is as it was."""
        shape = Shape(d_model=16, num_layers=1, vocab_size=8, context=4)
        coordinate_check(shape, (16, 24, 32), steps=1, batch=2, seeds=(0,))
        assert not nn.modules.module._global_forward_hooks

    def test_refuses_two_widths(self):
        """Two points show no power."""
        with pytest.raises(InputError, match="at least three"):
            coordinate_check(BASE, (16, 32))
