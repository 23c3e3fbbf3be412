"""Directions that mean something, on values whose meaning was put there."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from tests.interpret import subjects
from tests.interpret.dictionaries.planted import Planted
from tests.training.tiny_runs import make_model

from glasshouse.errors import InputError
from glasshouse.interpret.activations import Activations
from glasshouse.interpret.concepts import (
    ConceptVectors,
    add_share,
    at_tokens,
    concept_clusters,
    concept_plane,
    concept_vectors,
    contains_any,
    contrast_vector,
    control_labels,
    dose_response,
    fit_probe,
    fluency,
    mean_norm,
    project_out,
    random_directions,
    read_concepts,
    representational_similarity,
    score_probe,
    set_latents,
    text_means,
    token_effects,
    without_words,
)
from glasshouse.interpret.concepts.probes import auroc, balanced_accuracy
from glasshouse.interpret.lens import logit_lens
from glasshouse.models.steering import Steering

NAME = "blocks.0.resid_post"


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def activations(documents: list[list[int]], values: torch.Tensor) -> Activations:
    """Rows of texts, by their token ids."""
    return Activations(
        values={NAME: values},
        ids=torch.tensor([token for text in documents for token in text]),
        document=torch.tensor([n for n, text in enumerate(documents) for _ in text]),
        position=torch.tensor([i for text in documents for i in range(len(text))]),
    )


class TestVectors:
    """Means of texts, and their differences."""

    def test_average_each_text_behind_its_start(self):
        """A text that is all start is left out."""
        held = activations([[1, 2, 3], [4], [5, 6]], torch.arange(12.0).reshape(6, 2))
        means, numbers = text_means(held, NAME, skip=1)
        assert numbers.tolist() == [0, 2]
        assert means.tolist() == [[3, 4], [10, 11]]
        with pytest.raises(InputError, match="skip=3"):
            text_means(held, NAME, skip=3)

    def test_weigh_concepts_alike_however_many_texts_they_have(self):
        """Three sad texts do not make sadness the middle."""
        means = torch.tensor([[1.0, 0], [0, 1], [0, 1], [0, 1]])
        found = concept_vectors(means, ["joy", "sad", "sad", "sad"])
        assert found["joy"].tolist() == [0.5, -0.5]
        assert found.texts.tolist() == [1, 3]
        with pytest.raises(InputError, match="'fear'"):
            found["fear"]

    def test_need_something_to_differ_from(self):
        """One concept has no opposite."""
        with pytest.raises(InputError, match="two or more"):
            concept_vectors(torch.ones(2, 3), ["joy", "joy"])

    def test_lose_what_neutral_text_varies_in(self):
        """The strongest component, and no more than asked."""
        neutral = normal(500, 3) * torch.tensor([10.0, 1.0, 0.1])
        concepts = concept_vectors(torch.tensor([[3.0, 2, 1], [-3, -2, -1]]), ["up", "down"])
        found = project_out(concepts, neutral, variance=0.5)
        assert found.removed == 1
        assert abs(float(found["up"][0])) < 0.2
        assert found["up"][1:].tolist() == pytest.approx([2, 1], abs=0.1)
        assert project_out(concepts, neutral, variance=0).removed == 0

    def test_are_read_by_direction(self):
        """Whatever the length of value and vector."""
        concepts = concept_vectors(torch.eye(2) * 4, ["a", "b"])
        found = read_concepts(torch.tensor([[7.0, -7.0]]), concepts)
        assert found.tolist() == [pytest.approx([1.0, -1.0])]

    def test_contrast_two_sides(self):
        """From the second to the first."""
        assert contrast_vector(torch.ones(3, 2), torch.zeros(5, 2)).tolist() == [1, 1]
        with pytest.raises(InputError, match="both sides"):
            contrast_vector(torch.ones(0, 2), torch.zeros(5, 2))

    def test_push_the_logits_as_the_lens_says(self):
        """The difference of two lenses, where the norm's scale is the same for both."""
        network, graph = subjects.network("gpt"), subjects.graph("gpt")
        ids = subjects.token_ids(1, 5)
        stream = graph.run(ids, fetch="blocks.1.resid_post")["blocks.1.resid_post"][0]
        centred = stream - stream.mean(dim=-1, keepdim=True)
        scale = centred.pow(2).mean(dim=-1, keepdim=True).add(1e-5).sqrt()
        bias = network.final_norm.bias
        assert isinstance(bias, torch.Tensor)
        wanted = logit_lens(graph, ids)[-1, 0] - network.unembed.weight @ bias
        wanted = wanted - wanted.mean(dim=-1, keepdim=True)
        torch.testing.assert_close(
            token_effects(network, stream / scale), wanted, rtol=1e-3, atol=1e-4
        )


