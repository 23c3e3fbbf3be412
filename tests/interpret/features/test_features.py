"""Latents one by one: the right tokens, the right texts, the right neighbours."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.interpret.dictionaries.planted import Planted, sparse_magnitudes

from glasshouse.errors import InputError
from glasshouse.interpret.activations import Activations
from glasshouse.interpret.features import (
    coactivation,
    collect_entries,
    direction_map,
    feature_families,
    nearest_directions,
    report_latents,
)

AXES = Planted(torch.eye(6))


class Sparse(Planted):
    """The same dictionary, asked for its active latents only."""

    def encode_sparse(self, values):
        return self.encode(values).topk(4, dim=1)


def texts_of(tokens: int, length: int) -> Activations:
    """Texts of one length, whose token ids count up."""
    count = torch.arange(tokens)
    return Activations(values={}, ids=count % 50, document=count // length, position=count % length)


class TestCollectEntries:
    """Codes by column."""

    @settings(max_examples=20)
    @given(st.integers(1, 40), st.integers(0, 99), st.sampled_from([1, 7, 100]))
    def test_holds_what_is_not_zero(self, tokens, seed, batch_rows):
        """In order of tokens, whatever went through together."""
        values = sparse_magnitudes(tokens, 6, density=0.3, seed=seed)
        found = collect_entries(AXES, values, batch_rows=batch_rows)
        for latent in range(6):
            tokens_of, activations = found.of(latent)
            assert tokens_of.tolist() == values[:, latent].nonzero().flatten().tolist()
            assert activations.tolist() == values[tokens_of, latent].tolist()
        assert found.density.tolist() == pytest.approx((values > 0).double().mean(dim=0).tolist())

    def test_is_the_same_from_active_latents_alone(self):
        """Dense or sparse, all latents or some."""
        values = sparse_magnitudes(60, 6, density=0.2, seed=1)
        values[(values > 0).sum(dim=1) > 4] = 0
        dense = collect_entries(AXES, values, latents=[4, 1])
        sparse = collect_entries(Sparse(torch.eye(6)), values, latents=[4, 1])
        assert dense.latents.tolist() == sparse.latents.tolist() == [1, 4]
        for latent in (1, 4):
            for one, other in zip(dense.of(latent), sparse.of(latent), strict=True):
                assert np.array_equal(one, other)

    def test_refuses_latents_that_are_not_there(self):
        """Or were not collected."""
        values = torch.ones(2, 6)
        with pytest.raises(InputError, match="0 to 5"):
            collect_entries(AXES, values, latents=[6])
        with pytest.raises(InputError, match="latent 2 was not collected"):
            collect_entries(AXES, values, latents=[1, 3]).of(2)
        with pytest.raises(InputError, match="no values"):
            collect_entries(AXES, torch.ones(0, 6))


class TestReportLatents:
    """Examples and histogram."""

    def test_shows_the_strongest_one_a_text(self):
        """With the text around it, and the latent's activation on all of that."""
        values = torch.zeros(40, 6)
        values[[3, 4, 12, 25], 0] = torch.tensor([5.0, 4.0, 3.0, 2.0])
        (report,) = report_latents(
            collect_entries(AXES, values), texts_of(40, 10), [0], num_top=3, window=(2, 1)
        )
        assert [example.token for example in report.top] == [3, 12, 25]
        first = report.top[0]
        assert first.ids.tolist() == [1, 2, 3, 4]
        assert first.activations.tolist() == [0, 0, 5, 4]
        assert (first.place, first.document, report.maximum) == (2, 0, 5)

    def test_takes_more_of_a_text_when_texts_run_out(self):
        """Strongest first."""
        values = torch.zeros(20, 6)
        values[[3, 4, 12], 0] = torch.tensor([5.0, 4.0, 3.0])
        (report,) = report_latents(collect_entries(AXES, values), texts_of(20, 10), [0], num_top=3)
        assert [example.token for example in report.top] == [3, 4, 12]

    def test_stays_inside_a_text(self):
        """What stands in the next text has nothing to do with it."""
        values = torch.zeros(20, 6)
        values[[9, 10], 0] = 1.0
        reports = report_latents(collect_entries(AXES, values), texts_of(20, 10), [0])
        assert sorted(len(example.ids) for example in reports[0].top) == [9, 10]

    def test_draws_from_every_part_of_the_range(self):
        """The weak ones too; the same for the same seed."""
        values = torch.zeros(500, 6)
        values[:, 2] = torch.linspace(0.01, 1, 500)
        entries = collect_entries(AXES, values)
        report, again = (report_latents(entries, texts_of(500, 10), [2])[0] for _ in range(2))
        for number, part in enumerate(report.by_interval):
            assert len(part) == 4
            assert all(number / 5 <= example.activation <= (number + 1) / 5 for example in part)
        tokens = [[e.token for part in r.by_interval for e in part] for r in (report, again)]
        assert tokens[0] == tokens[1]
        assert report.histogram.sum() == 500

    def test_says_of_a_silent_latent_that_it_is_silent(self):
        """Nothing to show is not an error."""
        (report,) = report_latents(collect_entries(AXES, torch.zeros(20, 6)), texts_of(20, 10), [5])
        assert (report.density, report.maximum, report.top) == (0, 0, ())
        assert report.histogram.sum() == 0

    def test_refuses_other_texts(self):
        """Rows would be shown with words that are not theirs."""
        with pytest.raises(InputError, match="the same rows"):
            report_latents(collect_entries(AXES, torch.ones(20, 6)), texts_of(10, 10), [0])


