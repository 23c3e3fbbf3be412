"""What every engine does, whatever it is made of."""

import threading

import pytest
from tests.records.engines.contenders import ENGINES

from glasshouse.errors import ConflictError, EngineError
from glasshouse.records.engines import MAX_KEY_BYTES, MAX_VALUE_BYTES, Mutation, transact
from glasshouse.records.engines.engine import QUICK_BYTES


@pytest.fixture(params=list(ENGINES))
def engine(request, tmp_path):
    with ENGINES[request.param](tmp_path) as opened:
        yield opened


def put(engine, **values):
    def work(transaction):
        for key, value in values.items():
            transaction.set(key.encode(), value)

    transact(engine, work)


def everything(engine):
    return transact(engine, lambda transaction: transaction.get_range(b"", b"\xff"))


def add_one(transaction, key):
    held = transaction.get(key)
    transaction.set(key, bytes([held[0] + 1]))
    return held


def conflicts(transaction):
    try:
        transaction.commit()
    except ConflictError:
        return True
    return False


class TestReading:
    def test_sees_its_moment_and_its_own_writes(self, engine):
        """What others commit meanwhile is not seen; what oneself writes is."""
        put(engine, a=b"1", b=b"2")
        transaction = engine.begin()
        assert transaction.get(b"a") == b"1"
        put(engine, a=b"9", c=b"9")
        transaction.set(b"b", b"3")
        assert transaction.get(b"a") == b"1"
        assert transaction.get(b"b") == b"3"
        assert transaction.get(b"c") is None
        assert transaction.get_range(b"a", b"z") == [(b"a", b"1"), (b"b", b"3")]
        transaction.cancel()

    def test_reads_ranges_both_ways_and_so_many(self, engine):
        """Begin is in the range, end is not."""
        put(engine, a=b"1", b=b"2", c=b"3", d=b"4")
        transaction = engine.begin()
        rows = [(b"b", b"2"), (b"c", b"3")]
        assert transaction.get_range(b"b", b"d") == rows
        assert transaction.get_range(b"b", b"d", reverse=True) == rows[::-1]
        assert transaction.get_range(b"a", b"z", limit=2, reverse=True) == [
            (b"d", b"4"),
            (b"c", b"3"),
        ]
        assert transaction.get_range(b"a", b"z", limit=1) == [(b"a", b"1")]
        assert transaction.get_range(b"x", b"z") == []
        assert transaction.get_range(b"d", b"a") == []
        assert transaction.get_all([b"c", b"x", b"a"]) == [b"3", None, b"1"]
        transaction.cancel()

    def test_merges_its_writes_into_ranges(self, engine):
        """Sets, clears, cleared ranges and atomic operations, each in its place."""
        put(engine, a=b"1", b=b"2", c=b"3", d=b"4", e=b"\x05")
        transaction = engine.begin()
        transaction.clear_range(b"b", b"d")
        transaction.set(b"c", b"new")
        transaction.clear(b"a")
        transaction.mutate(Mutation.ADD, b"e", b"\x01")
        transaction.set(b"f", b"6")
        expected = [(b"c", b"new"), (b"d", b"4"), (b"e", b"\x06"), (b"f", b"6")]
        assert transaction.get_range(b"a", b"z") == expected
        assert transaction.get_range(b"a", b"z", limit=2) == expected[:2]
        assert transaction.get_range(b"a", b"z", limit=3, reverse=True) == expected[:0:-1]
        transaction.commit()
        assert everything(engine) == expected

    def test_takes_long_keys_in_order(self, engine):
        """Keys up to the limit, many of which begin alike, beside short ones."""
        head = b"h" * 500
        keys = [
            head[:-1],
            head,
            head + b"\x00",
            head + b"\x00\x01",
            head + b"a",
            head + b"a" * 8_000,
            head + b"a" * 8_000 + b"\x00",
            head + b"\xff" * 3,
            b"i",
            b"i" * MAX_KEY_BYTES,
        ]

        def work(transaction):
            for key in reversed(keys):
                transaction.set(key, key[-2:])

        transact(engine, work)
        rows = [(key, key[-2:]) for key in keys]
        assert keys == sorted(keys)
        assert everything(engine) == rows
        transaction = engine.begin()
        for begin in range(0, len(keys), 2):
            for end in range(begin, len(keys)):
                window = transaction.get_range(keys[begin], keys[end])
                assert window == rows[begin:end]
                back = transaction.get_range(keys[begin], keys[end], reverse=True, limit=3)
                assert back == rows[begin:end][::-1][:3]
        assert transaction.get(keys[5]) == b"aa"
        assert transaction.get(head + b"nothing") is None
        transaction.clear_range(keys[3], keys[6])
        transaction.clear(keys[8])
        transaction.commit()
        assert [key for key, _ in everything(engine)] == [*keys[:3], *keys[6:8], keys[9]]

    def test_takes_large_and_empty_values(self, engine):
        """Up to the limit; one byte more is refused in a sentence."""
        put(engine, a=b"", b=b"x" * MAX_VALUE_BYTES)
        assert everything(engine) == [(b"a", b""), (b"b", b"x" * MAX_VALUE_BYTES)]
        transaction = engine.begin()
        with pytest.raises(EngineError, match="is too long; 100000 is the most"):
            transaction.set(b"c", b"x" * (MAX_VALUE_BYTES + 1))
        with pytest.raises(EngineError, match="is too long; 10000 is the most"):
            transaction.set(b"x" * (MAX_KEY_BYTES + 1), b"")
        transaction.cancel()

    def test_takes_the_empty_key(self, engine):
        """It comes before all others."""
        transact(engine, lambda one: one.set_all({b"": b"0", b"a": b"1"}))
        rows = [(b"", b"0"), (b"a", b"1")]
        transaction = engine.begin()
        assert transaction.get(b"") == b"0"
        assert transaction.get_all([b"a", b"", b"b"]) == [b"1", b"0", None]
        assert transaction.get_range(b"", b"b") == rows
        assert transaction.get_range(b"", b"b", limit=1) == rows[:1]
        assert transaction.get_range(b"", b"b", reverse=True) == rows[::-1]
        assert transaction.get_range(b"", b"b", limit=1, reverse=True) == rows[1:]
        transaction.set(b"", b"")
        transaction.commit()
        assert everything(engine) == [(b"", b""), (b"a", b"1")]
        transact(engine, lambda one: one.clear_range(b"", b"a"))
        assert everything(engine) == [(b"a", b"1")]

    def test_reads_its_writes_over_a_cleared_range(self, engine):
        """Cleared, set again, counted up from nothing: in that order, however it is asked."""
        put(engine, a=b"\x09", b=b"\x09", c=b"\x09")
        transaction = engine.begin()
        transaction.clear_range(b"a", b"c")
        transaction.set(b"a", b"\x01")
        transaction.mutate(Mutation.ADD, b"a", b"\x01")
        transaction.mutate(Mutation.ADD, b"b", b"\x01")
        transaction.mutate(Mutation.ADD, b"c", b"\x01")
        rows = [(b"a", b"\x02"), (b"b", b"\x01"), (b"c", b"\x0a")]
        assert transaction.get_all([b"a", b"b", b"c"]) == [value for _, value in rows]
        assert transaction.get_range(b"a", b"z") == rows
        transaction.clear(b"c")
        transaction.clear_range(b"b", b"b\x00")
        assert transaction.get_range(b"a", b"z", reverse=True) == rows[:1]
        assert transaction.get(b"c") is None
        transaction.commit()
        assert everything(engine) == rows[:1]

    def test_reads_on_behind_much_that_it_cleared(self, engine):
        """A limit counts what is left, of the store's rows and of its own."""
        keys = [b"k%04d" % number for number in range(1_000)]
        transact(engine, lambda one: one.set_all(dict.fromkeys(keys, b"v")))
        transaction = engine.begin()
        for start in range(0, 1_000, 100):
            transaction.clear_range(keys[start + 10], keys[start + 99])
        transaction.set(keys[500], b"own")
        left = [key for number, key in enumerate(keys) if not 10 <= number % 100 < 99]
        for limit in (1, 7, 25, 109, 110, None):
            rows = transaction.get_range(b"k", b"l", limit=limit)
            assert [key for key, _ in rows] == left[:limit]
            rows = transaction.get_range(b"k", b"l", limit=limit, reverse=True)
            assert [key for key, _ in rows] == left[::-1][:limit]
        transaction.cancel()

    def test_reads_more_rows_than_one_step(self, engine):
        """A range of thousands, whole and in pages, both ways."""
        keys = [b"k%05d" % number for number in range(5_000)]
        transact(engine, lambda one: one.set_all(dict.fromkeys(keys, b"v")))
        transaction = engine.begin()
        assert [key for key, _ in transaction.get_range(b"k", b"l")] == keys
        assert [key for key, _ in transaction.get_range(b"k", b"l", reverse=True)] == keys[::-1]
        assert [key for key, _ in transaction.get_range(keys[9], b"l", limit=2500)] == keys[9:2509]
        transaction.cancel()