def circle(count: int, width: int = 6, *, seed: int = 0, noise: float = 0.0) -> ConceptVectors:
    """Concepts on a circle, turned at random in a wider space."""
    angles = torch.arange(count) * 2 * math.pi / count
    place = torch.zeros(count, width)
    place[:, 0], place[:, 1] = angles.cos() * 2, angles.sin()
    turn = torch.linalg.qr(normal(width, width, seed=seed)).Q
    return ConceptVectors(
        names=tuple(f"c{i}" for i in range(count)),
        vectors=place @ turn + noise * normal(count, width, seed=seed + 1),
        texts=torch.ones(count, dtype=torch.long),
    )


class TestGeometry:
    """Concepts on a circle are found on one."""

    def test_finds_the_plane_and_what_lies_in_it(self):
        """Two known coordinates fully, an unrelated one hardly."""
        angles = torch.arange(8) * 2 * math.pi / 8
        other = torch.tensor([1.0, -1, 1, -1, 1, -1, 1, -1])
        plane = concept_plane(circle(8), [angles.cos(), angles.sin(), other])
        assert plane.r2 == pytest.approx((1, 1, 0), abs=1e-6)
        assert sum(plane.variance) == pytest.approx(1)
        assert abs(plane.correlations[0][0]) == pytest.approx(1)

    def test_refuses_to_draw_a_plane_through_three_points(self):
        """Any plane would do."""
        with pytest.raises(InputError, match="4 or more"):
            concept_plane(circle(3))

    def test_groups_what_points_the_same_way(self):
        """Whatever the lengths."""
        rows = torch.tensor([[1.0, 0, 0], [9, 1, 0], [0, 1, 0], [0, 5, 0.5]])
        concepts = ConceptVectors(names=tuple("abcd"), vectors=rows, texts=torch.ones(4).long())
        found = concept_clusters(concepts, 2).tolist()
        assert found[0] == found[1] != found[2] == found[3]

    def test_compares_arrangements_not_coordinates(self):
        """A turned copy is the same arrangement; other concepts cannot be compared."""
        assert representational_similarity(circle(6), circle(6, seed=5)) == pytest.approx(1)
        noisy = representational_similarity(circle(6), circle(6, seed=5, noise=3))
        assert noisy < 0.9
        with pytest.raises(InputError, match="the same on both"):
            representational_similarity(circle(6), circle(5))