class TestNeighbours:
    """Who writes alike, who speaks together."""

    def test_finds_the_nearest_direction(self):
        """Itself left out."""
        rows = torch.tensor([[1.0, 0, 0], [0.9, 0.1, 0], [0, 0, 1]])
        found = nearest_directions(Planted(torch.nn.functional.normalize(rows, dim=1)), 1)
        assert found.latents[:2].flatten().tolist() == [1, 0]
        with pytest.raises(InputError, match="k=3"):
            nearest_directions(Planted(torch.eye(3)), 3)
        with pytest.raises(InputError, match="different values"):
            nearest_directions(AXES, 1, among=Planted(torch.eye(3)))

    def test_finds_who_speaks_together(self):
        """By the share of tokens that two have in common."""
        values = torch.zeros(10, 6)
        values[:4, 0] = values[:5, 1] = values[3:9, 2] = 1
        found = coactivation(collect_entries(AXES, values), 1)
        assert found.latents[0].item() == 1
        assert found.likeness[0].item() == pytest.approx(4 / 5)

    def test_finds_who_has_split(self):
        """One into two, one kept, one gone, one new."""
        small = Planted(torch.eye(6)[:3])
        rows = torch.stack(
            [
                torch.tensor([1.0, 0, 0, 0.3, 0, 0]),
                torch.tensor([1.0, 0, 0, -0.3, 0, 0]),
                torch.tensor([0.0, 1, 0, 0, 0, 0]),
                torch.tensor([0.0, 0, 0, 0, 0, 1]),
            ]
        )
        large = Planted(torch.nn.functional.normalize(rows, dim=1))
        found = feature_families(small, large)
        assert found.children.tolist() == [2, 1, 0]
        assert found.parent.tolist() == [0, 0, 1, -1]

    def test_maps_like_directions_together(self):
        """Two bundles stay apart."""
        chance = torch.Generator().manual_seed(0)
        rows = torch.eye(8)[torch.arange(40) % 2] + 0.05 * torch.randn(40, 8, generator=chance)
        found = direction_map(rows)
        one, other = found.coordinates[::2], found.coordinates[1::2]
        apart = np.linalg.norm(one.mean(0) - other.mean(0))
        assert apart > 2 * one.std(0).max()
        assert found.method in ("UMAP", "t-SNE")
        with pytest.raises(InputError, match="4 or more"):
            direction_map(rows[:3])
