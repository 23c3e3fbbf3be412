"""Each measure on dictionaries whose worth is known beforehand."""

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score
from tests.interpret import subjects
from tests.interpret.dictionaries.planted import Planted, sparse_magnitudes

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.coder import Coder, unit_effects
from glasshouse.interpret.dictionaries.metrics import (
    absorption,
    matched_correlation,
    mean_max_cosine,
    measure_rebuilding,
    recovery,
    score_against_ledger,
    sparse_codes,
    sparse_probing,
    splice_cost,
    splitting,
    targeted_ablation,
    without_latents,
)
from glasshouse.interpret.dictionaries.metrics.ledger import aurocs, best_threshold, f1_at_zero

AXES = Planted(torch.eye(8))
MAGNITUDES = sparse_magnitudes(600, 8, density=0.2, seed=0)


def rows_of(*columns: list[float]) -> scipy.sparse.csr_array:
    """A matrix by its columns."""
    return scipy.sparse.csr_array(np.array(columns, dtype=float).T)


class TestRebuilding:
    """Sparsity, variance, dead latents."""

    def test_finds_a_perfect_dictionary_perfect(self):
        """All variance, as many latents as features were active."""
        found = measure_rebuilding(AXES, MAGNITUDES, batch_rows=100)
        assert found.explained_variance == pytest.approx(1)
        assert found.cosine == pytest.approx(float((MAGNITUDES.norm(dim=1) > 0).double().mean()))
        assert found.l0 == pytest.approx(float((MAGNITUDES > 0).sum(dim=1).double().mean()))
        assert found.dead_share == 0

    def test_counts_latents_that_never_speak(self):
        """Directions that no value has."""
        half = MAGNITUDES * (torch.arange(8) < 6)
        assert measure_rebuilding(AXES, half).dead_share == 0.25

    def test_sees_shrinkage(self):
        """Half the length: a quarter of the uncentred error is left."""

        class Half(Planted):
            def decode(self, codes):
                return super().decode(codes) / 2

        found = measure_rebuilding(Half(torch.eye(8)), MAGNITUDES + 0.1)
        assert found.shrinkage == pytest.approx(0.5)
        assert found.cosine == pytest.approx(1)
        assert found.explained_variance < 0.75

    def test_compares_with_another_value_when_told(self):
        """As for a transcoder."""
        assert measure_rebuilding(AXES, MAGNITUDES, MAGNITUDES).explained_variance == 1

    def test_refuses_rows_without_variance(self):
        """A constant is explained by nothing."""
        with pytest.raises(InputError, match="all equal"):
            measure_rebuilding(AXES, torch.ones(5, 8))


class TestRecovery:
    """Directions and codes beside the true ones."""

    def test_finds_a_perfect_dictionary_perfect(self):
        """Also when latents stand in another order, at another length."""
        turned = Planted(torch.eye(8).flip(0), scale=3.0)
        found = recovery(turned, MAGNITUDES, directions=torch.eye(8), magnitudes=MAGNITUDES)
        assert found.mean_max_cosine == pytest.approx(1)
        assert found.mean_max_correlation == pytest.approx(1, abs=1e-5)
        assert found.found_share == found.unique_share == 1
        assert found.best_latent.tolist() == list(range(7, -1, -1))

    def test_is_not_fooled_by_one_latent_for_two_features(self):
        """Each of them meets it halfway, and it is nobody's own."""
        merged = Planted(torch.tensor([[1.0, 1.0, 0.0]]) / 2**0.5)
        found = recovery(
            merged, MAGNITUDES[:, :3], directions=torch.eye(3), magnitudes=MAGNITUDES[:, :3]
        )
        assert found.mean_max_cosine == pytest.approx(2**0.5 / 3, abs=1e-5)
        assert found.found_share == found.unique_share == 0

    def test_gives_nothing_to_latents_that_never_change(self):
        """A correlation with a constant is none."""
        assert matched_correlation(MAGNITUDES, torch.ones(600, 2)).tolist() == [0.0] * 8

    def test_scores_two_dictionaries_against_each_other(self):
        """How much of the first the second has."""
        axes = torch.eye(4)
        assert mean_max_cosine(axes, axes[:2] * 5).tolist() == [1, 1, 0, 0]


