"""Probes beside probes of nothing."""

import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.interpret.probing import probe_with_controls


def rows(seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Six hundred tokens of twelve kinds in texts of ten; labels are noise to begin with."""
    chance = torch.Generator().manual_seed(seed)
    types = torch.randint(12, (600,), generator=chance)
    noise = torch.randn(600, 6, generator=chance)
    labels = torch.rand(600, generator=chance) < 0.4
    return types, noise, labels, torch.arange(600) // 10


class TestProbeWithControls:
    def test_is_selective_where_the_value_has_the_property(self):
        """A property that is written into the value is read; coins of kinds are not."""
        types, noise, labels, document = rows()
        values = noise + 3 * labels[:, None] * torch.eye(6)[0]
        found = probe_with_controls("mass-mean", values, labels, document, types)
        assert found.accuracy > 0.9
        assert len(found.controls) == 3
        assert found.control < 0.65
        assert found.selectivity == pytest.approx(found.accuracy - found.control)

    def test_is_not_selective_where_the_value_has_the_word(self):
        """A value that tells kinds apart lets a probe learn any labels of kinds."""
        types, noise, _, document = rows()
        values = torch.nn.functional.one_hot(types, 12).float() + 0.01 * noise.repeat(1, 2)
        labels = types < 5
        found = probe_with_controls("logistic", values, labels, document, types)
        assert found.accuracy > 0.95
        assert found.selectivity < 0.05

    def test_has_no_control_for_one_kind(self):
        """A coin that falls on one side only controls nothing: chance stands in."""
        _, noise, labels, document = rows()
        values = noise + 3 * labels[:, None]
        found = probe_with_controls("ridge", values, labels, document, torch.zeros(600).long())
        assert found.controls == ()
        assert found.control == 0.5

    def test_refuses_a_half_without_the_property(self):
        """Fitting and scoring both need either label."""
        types, noise, _, document = rows()
        with pytest.raises(InputError, match="odd numbers are all alike"):
            probe_with_controls("ridge", noise, (document == 0), document, types)
