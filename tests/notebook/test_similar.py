"""What is alike is found by sketches and told by the whole vectors."""

from datetime import UTC, datetime

import numpy as np
import pytest

from glasshouse.errors import InputError, RecordError
from glasshouse.notebook import Attack, Feature, Finding, Run, Transcript, Turn
from glasshouse.notebook.similar import (
    cosine,
    search_words,
    similar_features,
    similar_transcripts,
)
from glasshouse.notebook.sketch import SKETCH_WIDTH, sketch_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def bytes_of(vector) -> bytes:
    return np.asarray(vector, "<f4").tobytes()


class TestSketch:
    def test_keeps_short_vectors_as_they_are(self):
        """Padded with zeros, which changes no cosine."""
        sketch = np.frombuffer(sketch_of(bytes_of([1, 2, 3])), "<f4")
        assert sketch[:4].tolist() == [1, 2, 3, 0]
        assert len(sketch) == SKETCH_WIDTH

    def test_keeps_the_cosines_of_long_ones(self):
        """About: that is what the whole vectors are compared for."""
        rng = np.random.default_rng(0)
        vectors = rng.standard_normal((20, 768))
        near = vectors + 0.3 * rng.standard_normal((20, 768))
        for one, other in zip(vectors, near, strict=True):
            told = cosine(sketch_of(bytes_of(one)), sketch_of(bytes_of(other)))
            assert told == pytest.approx(cosine(bytes_of(one), bytes_of(other)), abs=0.15)

    def test_is_the_same_on_every_machine(self):
        """Signs from a hash: the first sums of a vector of ones, as they once were."""
        sketch = np.frombuffer(sketch_of(bytes_of(np.ones(256))), "<f4")
        assert (sketch * np.sqrt(SKETCH_WIDTH)).round().astype(int)[:4].tolist() == [
            -12,
            -6,
            -8,
            10,
        ]

    @pytest.mark.parametrize("vector", [b"", b"123"])
    def test_refuses_what_is_no_vector(self, vector):
        """The sentence says how to give one."""
        with pytest.raises(RecordError, match="32-bit floats"):
            sketch_of(vector)


class TestSimilarFeatures:
    def test_finds_the_nearest_of_a_site(self, notebook):
        """Across dictionaries, nearest first, and none of another site."""
        rng = np.random.default_rng(1)
        directions = rng.standard_normal((60, 300))
        places = {"model": "m", "site": "blocks.0.resid_post"}
        for number, one in enumerate(directions):
            dictionary = f"sae-{number % 2}"
            notebook.add(
                Feature(
                    id=f"f{number:02d}",
                    dictionary=dictionary,
                    number=number,
                    direction=bytes_of(one),
                    **places,
                )
            )
        notebook.add(
            Feature(id="other", dictionary="x", number=0, direction=bytes_of(directions[7]))
        )
        asked = directions[7] + 0.1 * rng.standard_normal(300)
        found = similar_features(notebook, bytes_of(asked), 5, **places)
        exact = sorted(range(60), key=lambda at: -cosine(bytes_of(directions[at]), bytes_of(asked)))
        assert found[0][0].id == "f07"
        assert found[0][1] == pytest.approx(cosine(bytes_of(directions[7]), bytes_of(asked)))
        assert [score for _, score in found] == sorted((s for _, s in found), reverse=True)
        assert {one.number for one, _ in found} & set(exact[:5])

    def test_leaves_out_features_without_a_direction(self, notebook):
        """A probe's verdict may be a feature as well."""
        notebook.add(Feature(id="a", dictionary="x", number=0))
        assert similar_features(notebook, bytes_of([1, 0])) == []


class TestSimilarTranscripts:
    def test_finds_those_of_one_embedder(self, notebook):
        """Distances between embedders mean nothing."""
        for name, embedder, vector in (
            ("a", "e5", [1, 0, 0]),
            ("b", "e5", [0.9, 0.1, 0]),
            ("c", "bag", [1, 0, 0]),
        ):
            notebook.add(
                Transcript(
                    id=name,
                    kind="dialogue",
                    created=NOW,
                    turns=[],
                    embedder=embedder,
                    embedding=bytes_of(vector),
                )
            )
        found = similar_transcripts(notebook, bytes_of([1, 0, 0]), embedder="e5")
        assert [one.id for one, _ in found] == ["a", "b"]
        assert found[0][1] == pytest.approx(1)


class TestSearchWords:
    def test_finds_what_was_said_in_any_turn(self, notebook):
        """The best first; attacks, findings and explanations likewise."""
        notebook.add(
            Transcript(
                id="a",
                kind="dialogue",
                created=NOW,
                turns=[Turn("human", "How do I pick a lock?"), Turn("assistant", "With a key.")],
            ),
            Transcript(
                id="b", kind="dialogue", created=NOW, turns=[Turn("human", "A key, a lock, a key")]
            ),
            Attack(id="c", created=NOW, target="m", method="human", prompt="pick the lock"),
            Finding(id="d", created=NOW, kind="audit", title="x", text="It picks locks."),
            Feature(id="e", dictionary="x", number=0, explanation="locks and keys"),
        )
        assert [one.id for one, _ in search_words(notebook, Transcript, "key lock")] == ["b", "a"]
        assert [one.id for one, _ in search_words(notebook, Transcript, "pick")] == ["a"]
        assert [one.id for one, _ in search_words(notebook, Attack, "lock")] == ["c"]
        assert [one.id for one, _ in search_words(notebook, Finding, "locks")] == ["d"]
        assert [one.id for one, _ in search_words(notebook, Feature, "keys")] == ["e"]

    def test_says_what_is_searched_by_words(self, notebook):
        """Runs are found by their fields."""
        with pytest.raises(InputError, match="Feature, Transcript, Attack, Finding"):
            search_words(notebook, Run, "x")