class TestLedger:
    """The best latent of each feature."""

    @settings(max_examples=25)
    @given(st.integers(0, 10_000))
    def test_has_the_aurocs_of_scikit_learn(self, seed):
        """Ties and zeros included."""
        chance = np.random.default_rng(seed)
        codes = np.maximum(chance.integers(-4, 4, (40, 3)), 0).astype(float)
        truth = chance.random((40, 2)) < 0.4
        truth[0], truth[1] = True, False
        found = aurocs(scipy.sparse.csr_array(codes), scipy.sparse.csr_array(truth))
        for feature in range(2):
            for latent in range(3):
                wanted = roc_auc_score(truth[:, feature], codes[:, latent])
                assert found[feature, latent] == pytest.approx(wanted)

    @settings(max_examples=25)
    @given(st.integers(0, 10_000))
    def test_finds_the_threshold_that_trying_all_finds(self, seed):
        """And its F1."""
        chance = np.random.default_rng(seed)
        activation = np.maximum(chance.integers(-3, 5, 30), 0).astype(float)
        label = chance.random(30) < 0.5
        label[0] = True
        best, least = best_threshold(activation, label)
        tried = {t: f1_score(label, activation > t) for t in (0, 0.5, 1.5, 2.5, 3.5)}
        if activation.any():
            assert best == pytest.approx(max(tried.values()))
            assert f1_score(label, activation > least) == pytest.approx(best)

    def test_has_the_f1_of_scikit_learn(self):
        """Of being active at all."""
        codes, truth = rows_of([1, 0, 2, 0], [0, 0, 0, 3]), rows_of([1, 1, 0, 0])
        assert f1_at_zero(codes, truth > 0).tolist() == [[0.5, 0.0]]

    def test_finds_each_feature_s_own_latent(self):
        """Chosen on even texts, scored on odd ones."""
        codes = sparse_codes(AXES, MAGNITUDES, batch_rows=64)
        truth = scipy.sparse.csr_array((MAGNITUDES > 0).numpy()[:, ::-1].copy())
        found = score_against_ledger(
            codes, truth, [f"f={i}" for i in range(8)], torch.arange(600) // 10
        )
        assert found.f1.tolist() == found.auroc.tolist() == [1.0] * 8
        assert found.f1_latent.tolist() == found.auroc_latent.tolist() == list(range(7, -1, -1))
        assert found.named_share == 1
        assert found.best(1) == [0]

    def test_is_not_fooled_by_chance(self):
        """The best of many latents that know nothing is no better than calling everything so."""
        noise = sparse_magnitudes(600, 200, density=0.1, seed=5).numpy()
        truth = scipy.sparse.csr_array((MAGNITUDES[:, :4] > 0).numpy())
        found = score_against_ledger(
            scipy.sparse.csr_array(noise), truth, list("abcd"), torch.arange(600) // 10
        )
        assert found.f1.max() < 0.4
        assert abs(found.auroc - 0.5).max() < 0.1

    def test_leaves_rare_features_out(self):
        """Three tokens say nothing."""
        truth = scipy.sparse.csr_array(np.arange(600)[:, None] < 3)
        with pytest.raises(InputError, match="give more text"):
            score_against_ledger(sparse_codes(AXES, MAGNITUDES), truth, ["rare"], torch.arange(600))


class TestFamilies:
    """Split and absorbed features."""

    def test_see_a_feature_in_two_halves(self):
        """Each latent fires on one half of its tokens."""
        codes = rows_of(
            [1, 1, 0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0, 0, 0], [0, 1, 0, 0, 1, 1, 1, 0]
        )
        has = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
        found = splitting(codes, has)
        assert found.latents == (0, 1)
        assert found.f1 == pytest.approx((2 / 3, 1))

    def test_see_a_whole_feature_whole(self):
        """One latent, and a second that would add nothing."""
        codes = rows_of([1, 1, 0, 0], [1, 0, 0, 0])
        assert splitting(codes, np.array([1, 1, 0, 0], dtype=bool)).latents == (0,)

    def test_see_who_speaks_for_a_silent_latent(self):
        """Latent 1 is one person's: it holds "is a person" too, whose own latent then is silent."""
        person, mira = torch.tensor([1.0, 0.0]), torch.tensor([0.6, 0.8])

        class Absorbing(Planted):
            def encode(self, values):
                is_mira = (values[:, 1] > 0.5).float()
                return torch.stack([values[:, 0] * (1 - is_mira), is_mira], dim=1)

        values = torch.stack([person] * 6 + [mira] * 2 + [torch.zeros(2)] * 8)
        has = np.arange(16) < 8
        coder = Absorbing(torch.stack([person, mira]))
        found = absorption(coder, values, has, (0,))
        assert found.share == found.missed_share == 0.25
        assert found.absorbers == ((1, 2),)
        assert absorption(coder, values, has, (0, 1)).share == 0


