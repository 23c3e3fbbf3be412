"""The feature ledger agrees with the page it was read from."""

import math

import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.world import World
from glasshouse.world.activations import superpose
from glasshouse.world.features import SCALARS, concept_ids
from glasshouse.world.languages import CONCEPTS
from glasshouse.world.page import Page


@pytest.fixture(scope="module")
def world() -> World:
    return World(0)


@pytest.fixture(scope="module")
def documents(world):
    return [world.document(kind, number) for kind in world.kinds for number in range(4)]


class TestFeatureLedger:
    def test_declares_every_mark_of_every_kind(self, world):
        """An undeclared mark raises; here none does, in any split."""
        for kind in world.kinds:
            for split in ("train", "test"):
                world.features.of([world.document(kind, number, split) for number in range(4)])

    def test_has_names_of_its_own_for_every_column(self, world):
        """Names are columns; they are the same for every world of a preset but for the claims."""
        names = world.features.names
        assert len(names) == len(set(names))
        assert names == World(0).features.names

    def test_holds_each_mark_over_its_span_and_nowhere_else(self, world, documents):
        """The column of a mark is true exactly on the spans that the writer marked."""
        for document in documents:
            held = world.features.of(document)
            for family in ("emotion", "marker", "speaker"):
                for value in {s.value for s in document.spans if s.feature == family}:
                    wanted = np.zeros(len(document.ids), dtype=bool)
                    for span in document.spans:
                        if (span.feature, span.value) == (family, value):
                            wanted[span.start : span.end] = True
                    assert np.array_equal(held.column(f"{family}={value}"), wanted)

    def test_reads_many_documents_as_it_reads_each(self, world, documents):
        """End to end, rows and scalars are those of the documents one by one."""
        together = world.features.of(documents[:20])
        alone = [world.features.of(document) for document in documents[:20]]
        assert np.array_equal(together.indices, np.concatenate([each.indices for each in alone]))
        scalars = np.concatenate([each.scalars for each in alone])
        assert np.array_equal(together.scalars, scalars, equal_nan=True)

    def test_knows_the_concept_of_a_word_in_its_language(self, world):
        """By hand: a Common dog and its Velan word are the same concept."""
        for language in ("common", "velan", "dorric"):
            table = concept_ids(world, language)
            assert (table >= 0).sum() == len(CONCEPTS)

    def test_gives_valence_and_arousal_where_an_emotion_is_marked(self, world):
        """And nothing elsewhere."""
        document = world.document("feeling", 0)
        scalars = world.features.of(document).scalars
        known = ~np.isnan(scalars[:, SCALARS.index("valence")])
        assert known.sum() == sum(s.end - s.start for s in document.spans if s.feature == "emotion")

    def test_notes_the_entropy_of_the_token_that_comes_next(self, world):
        """A sum's "=" knows what follows; the number before it does not say."""
        document = world.document("sums", 0)
        words = world.render(document.ids).split()
        entropies = world.features.of(document).scalars[:, SCALARS.index("entropy")]
        assert all(entropies[at] == 0 for at, word in enumerate(words) if word == "=")
        assert entropies[6] == pytest.approx(math.log(20))

    def test_refuses_what_is_not_declared(self, world):
        """A writer's new mark must be declared, or columns would differ between documents."""
        page = Page(world.vocabulary)
        page.mark(page.write("the dog"), "glow", "blue")
        with pytest.raises(InputError, match="glow"):
            world.features.of(page.finish(kind="talk", number=0, split="train"))
        with pytest.raises(InputError, match="unknown"):
            world.features.of(world.document("talk")).column("concept=unicorn")

    def test_compresses_what_dense_shows(self, world, documents):
        """Both forms hold the same ones."""
        held = world.features.of(documents[:5])
        dense = held.dense()
        assert dense.sum() == len(held.indices)
        assert set(held.of(3)) == {held.names[i] for i in np.flatnonzero(dense[3])}


class TestSuperpose:
    def test_is_the_sum_of_its_parts(self, world, documents):
        """Without noise x = f W exactly, with unit directions and f where features are."""
        held = world.features.of(documents[:40])
        made = superpose(held, d_model=32, seed=0, min_count=3)
        mixed = made.magnitudes @ made.directions
        assert made.activations == pytest.approx(mixed, abs=1e-4)
        assert np.linalg.norm(made.directions, axis=1) == pytest.approx(1, abs=1e-5)
        assert np.array_equal(made.magnitudes > 0, held.dense()[:, made.features] > 0)

    def test_adds_noise_of_the_given_size(self, world, documents):
        """The residual's standard deviation is the noise's, to a few percent."""
        held = world.features.of(documents[:40])
        made = superpose(held, d_model=32, seed=0, noise=0.5)
        residual = made.activations - made.magnitudes @ made.directions
        assert residual.std() == pytest.approx(0.5, rel=0.05)

    def test_refuses_impossible_sizes(self, world, documents):
        """No dimensions, and no text, say so."""
        with pytest.raises(InputError, match="d_model"):
            superpose(world.features.of(documents[:2]), d_model=0, seed=0)
        with pytest.raises(InputError, match="more text"):
            superpose(world.features.of(documents[:1]), d_model=4, seed=0, min_count=10_000)