def separable(rows: int = 400, width: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows whose label is the sign of one direction, of uneven scales."""
    values = normal(rows, width) * torch.tensor([1.0, 10, 0.1, 1, 1])
    labels = values[:, 0] + values[:, 2] * 10 > 0.5
    return values, labels


class TestProbes:
    """Read a property that is there, and none that is not."""

    @pytest.mark.parametrize("kind", ["logistic", "ridge", "mass-mean"])
    def test_find_the_property(self, kind):
        """Scales of dimensions do not matter."""
        values, labels = separable()
        probe = fit_probe(kind, values[::2], labels[::2])
        assert balanced_accuracy(probe(values[1::2]) > 0, labels[1::2]) > 0.9

    @pytest.mark.parametrize("kind", ["logistic", "ridge", "mass-mean"])
    def test_are_selective_where_the_property_is_and_labels_of_types_are_not(self, kind):
        """The control's labels depend on the type, of which the value says nothing."""
        values, labels = separable()
        types, document = torch.arange(400) % 40, torch.arange(400) // 8
        found = score_probe(kind, values, labels, document, types)
        assert found.selectivity > 0.25
        assert found.auroc > 0.95

    def test_are_not_selective_where_values_are_types(self):
        """One direction a type lets any probe learn any labels of types."""
        types = torch.arange(400) % 20
        values = torch.eye(20)[types]
        found = score_probe("ridge", values, types < 9, torch.arange(400) // 20, types)
        assert found.accuracy == found.control == 1

    def test_have_a_control_of_the_same_balance(self):
        """One label a type, as often true."""
        types = torch.arange(3000) % 1000
        labels = torch.arange(3000) < 900
        found = control_labels(types, labels, seed=0)
        assert torch.equal(found[:1000], found[1000:2000])
        assert abs(found.double().mean() - 0.3) < 0.05

    @settings(max_examples=20)
    @given(st.integers(0, 1000))
    def test_are_scored_as_scikit_learn_scores(self, seed):
        """Ties included."""
        scores = torch.randint(4, (30,), generator=torch.Generator().manual_seed(seed)).double()
        labels = normal(30, seed=seed) > 0
        labels[0], labels[1] = True, False
        assert auroc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))
        called = scores > 1
        assert balanced_accuracy(called, labels) == pytest.approx(
            balanced_accuracy_score(labels, called)
        )

    @pytest.mark.parametrize(
        ("values", "labels", "sentence"),
        [
            (torch.ones(4, 2), torch.ones(4, dtype=torch.bool), "rows without"),
            (torch.full((4, 2), float("nan")), torch.arange(4) > 1, "NaN"),
        ],
    )
    def test_refuse_what_cannot_be_learned_from(self, values, labels, sentence):
        """In one sentence."""
        with pytest.raises(InputError, match=sentence):
            fit_probe("logistic", values, labels)


class TestLexicon:
    """Texts without a word."""

    def test_leaves_whole_texts_out(self):
        """What stands behind the word has read it."""
        held = activations([[1, 2], [3, 9, 4], [5]], normal(6, 2))
        found, kept = without_words(held, {9, 99})
        assert found.ids.tolist() == [1, 2, 5]
        assert kept.tolist() == [True, True, False, False, False, True]
        assert contains_any([3, 9], {9})
        assert not contains_any([3], {9})


class TestAtTokens:
    def test_changes_the_chosen_tokens_only(self):
        """Of two texts of three tokens, the first of one and the last of the other."""
        which = torch.tensor([[True, False, False], [False, False, True]])
        changed = at_tokens(lambda value: value + 1, which)(torch.zeros(2, 3, 4))
        assert torch.equal(changed, which[..., None].expand(2, 3, 4).float())

    def test_refuses_texts_it_was_not_chosen_of(self):
        """Tokens of other texts would be pushed by accident."""
        push = at_tokens(lambda value: value, torch.ones(2, 3, dtype=torch.bool))
        with pytest.raises(InputError, match=r"shape \(2, 3\)"):
            push(torch.zeros(2, 4, 4))


