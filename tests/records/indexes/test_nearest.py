"""Asking for near records."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.records.indexes.test_vector import Feature, ids, open_features, problems, schema_of

from glasshouse.errors import QueryError
from glasshouse.records.indexes import vector_search
from glasshouse.records.indexes.nearest import nearest, nearest_ids
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace


@pytest.fixture
def walking(monkeypatch):
    """Small groups are walked through as large ones are."""
    monkeypatch.setattr(vector_search, "SCANNED", 0)


def clustered(number, dimensions, seed):
    """Points around a few centres, as embeddings lie."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(20, dimensions))
    points = centres[random.integers(20, size=number)]
    return (points + 0.3 * random.normal(size=(number, dimensions))).astype(np.float32)


class TestNearest:
    @pytest.mark.parametrize(
        ("metric", "expected"),
        [
            ("cosine", [(1, 0.0), (3, 1 - 0.5**0.5), (2, 1.0)]),
            ("euclidean", [(1, 0.5), (2, 1.25**0.5), (3, 1.25**0.5)]),
            ("dot", [(1, -0.5), (3, -0.5), (2, 0.0)]),
        ],
    )
    def test_gives_records_with_their_distances(self, metric, expected):
        """By hand: three points seen from (½, 0)."""
        features = open_features(metric=metric)
        features.save(Feature(1, [1.0, 0.0]), Feature(2, [0.0, 1.0]), Feature(3, [1.0, 1.0]))
        found = features.read(lambda store: nearest(store, "near", [0.5, 0.0], 3))
        assert [feature.id for feature, _ in found] == [number for number, _ in expected]
        assert [distance for _, distance in found] == pytest.approx(
            [distance for _, distance in expected], abs=1e-6
        )

    def test_gives_what_there_is(self):
        """Fewer than k, or none."""
        features = open_features()
        assert ids(features, [1.0, 0.0]) == []
        features.save(Feature(1, [1.0, 0.0]))
        assert ids(features, [1.0, 0.0], 5) == [1]
        assert ids(features, [1.0, 0.0], 5, exact=True) == [1]

    def test_sees_what_its_own_transaction_wrote(self, walking):
        """Walking through links that are not committed."""
        features = open_features()
        features.save(*[Feature(number, [1.0, float(number)]) for number in range(1, 20)])

        def work(store):
            store.save(Feature(0, [1.0, 0.0]))
            store.delete(Feature, 1)
            return [feature.id for feature, _ in nearest(store, "near", [1.0, 0.0], 2)]

        assert features.run(work) == [0, 2]

    @pytest.mark.parametrize(
        ("metric", "number"), [("cosine", 300), ("euclidean", 120), ("dot", 120)]
    )
    def test_misses_few_of_the_nearest(self, walking, metric, number):
        """At least 95 in 100 of the true ten nearest, also when every other vector has gone."""
        points, questions = clustered(number, 16, seed=0), clustered(20, 16, seed=1)
        features = open_features(
            vector=Feature.raw, dimensions=16, metric=metric, ef_construction=40, num_links=8
        )
        features.save(*[Feature(place, raw=point.tobytes()) for place, point in enumerate(points)])

        def recall(store):
            hits = 0
            for question in questions:
                walked = nearest_ids(store, "near", question.tobytes(), 10)
                exact = nearest_ids(store, "near", question.tobytes(), 10, exact=True)
                hits += len({one for one, _ in walked} & {one for one, _ in exact})
            return hits / (10 * len(questions))

        assert features.read(recall) >= 0.95

        def thin_out(store):
            for place in range(0, len(points), 2):
                store.delete(Feature, place)

        features.run(thin_out)
        assert problems(features) == []
        assert features.read(recall) >= 0.95

    @settings(max_examples=30, deadline=None)
    @given(
        points=st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=12),
        question=st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
        k=st.integers(1, 14),
        metric=st.sampled_from(["euclidean", "dot"]),
    )
    def test_agrees_with_sorting_all(self, points, question, k, metric):
        """Exactly, and by walking too where ef covers them all; ties go to the smaller id."""
        features = Database.open("memory:").store(SCHEMAS[metric], Subspace(("features",)))
        features.save(
            *[Feature(number, [float(x), float(y)]) for number, (x, y) in enumerate(points)]
        )

        def distance(point):
            if metric == "dot":
                return -(point[0] * question[0] + point[1] * question[1])
            return (point[0] - question[0]) ** 2 + (point[1] - question[1]) ** 2

        in_order = sorted(range(len(points)), key=lambda number: (distance(points[number]), number))
        asked = [float(one) for one in question]
        assert ids(features, asked, k, exact=True) == in_order[:k]
        assert ids(features, asked, k) == in_order[:k]

    @pytest.mark.parametrize(
        ("ask", "message"),
        [
            (lambda store: nearest(store, "near", [1.0], 3), "the vector asked for has 1 numbers"),
            (lambda store: nearest(store, "near", [0.0, 0.0], 3), "asked for is all zeros"),
            (lambda store: nearest(store, "near", [1.0, 0.0], 0), "k=0 and ef=64 must be 1"),
            (lambda store: nearest(store, "near", [1.0, 0.0], ef=-1), "ef=-1 must be 1 or more"),
            (lambda store: nearest(store, "models", [1.0, 0.0]), "'models' is of kind value"),
            (lambda store: nearest(store, "near", [1.0, 0.0], group=(1,)), "has no groups"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, ask, message):
        """As an error of the question, not of a record."""
        by_model = ValueIndex("models", Feature, Feature.model)
        schema = Schema(
            name="features",
            version=1,
            records={Feature: Feature.id},
            indexes=(*schema_of().indexes, by_model),
        )
        features = Database.open("memory:").store(schema, Subspace(("features",)))
        with pytest.raises(QueryError, match=message):
            features.run(ask)


SCHEMAS = {metric: schema_of(metric=metric) for metric in ("euclidean", "dot")}
