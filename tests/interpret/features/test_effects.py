"""What latents do to an answer: exact where it can be worked out, and estimates beside it."""

import numpy as np
import pytest
import torch
from tests.interpret import subjects
from tests.interpret.dictionaries.planted import Planted

from glasshouse.errors import InputError
from glasshouse.interpret.features import (
    collect_entries,
    latent_ablation,
    latent_attribution,
    neuron_correlation,
    specificity,
    top_overlap,
)
from glasshouse.interpret.metrics import logit_difference

NAME = "blocks.1.resid_post"
METRIC = logit_difference(3, 5)


def axes() -> Planted:
    width = subjects.network("gpt").config.d_model
    return Planted(torch.cat([torch.eye(width), -torch.eye(width)]))


class TestLatentAblation:
    """One latent away at one token."""

    def test_measures_what_taking_the_direction_away_changes(self):
        """Against a run in which the value was changed by hand."""
        graph, ids = subjects.graph("gpt"), subjects.token_ids(2, 6)
        value = graph.run(ids, fetch=NAME)[NAME]
        found = latent_ablation(graph, ids, NAME, axes(), METRIC, [(5, 2), (5, 4), (3, 0)])
        for place, (token, latent) in enumerate([(5, 2), (5, 4), (3, 0)]):
            changed = value.clone()
            changed[:, token, latent] -= value[:, token, latent].relu()
            logits = [
                graph.run(ids, fetch="logits", feed=f)["logits"][:, -1]
                for f in ({}, {NAME: changed})
            ]
            wanted = METRIC.of(logits[0]) - METRIC.of(logits[1])
            torch.testing.assert_close(found[place], wanted, rtol=1e-4, atol=1e-5)

    def test_is_nothing_where_the_token_cannot_matter(self):
        """Behind the last layer, only the last token makes the next one's logits."""
        ids = subjects.token_ids(1, 6)
        found = latent_ablation(subjects.graph("gpt"), ids, NAME, axes(), METRIC, [(2, 0), (2, 1)])
        assert found.abs().max() < 1e-6

    def test_refuses_places_that_are_not_there(self):
        """With the limits."""
        graph, ids = subjects.graph("gpt"), subjects.token_ids(1, 6)
        with pytest.raises(InputError, match="no latent 0 at token 6; the text has 6 tokens"):
            latent_ablation(graph, ids, NAME, axes(), METRIC, [(6, 0)])
        with pytest.raises(InputError, match="nothing to ablate"):
            latent_ablation(graph, ids, NAME, axes(), METRIC, [])


class TestLatentAttribution:
    """All at once, to first order."""

    def test_is_near_the_exact_effect_where_a_latent_is_small(self):
        """A hundredth of a direction is a step that a line describes."""
        graph, ids = subjects.graph("gpt"), subjects.token_ids(1, 6)

        class Fine(Planted):
            """Each latent is a hundredth of what lies along an axis."""

            def encode(self, values):
                return super().encode(values) / 100

        fine = Fine(axes().directions)
        estimated = latent_attribution(graph, ids, NAME, fine, METRIC)
        places = estimated.top(5)
        exact = latent_ablation(graph, ids, NAME, fine, METRIC, places)[:, 0]
        wanted = torch.stack([estimated.effects[0, token, latent] for token, latent in places])
        torch.testing.assert_close(exact, wanted, rtol=0.05, atol=1e-5)

    def test_names_other_places_than_activity_does(self):
        """Places are tokens and latents; the first token does not count."""
        found = latent_attribution(
            subjects.graph("gpt"), subjects.token_ids(1, 6), NAME, axes(), METRIC
        )
        assert all(token == 5 for token, _ in found.top(3))
        assert all(token > 0 for token, _ in found.most_active(8))
        assert top_overlap(found.top(4), found.top(8)) == 1
        with pytest.raises(InputError, match="no places"):
            top_overlap([], [])


class TestNeuronCorrelation:
    """Features beside neurons."""

    def test_is_one_for_a_latent_that_is_a_neuron(self):
        """Upside down too; a silent one is like none."""
        chance = torch.Generator().manual_seed(0)
        neurons = torch.randn(300, 4, generator=chance)
        codes = torch.stack(
            [
                neurons[:, 2] * 3,
                -neurons[:, 1],
                torch.zeros(300),
                torch.randn(300, generator=chance),
            ]
        ).T
        found = neuron_correlation(codes, neurons)
        assert found[:2].tolist() == pytest.approx([1, 1])
        assert found[2] == 0
        assert found[3] < 0.3


class TestSpecificity:
    """Right at every strength."""

    def test_sees_that_weak_activations_mean_less(self):
        """Half right below the middle, all right above; half of the feature is missed."""
        values = torch.zeros(16, 2)
        values[:8, 0] = torch.tensor([1.0, 1, 1, 1, 3, 3, 4, 4])
        has = np.zeros(16, dtype=bool)
        has[[0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]] = True
        found = specificity(collect_entries(Planted(torch.eye(2)), values), 0, has, intervals=2)
        assert found.precision.tolist() == [0.5, 1]
        assert found.count.tolist() == [4, 4]
        assert found.recall == 0.5
        assert found.base_rate == 0.75
        assert found.is_rising

    def test_leaves_empty_intervals_undefined(self):
        """And a silent latent with them."""
        entries = collect_entries(Planted(torch.eye(2)), torch.zeros(4, 2))
        found = specificity(entries, 1, np.array([True, False, False, False]))
        assert np.isnan(found.precision).all()
        assert found.recall == 0
        with pytest.raises(InputError, match="no token has"):
            specificity(entries, 1, np.zeros(4, dtype=bool))