class TestSteering:
    """Changes that are fed."""

    def test_add_a_share_of_the_usual_length(self):
        """Of the direction only where it points counts."""
        graph, ids = subjects.graph("gpt"), subjects.token_ids(3, 6)
        norm = mean_norm(graph, ids, NAME)
        value = graph.run(ids, fetch=NAME)[NAME]
        direction = normal(value.shape[-1]) * 7
        moved = add_share(direction, 0.25, norm)(value) - value
        torch.testing.assert_close(moved.norm(dim=-1), torch.full((3, 6), 0.25 * norm))
        with pytest.raises(InputError, match="does not fit"):
            add_share(torch.ones(3), 0.25, norm)(value)
        with pytest.raises(InputError, match="zero"):
            add_share(torch.zeros(3), 0.25, norm)

    def test_set_a_latent_and_leave_the_rest(self):
        """What the dictionary misses, the second dimension here, stays."""
        coder = Planted(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), scale=2.0)
        value = torch.tensor([[[1.5, 4.0], [-1.0, 5.0]]])
        assert set_latents(coder, {0: 6.0})(value).tolist() == [[[3, 4], [2, 5]]]
        assert set_latents(coder, {0: 0.0})(value).tolist() == [[[0, 4], [-1, 5]]]
        assert set_latents(coder, {0: 2.0}, kind="scale")(value).tolist() == [[[3, 4], [-1, 5]]]
        assert set_latents(coder, {0: 2.0}, kind="add")(value).tolist() == [[[2.5, 4], [0, 5]]]

    def test_change_nothing_when_a_latent_is_set_to_what_it_is(self):
        """Or steering would measure the dictionary's error."""
        coder = Planted(torch.tensor([[1.0, 0.0]]))
        value = torch.tensor([[[1.5, 4.0]]])
        assert torch.equal(set_latents(coder, {0: 1.5})(value), value)

    def test_refuse_a_latent_that_is_not_there(self):
        """By number."""
        with pytest.raises(InputError, match="no latent 3; it has 0 to 0"):
            set_latents(Planted(torch.tensor([[1.0, 0.0]])), {3: 1.0})

    @pytest.mark.parametrize("kind", ["permuted", "gaussian"])
    def test_have_controls_as_long_as_themselves(self, kind):
        """The same push, to nowhere."""
        vectors = normal(2, 400) * torch.tensor([[1.0], [5.0]])
        found = random_directions(vectors, 5, kind=kind)
        lengths = vectors.norm(dim=1)[torch.arange(5) % 2]
        torch.testing.assert_close(found.norm(dim=1), lengths)
        cosines = torch.cosine_similarity(found, vectors[torch.arange(5) % 2], dim=1)
        assert cosines.abs().max() < 0.3


class TestFluency:
    """How likely the model as it is finds what the pushed one writes."""

    def test_is_worse_under_a_push_that_breaks_the_text(self):
        """And the same for the same seed."""
        model = make_model()
        losses = fluency(model, [[1, 2], [3]], tokens=5)
        width = model.network.config.d_model
        push = add_share(normal(width), 5.0, mean_norm(model, torch.tensor([[1, 2, 3]]), NAME))
        whole, pushed = losses({}), losses({NAME: push})
        assert whole.shape == (2,)
        assert torch.equal(whole, losses({}))
        assert float(pushed.mean()) > float(whole.mean())


class TestDoseResponse:
    """Effect and fluency together."""

    @staticmethod
    def strength(steering: Steering) -> float:
        return float(steering["x"]) if steering else 0.0  # type: ignore[arg-type]

    def test_says_where_the_text_breaks(self):
        """Effects beyond prove nothing; what is left is monotone."""
        found = dose_response(
            [-1, 0, 1, 2, 4],
            lambda s: {"x": torch.tensor(float(s))},
            lambda fed: torch.tensor([1.0, 3.0]) * (self.strength(fed) % 4),
            fluency=lambda fed: torch.tensor([2.0 + self.strength(fed) ** 2 / 4]),
            random=[lambda s: {"x": torch.tensor(0.0)}],
        )
        assert [dose.is_broken for dose in found.doses] == [False, False, False, False, True]
        assert found.baseline_loss == 2
        assert found.strongest is not None
        assert found.strongest.strength == 2
        assert found.doses[2].effect == 2
        assert found.doses[2].error == pytest.approx(1)
        assert found.doses[2].random == (0,)

    def test_counts_a_text_without_a_loss_as_broken(self):
        """NaN is not under any limit."""
        found = dose_response(
            [0, 1],
            lambda s: {"x": torch.tensor(float(s))},
            lambda fed: torch.tensor([self.strength(fed)]),
            fluency=lambda fed: torch.tensor([float("nan") if fed else 1.0]),
        )
        assert found.doses[1].is_broken
        assert found.strongest is None

    def test_needs_rising_strengths(self):
        """Each once."""
        with pytest.raises(InputError, match="rising order"):
            dose_response(
                [1, 1], lambda s: {}, lambda f: torch.ones(2), fluency=lambda f: torch.ones(2)
            )
