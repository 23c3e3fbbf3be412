"""Baselines are what they say, and comparable with a learned dictionary."""

import pytest
import torch
from tests.interpret.dictionaries.planted import sparse_magnitudes

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.baselines import fit_baseline, principal_components
from glasshouse.interpret.dictionaries.coder import Coder
from glasshouse.interpret.dictionaries.metrics import mean_max_cosine, measure_rebuilding


def mixed(tokens: int = 800, density: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows made of six orthogonal directions, and the directions."""
    basis = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(3))).Q
    return sparse_magnitudes(tokens, 6, density=density, seed=1) @ basis, basis


class TestFitBaseline:
    """One interface for all."""

    @pytest.mark.parametrize("name", ["pca", "ica", "nmf", "random", "axes"])
    def test_gives_a_coder(self, name):
        """Unit directions, codes that are never negative, finite reconstructions."""
        values, _ = mixed()
        coder = fit_baseline(name, values, 12)
        assert isinstance(coder, Coder)
        codes = coder.encode(values)
        assert codes.shape == (800, coder.num_latents) == (800, 12)
        assert (codes >= 0).all()
        torch.testing.assert_close(coder.directions.norm(dim=1), torch.ones(12))
        assert coder.decode(codes).isfinite().all()
        assert measure_rebuilding(coder, values).explained_variance > 0

    @pytest.mark.parametrize("name", ["pca", "ica", "axes"])
    def test_rebuilds_all_where_directions_span_the_value(self, name):
        """Both ways round, nothing is clipped away."""
        values, _ = mixed()
        assert measure_rebuilding(fit_baseline(name, values, 12), values).explained_variance == (
            pytest.approx(1, abs=1e-3)
        )

    def test_finds_sparse_directions_by_independence(self):
        """ICA does where features are no more than dimensions; PCA does not."""
        values, basis = mixed(3000, density=0.05)
        found = {
            n: mean_max_cosine(basis, fit_baseline(n, values, 12).directions)
            for n in ("ica", "pca")
        }
        assert found["ica"].mean() > 0.98
        assert found["pca"].mean() < 0.95

    def test_keeps_the_most_active(self):
        """To be as sparse as what it is compared with."""
        values, _ = mixed()
        coder = principal_components(values).keeping(2)
        assert measure_rebuilding(coder, values).l0 <= 2
        with pytest.raises(InputError, match="k=13"):
            coder.keeping(13)

    @pytest.mark.parametrize(
        ("values", "name", "sentence"),
        [
            (torch.ones(1, 4), "pca", "two rows or more"),
            (torch.full((5, 4), float("nan")), "random", "NaN"),
            (torch.ones(5, 4), "best", "no baseline 'best'"),
        ],
    )
    def test_refuses_what_it_cannot_learn_from(self, values, name, sentence):
        """In one sentence."""
        with pytest.raises(InputError, match=sentence):
            fit_baseline(name, values, 4)
