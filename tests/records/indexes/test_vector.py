"""The rows of a vector index, and that its graphs hold together whatever is done to the records."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.errors import ConflictError, CorruptionError, RecordError, SchemaError
from glasshouse.records.expressions import Record, fan_out
from glasshouse.records.indexes.hnsw import ENTRY, LINKS, VECTORS, decode_links, encode_links
from glasshouse.records.indexes.nearest import nearest
from glasshouse.records.indexes.vector import VectorIndex
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.context import Context
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace
from glasshouse.records.tuples import strinc


class Feature(Record):
    id: int
    direction: list[float] | None = None
    raw: bytes | None = None
    model: str = "a"
    tags: list[str] = []


def schema_of(**options):
    index = VectorIndex(
        "near", Feature, **{"vector": Feature.direction, "dimensions": 2, **options}
    )
    return Schema(name="features", version=1, records={Feature: Feature.id}, indexes=(index,))


def open_features(**options):
    return Database.open("memory:").store(schema_of(**options), Subspace(("features",)))


def rows(handle, part):
    def read(store):
        prefix = store.index_space("near") + part
        found = store.transaction.get_range(prefix, strinc(prefix))
        return [(key[len(prefix) :], value) for key, value in found]

    return handle.read(read)


def problems(handle):
    index = handle.schema.index("near")
    return handle.read(
        lambda store: list(index.check(store.transaction, store.index_space("near")))
    )


def ids(handle, vector, k=10, **options):
    found = handle.read(lambda store: nearest(store, "near", vector, k, **options))
    return [feature.id for feature, _ in found]


def circle(number, of=60):
    """Points around a circle, each next to its neighbours."""
    angle = 2 * np.pi * number / of
    return [float(np.cos(angle)), float(np.sin(angle))]


# Few links and a short search, so that small graphs already have layers and lists that are cut.
TIGHT = {"num_links": 2, "ef_construction": 4, "metric": "euclidean"}


class TestVectorIndex:
    def test_links_vectors_at_both_ends(self):
        """By hand: two vectors are each other's neighbours, and a walk begins at one of them."""
        features = open_features()
        features.save(Feature(1, [1.0, 0.0]), Feature(2, [0.0, 2.0]), Feature(3))
        assert rows(features, VECTORS) == [
            (b"\x15\x01\x15\x01", np.float32([1, 0]).tobytes()),
            (b"\x15\x01\x15\x02", np.float32([0, 1]).tobytes()),
        ]
        links = {key: decode_links(row) for key, row in rows(features, LINKS + b"\x00")}
        assert links == {
            b"\x15\x01\x15\x01": [b"\x15\x01\x15\x02"],
            b"\x15\x01\x15\x02": [b"\x15\x01\x15\x01"],
        }
        assert len(rows(features, ENTRY)) == 1
        assert problems(features) == []

    def test_is_empty_when_the_last_vector_is_gone(self):
        """No row is left, and the next vector begins anew."""
        features = open_features()
        features.save(Feature(1, [1.0, 0.0]), Feature(2, [0.0, 1.0]))
        features.delete(Feature, 1)
        features.save(Feature(2, None))
        assert rows(features, b"") == []
        features.save(Feature(3, [1.0, 1.0]))
        assert ids(features, [1.0, 0.0]) == [3]

    def test_moves_a_vector_that_changes_and_no_other(self):
        """Saving the same vector again writes nothing to the index."""
        features = open_features()
        features.save(Feature(1, [1.0, 0.0]), Feature(2, [0.0, 1.0]))
        before = rows(features, b"")
        features.save(Feature(1, [2.0, 0.0], model="b"))
        assert rows(features, b"") == before
        features.save(Feature(1, [-1.0, 0.0]))
        assert rows(features, b"") != before
        assert ids(features, [-1.0, 0.1], exact=True) == [1, 2]
        assert problems(features) == []

    def test_takes_bytes_of_floats(self):
        """As models give them."""
        features = open_features(vector=Feature.raw)
        features.save(Feature(1, raw=np.float32([1, 0]).tobytes()), Feature(2))
        assert ids(features, [1.0, 0.0]) == [1]

    def test_keeps_each_group_apart(self):
        """A feature in several groups is in a graph of each, until it leaves the group."""
        features = open_features(group_by=fan_out(Feature.tags))
        features.save(
            Feature(1, [1.0, 0.0], tags=["x", "y", "x"]), Feature(2, [0.0, 1.0], tags=["y"])
        )
        assert ids(features, [0.0, 1.0], group=("x",)) == [1]
        assert ids(features, [0.0, 1.0], group=("y",)) == [2, 1]
        features.save(Feature(1, [1.0, 0.0], tags=["x"]))
        assert ids(features, [0.0, 1.0], group=("y",)) == [2]
        assert problems(features) == []

    def test_tells_which_rows_are_whose(self):
        """The vector is the record's own; how it is linked is not."""
        features = open_features(group_by=Feature.model)
        record = Feature(1, [1.0, 0.0])
        features.save(record)
        index = features.schema.index("near")

        def read(store):
            plan = store.layout.types[Feature]
            record_id = plan.packed_number + plan.primary_key(record)
            return plan.indexes[0].maintainer.entries(record, record_id), record_id

        entries, record_id = features.read(read)
        assert entries == [(VECTORS + key, value) for key, value in rows(features, VECTORS)]
        assert index.record_id_of(*entries[0]) == record_id
        assert index.record_id_of(ENTRY + b"\x02a\x00", b"") is None

    def test_begins_anew_after_all_is_deleted_in_one_transaction(self):
        """What the transaction remembers of the graph must not outlive its rows."""
        features = open_features()

        def work(store):
            store.save(Feature(1, [1.0, 0.0]))
            store.save(Feature(2, [0.0, 1.0]))
            store.delete_all()
            store.save(Feature(3, [1.0, 1.0]))
            store.save(Feature(1, [0.5, 0.0]))

        features.run(work)
        assert problems(features) == []
        assert sorted(ids(features, [1.0, 0.0])) == [1, 3]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"metric": "manhattan"}, "metric='manhattan' of index 'near' is none of cosine"),
            ({"dimensions": 0}, "dimensions=0 of index 'near' must be 1 or more"),
            ({"num_links": 1}, "num_links=1 of index 'near' must be 2 or more"),
            ({"vector": Feature.tags}, "is over tags, which is"),
            ({"vector": fan_out(Feature.tags)}, "needs one field with one vector"),
        ],
    )
    def test_refuses_what_cannot_be_searched(self, options, message):
        """When it is declared."""
        with pytest.raises(SchemaError, match=message):
            schema_of(**options)

    def test_refuses_a_vector_that_does_not_fit(self):
        """The error names the record and the index, and nothing is written."""
        features = open_features()
        with pytest.raises(
            RecordError, match=r"the vector of Feature \(7,\) for index 'near' has 3 numbers"
        ):
            features.save(Feature(6, [1.0, 0.0]), Feature(7, [1.0, 2.0, 3.0]))
        assert features.load(Feature, 6) is None

    def test_may_search_more_widely_under_the_same_name(self):
        """What the rows do not depend on is no part of the stored schema."""
        wide = schema_of(ef_search=200, ef_construction=300)
        assert wide.fingerprint == schema_of().fingerprint
        assert schema_of(metric="dot").fingerprint != schema_of().fingerprint

    def test_imports_numpy_only_when_it_is_needed(self):
        """A program without vectors pays nothing for them."""
        code = (
            "import sys, glasshouse.records.indexes.vector, glasshouse.records.indexes.nearest;"
            "sys.exit('numpy' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestGraph:
    @settings(max_examples=40, deadline=None)
    @given(
        steps=st.lists(st.tuples(st.integers(0, 14), st.none() | st.integers(0, 59)), max_size=40),
        per_transaction=st.integers(1, 8),
    )
    def test_holds_together_whatever_is_done(self, steps, per_transaction):
        """Every link has two ends, every vector its links, and every vector can be reached."""
        features = Database.open("memory:").store(SMALL, Subspace(("features",)))
        model = {}
        for start in range(0, len(steps), per_transaction):

            def work(store, some=steps[start : start + per_transaction]):
                for number, place in some:
                    if place is None:
                        store.delete(Feature, number)
                    else:
                        store.save(Feature(number, circle(place)))

            features.run(work)
            for number, place in steps[start : start + per_transaction]:
                model[number] = place
            assert problems(features) == []
        there = {number for number, place in model.items() if place is not None}
        assert set(ids(features, [1.0, 0.0], 20, exact=True)) == there

    def test_holds_together_when_most_vectors_go(self):
        """Lists that were cut and repaired still lead to everything that is left."""
        features = open_features(**TIGHT)
        features.save(*[Feature(number, circle(number)) for number in range(60)])
        assert problems(features) == []
        assert max(key[0] for key, _ in rows(features, LINKS)) >= 1

        def thin_out(store):
            for number in range(60):
                if number % 5:
                    store.delete(Feature, number)

        features.run(thin_out)
        assert problems(features) == []
        assert len(rows(features, VECTORS)) == 12

    def test_lets_writers_of_different_places_pass(self):
        """Walking causes no conflict; only links that both change do."""
        features = open_features(**TIGHT)
        features.save(*[Feature(number, circle(number)) for number in range(60)])
        with features.database.transaction() as first, features.database.transaction() as second:
            features.open(first).save(Feature(100, circle(10.4)))
            features.open(second).save(Feature(101, circle(40.4)))
        assert problems(features) == []
        assert len(rows(features, VECTORS)) == 62

    def test_makes_writers_of_one_place_conflict(self):
        """A vector that is taken out beside one that is linked with it would leave a loose end."""
        features = open_features(**TIGHT)
        features.save(Feature(1, circle(1)), Feature(2, circle(2)))

        def race():
            with features.database.transaction() as first:
                features.open(first).save(Feature(3, circle(3)))
                with features.database.transaction() as second:
                    features.open(second).delete(Feature, 2)

        with pytest.raises(ConflictError):
            race()
        assert problems(features) == []

    def test_makes_two_first_vectors_conflict(self):
        """Each would begin a graph of its own."""
        features = open_features()
        features.save(Feature(0))

        def race():
            with features.database.transaction() as first:
                features.open(first).save(Feature(1, [1.0, 0.0]))
                with features.database.transaction() as second:
                    features.open(second).save(Feature(2, [1.0, 0.0]))

        with pytest.raises(ConflictError):
            race()

    @pytest.mark.parametrize(
        ("part", "sentences"),
        [
            (VECTORS, ["in layer 0 have no vector below"]),
            (LINKS + b"\x00", ["has no links", "not there"]),
            (ENTRY, ["in no group that can be entered"]),
        ],
    )
    def test_tells_what_is_wrong_with_it(self, part, sentences):
        """The first row of each kind is taken away."""
        features = open_features(**TIGHT)
        features.save(*[Feature(number, circle(number)) for number in range(20)])
        context = Context(features.database.engine.begin())
        store = features.open(context)
        space = store.index_space("near")
        context.transaction.clear(space + part + rows(features, part)[0][0])
        told = list(features.schema.index("near").check(context.transaction, space))
        context.cancel()
        for sentence in sentences:
            assert any(sentence in one for one in told)

    def test_tells_of_a_link_with_one_end(self):
        """Taking a vector out would not find it."""
        features = open_features()
        features.save(Feature(1, [1.0, 0.0]), Feature(2, [0.0, 1.0]))
        context = Context(features.database.engine.begin())
        space = features.open(context).index_space("near")
        place, _ = rows(features, LINKS + b"\x00")[0]
        context.transaction.set(space + LINKS + b"\x00" + place, encode_links([]))
        told = list(features.schema.index("near").check(context.transaction, space))
        context.cancel()
        assert len(told) == 1
        assert "have one end" in told[0]

    def test_names_a_vector_that_is_gone(self):
        """A damaged store is one clear error."""
        features = open_features(**TIGHT)
        features.save(*[Feature(number, circle(number)) for number in range(20)])

        def damage(store):
            prefix = store.index_space("near") + VECTORS
            store.transaction.clear_range(prefix, strinc(prefix))
            store.save(Feature(50, circle(3)))

        with pytest.raises(CorruptionError, match="whose vector is gone; scrub the store"):
            features.run(damage)


SMALL = schema_of(**TIGHT)