class TestConflicts:
    def test_a_lost_update_is_refused(self, engine):
        """Two who read and write the same key: the second to commit must try again."""
        put(engine, a=b"1")
        one, other = engine.begin(), engine.begin()
        for transaction in (one, other):
            transaction.get(b"a")
        one.set(b"a", b"2")
        other.set(b"a", b"3")
        one.commit()
        assert conflicts(other)
        assert everything(engine) == [(b"a", b"2")]

    def test_write_skew_is_refused(self, engine):
        """Each reads what the other writes."""
        put(engine, a=b"1", b=b"1")
        one, other = engine.begin(), engine.begin()
        assert (one.get(b"a"), other.get(b"b")) == (b"1", b"1")
        one.set(b"b", b"0")
        other.set(b"a", b"0")
        one.commit()
        assert conflicts(other)

    def test_a_phantom_is_refused(self, engine):
        """A row that appears in a range that was read counts as well."""
        put(engine, a=b"1")
        one, other = engine.begin(), engine.begin()
        one.get_range(b"a", b"m")
        other.get_range(b"a", b"m")
        one.set(b"b", b"1")
        other.set(b"c", b"1")
        one.commit()
        assert conflicts(other)

    def test_blind_writes_and_atomic_operations_go_through(self, engine):
        """Who reads nothing depends on nothing; counters add up."""
        put(engine, n=(5).to_bytes(8, "little"))
        several = [engine.begin() for _ in range(3)]
        for transaction in several:
            transaction.mutate(Mutation.ADD, b"n", (2).to_bytes(8, "little"))
        for transaction in several:
            transaction.commit()
        assert everything(engine) == [(b"n", (11).to_bytes(8, "little"))]

    def test_snapshot_reads_conflict_with_nobody(self, engine):
        """They are for who can live with an older answer."""
        put(engine, a=b"1")
        transaction = engine.begin()
        assert transaction.get(b"a", snapshot=True) == b"1"
        assert transaction.get_range(b"a", b"b", snapshot=True) == [(b"a", b"1")]
        put(engine, a=b"2")
        transaction.set(b"b", b"1")
        assert not conflicts(transaction)

    def test_a_limited_range_conflicts_as_far_as_it_was_read(self, engine):
        """What lies behind the last row returned was not read."""
        put(engine, a=b"1", b=b"1", y=b"1")
        near, far = engine.begin(), engine.begin()
        for transaction in (near, far):
            transaction.get_range(b"a", b"z", limit=1)
            transaction.set(b"x" if transaction is far else b"w", b"1")
        put(engine, y=b"2")
        assert not conflicts(far)
        put(engine, a=b"2")
        assert conflicts(near)

    def test_ranges_can_be_claimed(self, engine):
        """A read conflict range counts as read, a write conflict range as written."""
        one, other, third = engine.begin(), engine.begin(), engine.begin()
        other.add_read_conflict_range(b"m", b"n")
        other.set(b"x", b"1")
        third.add_read_conflict_range(b"n", b"o")
        third.set(b"y", b"1")
        for transaction in (one, other, third):
            transaction.get(b"unrelated")
        one.add_write_conflict_range(b"m", b"m\x00")
        one.commit()
        assert conflicts(other)
        assert not conflicts(third)

    def test_a_row_given_last_is_read_from_behind_as_well(self, engine):
        """Descending, what lies before the last row returned was not read."""
        put(engine, a=b"1", y=b"1", z=b"1")
        near, far = engine.begin(), engine.begin()
        for transaction in (near, far):
            transaction.get_range(b"a", b"zz", limit=2, reverse=True)
            transaction.set(b"0" if transaction is far else b"1", b"1")
        put(engine, b=b"2")
        assert not conflicts(far)
        put(engine, y=b"2")
        assert conflicts(near)

    def test_a_missing_key_is_read_too(self, engine):
        """Who saw that nothing was there depends on that."""
        one, other = engine.begin(), engine.begin()
        for transaction in (one, other):
            assert transaction.get_all([b"a", b"b"]) == [None, None]
            transaction.set(b"c", b"1")
        put(engine, b=b"1")
        assert conflicts(one)
        other.cancel()

    def test_what_it_wrote_itself_is_not_read(self, engine):
        """A value that it set, and a key that it cleared, are its own affair."""
        transaction = engine.begin()
        transaction.set(b"a", b"1")
        transaction.clear_range(b"b", b"c")
        assert transaction.get(b"a") == b"1"
        assert transaction.get(b"b") is None
        put(engine, a=b"2", b=b"2")
        assert not conflicts(transaction)
        assert everything(engine) == [(b"a", b"1")]

    def test_an_operation_whose_outcome_was_read_conflicts(self, engine):
        """To know what a counter becomes is to read it."""
        put(engine, n=b"\x01")
        transaction = engine.begin()
        transaction.mutate(Mutation.ADD, b"n", b"\x01")
        assert transaction.get(b"n") == b"\x02"
        put(engine, n=b"\x05")
        assert conflicts(transaction)

    def test_a_cleared_range_makes_its_readers_conflict(self, engine):
        """As if each of its rows had been cleared."""
        put(engine, a=b"1", b=b"1", c=b"1")
        one, other = engine.begin(), engine.begin()
        one.get(b"b")
        other.get(b"c")
        for transaction in (one, other):
            transaction.set(b"z", b"1")
        transact(engine, lambda third: third.clear_range(b"a", b"c"))
        assert conflicts(one)
        assert not conflicts(other)

    def test_reading_alone_never_conflicts(self, engine):
        """A transaction that only reads was right about its moment."""
        put(engine, a=b"1")
        transaction = engine.begin()
        transaction.get(b"a")
        put(engine, a=b"2")
        assert not conflicts(transaction)