class TestProbing:
    """A few latents beside the whole value."""

    def test_needs_one_latent_where_one_is_the_feature(self):
        """And finds which."""
        has = (MAGNITUDES[:, 3] > 0).numpy()
        found = sparse_probing(
            sparse_codes(AXES, MAGNITUDES), MAGNITUDES.numpy(), has, np.arange(600) // 10
        )
        assert found.latents[0] == 3
        assert found.by_k[1] > 0.95
        assert found.dense > 0.95

    def test_is_at_chance_where_nothing_is_known(self):
        """A feature drawn apart."""
        has = np.random.default_rng(0).random(600) < 0.5
        found = sparse_probing(
            sparse_codes(AXES, MAGNITUDES), MAGNITUDES.numpy(), has, np.arange(600) // 10
        )
        assert abs(found.dense - 0.5) < 0.12


NAME = "blocks.0.resid_post"


class TestSplicing:
    """The model with the reconstruction in the value's place."""

    @pytest.fixture
    def ids(self):
        return subjects.token_ids(4, 10)

    def test_costs_nothing_when_the_reconstruction_is_the_value(self, ids):
        """Both signs of every axis."""
        width = subjects.network("gpt").config.d_model
        whole = Planted(torch.cat([torch.eye(width), -torch.eye(width)]))
        assert isinstance(whole, Coder)
        found = splice_cost(subjects.graph("gpt"), [ids, ids[:2]], NAME, whole)
        assert found.spliced == pytest.approx(found.clean, abs=1e-5)
        assert found.divergence == pytest.approx(0, abs=1e-5)

    def test_goes_on_with_what_a_transcoder_writes(self, ids):
        """Another value is read, and takes the place of the one that is written."""
        width = subjects.network("gpt").config.d_model
        whole = Planted(torch.cat([torch.eye(width), -torch.eye(width)]))
        graph, after = subjects.graph("gpt"), "blocks.0.mlp.out"
        copied = splice_cost(graph, ids, after, whole, source=after)
        assert copied.spliced == pytest.approx(copied.clean, abs=1e-5)
        from_elsewhere = splice_cost(graph, ids, after, whole, source="blocks.0.resid_mid")
        value = graph.run(ids, fetch="blocks.0.resid_mid")["blocks.0.resid_mid"]
        logits = graph.run(ids, fetch="logits", feed={after: value})["logits"]
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        assert from_elsewhere.spliced == pytest.approx(float(loss), abs=1e-5)
        assert from_elsewhere.ablated == pytest.approx(copied.ablated)

    def test_says_by_name_and_shape_what_does_not_fit(self, ids):
        """A dictionary of another width."""
        with pytest.raises((InputError, RuntimeError), match=r"8|shape"):
            splice_cost(subjects.graph("gpt"), ids, NAME, AXES)

    def test_loses_just_what_the_lost_latents_add(self, ids):
        """What the dictionary misses stays."""
        graph = subjects.graph("gpt")
        value = graph.run(ids, fetch=NAME)[NAME]
        axis = torch.eye(value.shape[-1])[:2]
        changed = without_latents(Planted(axis), [1])(value)
        lost = value - changed
        torch.testing.assert_close(lost[..., 1], value[..., 1].relu())
        assert not lost[..., 2:].any()

    def test_weighs_harm_where_it_should_be_against_harm_elsewhere(self, ids):
        """An ablation that changes nothing is not selective."""
        graph = subjects.graph("gpt")
        width = subjects.network("gpt").config.d_model
        coder = Planted(torch.cat([torch.eye(width), -torch.eye(width)]))
        target = torch.zeros_like(ids, dtype=torch.bool)
        target[:, :4] = True
        found = targeted_ablation(graph, ids, NAME, coder, [0, 1], target)
        assert np.isfinite([found.on_target, found.elsewhere, found.random_on_target]).all()
        assert 0 <= found.selectivity <= 1
        assert targeted_ablation(graph, ids, NAME, coder, [], target).selectivity == 0.5
        with pytest.raises(InputError, match="every token is a target"):
            targeted_ablation(graph, ids, NAME, coder, [0], torch.ones_like(target))


class TestUnitEffects:
    """What one unit of a latent adds."""

    def test_are_in_the_units_of_the_value(self):
        """Whatever the codes' own, and however many are decoded at once."""
        found = unit_effects(Planted(torch.eye(8), scale=4.0), MAGNITUDES, latents_at_once=3)
        torch.testing.assert_close(found, torch.eye(8) / 4)