class TestWriting:
    def test_happens_all_at_once_or_not_at_all(self, engine):
        """Cancelled and conflicting transactions leave nothing."""
        transaction = engine.begin()
        transaction.set(b"a", b"1")
        transaction.cancel()
        assert everything(engine) == []

    @pytest.mark.parametrize(
        ("mutation", "held", "parameter", "result"),
        [
            (Mutation.ADD, None, b"\x01\x00", b"\x01\x00"),
            (Mutation.ADD, b"\xff\x00", b"\x01\x00", b"\x00\x01"),
            (Mutation.ADD, b"\xff\xff", b"\x02\x00", b"\x01\x00"),
            (Mutation.ADD, b"\x01\x01\x01", b"\x01\x00", b"\x02\x01"),
            (Mutation.ADD, b"\x01", b"\xff\xff", b"\x00\x00"),
            (Mutation.MIN, None, b"\x07", b"\x07"),
            (Mutation.MIN, b"\x00\x01", b"\x02\x00", b"\x02\x00"),
            (Mutation.MAX, b"\x00\x01", b"\x02\x00", b"\x00\x01"),
            (Mutation.BYTE_MIN, b"b", b"abc", b"abc"),
            (Mutation.BYTE_MAX, b"b", b"abc", b"b"),
            (Mutation.BYTE_MAX, None, b"abc", b"abc"),
        ],
    )
    def test_applies_atomic_operations(self, engine, mutation, held, parameter, result):
        """Little-endian numbers of the parameter's length; byte strings in their order."""
        if held is not None:
            put(engine, k=held)
        transaction = engine.begin()
        transaction.mutate(mutation, b"k", parameter)
        assert transaction.get(b"k", snapshot=True) == result
        transaction.commit()
        assert everything(engine) == [(b"k", result)]

    def test_applies_operations_in_order(self, engine):
        """Several on one key, around a set and a clear."""
        put(engine, a=b"\x09", b=b"\x09")
        transaction = engine.begin()
        for mutation, number in ((Mutation.ADD, 1), (Mutation.MAX, 20), (Mutation.ADD, 2)):
            transaction.mutate(mutation, b"a", bytes([number]))
        transaction.clear(b"b")
        transaction.mutate(Mutation.ADD, b"b", b"\x03")
        transaction.set(b"c", b"\x01")
        transaction.mutate(Mutation.ADD, b"c", b"\x03")
        for number in (b"\xff", b"\x02", b"\x01\x01", b"\x01\x00"):
            transaction.mutate(Mutation.ADD, b"d", number)
        transaction.commit()
        assert everything(engine) == [
            (b"a", b"\x16"),
            (b"b", b"\x03"),
            (b"c", b"\x04"),
            (b"d", b"\x03\x01"),
        ]

    def test_stamps_versions_in_the_order_of_commits(self, engine):
        """In keys and in values; the transaction itself knows its version afterwards."""
        versions = []
        for turn in range(3):
            transaction = engine.begin()
            transaction.set_versionstamped_key(b"k" + bytes(10) + b"%d" % turn, 1, b"v")
            transaction.set_versionstamped_value(b"v%d" % turn, b"<" + bytes(10) + b">", 1)
            with pytest.raises(EngineError, match="read it after"):
                transaction.get(b"v%d" % turn)
            transaction.commit()
            versions.append(transaction.committed_version)
        assert versions == sorted(versions)
        rows = everything(engine)
        assert [row[0] for row in rows[:3]] == [
            b"k" + version + b"%d" % turn for turn, version in enumerate(versions)
        ]
        assert [row[1] for row in rows[3:]] == [b"<" + version + b">" for version in versions]

    def test_clears_what_it_stamped(self, engine):
        """What is cleared afterwards goes, wherever the version put it; what comes later stays."""
        transaction = engine.begin()
        for number in range(2):
            transaction.set_versionstamped_key(b"k" + bytes(10) + b"%d" % number, 1, b"v")
            transaction.set_versionstamped_value(b"v", bytes(10), 0)
            if number == 0:
                transaction.clear_range(b"k", b"l")
                transaction.clear(b"v")
        transaction.clear_range(b"v", b"w")
        transaction.commit()
        assert everything(engine) == [(b"k" + transaction.committed_version + b"1", b"v")]

    def test_knows_its_newest_version(self, engine):
        """What a backup remembers; a transaction that wrote nothing has none."""
        transaction = engine.begin()
        transaction.set(b"a", b"1")
        assert transaction.committed_version is None
        transaction.commit()
        assert len(transaction.committed_version) == 10
        assert engine.newest_version() >= transaction.committed_version
        reading = engine.begin()
        reading.get(b"a")
        reading.commit()
        assert reading.committed_version is None

    def test_writes_nothing_of_what_it_refuses(self, engine):
        """A key, a value, an offset too long: each in a sentence, and the transaction goes on."""
        transaction = engine.begin()
        for rows in (
            {b"a": b"1", b"x" * (MAX_KEY_BYTES + 1): b""},
            {b"a": b"1", b"b": b"x" * (MAX_VALUE_BYTES + 1)},
        ):
            with pytest.raises(EngineError, match="is too long"):
                transaction.set_all(rows)
        for refused in (
            lambda: transaction.clear(b"x" * (MAX_KEY_BYTES + 1)),
            lambda: transaction.mutate(Mutation.ADD, b"x" * (MAX_KEY_BYTES + 1), b"1"),
        ):
            with pytest.raises(EngineError, match="is too long"):
                refused()
        with pytest.raises(EngineError, match="offset=1 leaves no room"):
            transaction.set_versionstamped_key(bytes(10), 1, b"")
        with pytest.raises(EngineError, match="offset=-1 leaves no room"):
            transaction.set_versionstamped_value(b"k", bytes(10), -1)
        transaction.set(b"c", b"3")
        transaction.commit()
        assert everything(engine) == [(b"c", b"3")]

    def test_refuses_to_write_when_it_is_to_read(self, engine):
        """It remembers nothing of what it read, so nothing could be checked."""
        put(engine, a=b"1")
        transaction = engine.begin(read_only=True)
        assert transaction.get(b"a") == b"1"
        assert transaction.get_range(b"a", b"b") == [(b"a", b"1")]
        for refused in (
            lambda: transaction.set(b"a", b"2"),
            lambda: transaction.set_all({b"b": b"2"}),
            lambda: transaction.clear(b"a"),
            lambda: transaction.clear_range(b"a", b"b"),
            lambda: transaction.mutate(Mutation.ADD, b"a", b"1"),
            lambda: transaction.set_versionstamped_key(bytes(10), 0, b""),
            lambda: transaction.set_versionstamped_value(b"a", bytes(10), 0),
            lambda: transaction.add_write_conflict_range(b"a", b"b"),
        ):
            with pytest.raises(EngineError, match="read-only"):
                refused()
        assert transaction.get(b"a") == b"1"
        transaction.commit()
        assert everything(engine) == [(b"a", b"1")]

    def test_reads_quickly_what_it_reads_otherwise(self, engine):
        """Own writes included, and nothing behind the end."""
        put(engine, a=b"1")
        for read_only in (False, True):
            transaction, forgotten = engine.begin(read_only=read_only), list[int]()
            read = transaction.quick(lambda: forgotten.append(1))  # noqa: B023
            assert read(b"a") == b"1"
            assert read(b"k" * QUICK_BYTES) is None
            if not read_only:
                transaction.set(b"a", b"2")
                assert read(b"a") == b"2"
                transaction.clear_range(b"a", b"b")
                assert read(b"a") is None
            transaction.cancel()
            if not forgotten:
                with pytest.raises(EngineError, match="has ended"):
                    read(b"a")

    def test_remembers_what_it_read_quickly(self, engine):
        """Somebody else's change of it is a conflict."""
        put(engine, a=b"1")
        transaction = engine.begin()
        assert transaction.quick(lambda: None)(b"a") == b"1"
        put(engine, a=b"2")
        transaction.set(b"b", b"1")
        with pytest.raises(ConflictError):
            transaction.commit()

    def test_goes_on_from_a_later_version(self, engine):
        """What a restore needs: versions that never repeat."""
        engine.advance_version((1 << 40).to_bytes(8, "big") + bytes(2))
        transaction = engine.begin()
        transaction.set(b"a", b"1")
        transaction.commit()
        assert transaction.committed_version > (1 << 40).to_bytes(8, "big") + bytes(2)
        fresh = engine.begin()
        assert fresh.committed_version is None
        fresh.cancel()

    def test_keeps_others_out_when_exclusive(self, engine):
        """The last resort of a retry loop commits whatever it has read."""
        put(engine, a=b"1")
        transaction = engine.begin(exclusive=True)
        assert transaction.get(b"a") == b"1"
        transaction.set(b"a", b"2")
        transaction.commit()
        put(engine, a=b"3")
        assert everything(engine) == [(b"a", b"3")]

    def test_waits_while_another_is_exclusive(self, engine):
        """Whoever commits meanwhile does so after it, and then finds what it wrote."""
        if type(engine).__name__ == "FoundationDBEngine":
            pytest.skip("a FoundationDB cluster keeps nobody out")
        put(engine, a=b"1")
        exclusive = engine.begin(exclusive=True)
        found = []
        thread = threading.Thread(
            target=lambda: found.append(transact(engine, lambda one: add_one(one, b"a")))
        )
        thread.start()
        thread.join(0.1)
        assert not found
        assert exclusive.get(b"a") == b"1"
        exclusive.set(b"a", b"7")
        exclusive.commit()
        thread.join()
        assert found == [b"7"]
        assert everything(engine) == [(b"a", b"8")]

    def test_does_not_wait_for_itself(self, engine):
        """A thread that keeps others out and then is one of them would wait for ever."""
        if type(engine).__name__ == "FoundationDBEngine":
            pytest.skip("a FoundationDB cluster keeps nobody out")
        exclusive, other = engine.begin(exclusive=True), engine.begin()
        other.set(b"a", b"1")
        with pytest.raises(EngineError, match="this thread has an exclusive transaction open"):
            other.commit()
        with pytest.raises(EngineError, match="this thread has an exclusive transaction open"):
            engine.begin(exclusive=True)
        exclusive.cancel()
        put(engine, a=b"2")

    def test_refuses_use_after_the_end(self, engine):
        """An ended transaction says so, whatever it is asked, and however it ended."""
        for end in ("commit", "cancel"):
            transaction = engine.begin()
            transaction.set(b"a", b"1")
            get, put_ = transaction.get, transaction.set
            getattr(transaction, end)()
            for use in (
                lambda get=get: get(b"a"),
                lambda put_=put_: put_(b"a", b"1"),
                lambda one=transaction: one.get(b"a"),
                lambda one=transaction: one.get_all([b"a"]),
                lambda one=transaction: one.get_range(b"a", b"b"),
                lambda one=transaction: one.set(b"a", b"1"),
                lambda one=transaction: one.set_all({b"a": b"1"}),
                lambda one=transaction: one.clear(b"a"),
                lambda one=transaction: one.clear_range(b"a", b"b"),
                lambda one=transaction: one.mutate(Mutation.ADD, b"a", b"1"),
                lambda one=transaction: one.set_versionstamped_key(bytes(10), 0, b""),
                lambda one=transaction: one.set_versionstamped_value(b"a", bytes(10), 0),
                lambda one=transaction: one.add_read_conflict_range(b"a", b"b"),
                lambda one=transaction: one.add_write_conflict_range(b"a", b"b"),
                lambda one=transaction: one.commit(),
            ):
                with pytest.raises(EngineError, match="has ended"):
                    use()
            transaction.cancel()
        assert everything(engine) == [(b"a", b"1")]

    def test_cancels_what_is_open_when_the_engine_closes(self, engine):
        """Nothing of it is written, and nothing can be begun."""
        transaction = engine.begin()
        transaction.set(b"a", b"1")
        engine.close()
        with pytest.raises(EngineError):
            transaction.commit()
        with pytest.raises(EngineError, match="is closed"):
            engine.begin()

    def test_counts_what_it_will_write(self, engine):
        """So that who writes much can end in time."""
        transaction = engine.begin()
        transaction.set(b"ab", b"cde")
        transaction.clear_range(b"x", b"yz")
        assert transaction.approximate_size >= 8
        transaction.cancel()


class TestWatches:
    def test_wake_when_the_value_changes(self, engine):
        """Only a change of the watched key counts."""
        put(engine, a=b"1")
        transaction = engine.begin()
        watch = transaction.watch(b"a")
        transaction.commit()
        put(engine, b=b"1")
        assert not watch.wait(0.05)
        put(engine, a=b"2")
        assert watch.wait(5)
        watch.cancel()

    def test_wait_for_a_change_that_is_yet_to_come(self, engine):
        """Another thread makes it while this one waits."""
        transaction = engine.begin()
        watch = transaction.watch(b"a")
        transaction.commit()
        timer = threading.Timer(0.05, lambda: put(engine, a=b"1"))
        timer.start()
        assert watch.wait(10)
        timer.join()
