"""The ranked set, against sorted lists, alone and with transactions that cross."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.errors import ConflictError, CorruptionError
from glasshouse.records.engines import open_engine, transact
from glasshouse.records.indexes.ranked_set import NUM_LEVELS, RankedSet, check, height_of
from glasshouse.records.tuples import pack, read_element

SPACE = b"s"
LETTERS = [b"%02d" % number for number in range(40)]
members = st.sampled_from(LETTERS)
steps = st.lists(st.dictionaries(members, st.none(), max_size=12), max_size=6)


def change(engine, changes, *, group=b"", bits=1):
    transact(engine, lambda one: RankedSet(one, SPACE, group, bits=bits).change(changes))


def toggled(present, chosen):
    """What is to be there of the members chosen: those that are not."""
    return {member: member not in present for member in chosen}


def problems(engine, end_of_group=lambda key, at: at, *, bits=1):
    return list(check(engine.begin(), SPACE, end_of_group, bits=bits))


def levels(engine, level):
    """The counts of a level, of the group without a name."""
    rows = engine.begin().get_range(SPACE + bytes((level,)), SPACE + bytes((level + 1,)))
    return {key[2:]: int.from_bytes(value, "little") for key, value in rows}


def agrees(reading, ordered, *, group=b"", bits=1, step=1):
    """Whether questions have the answers that a sorted list gives, at every so many places."""
    found, num = RankedSet(reading, SPACE, group, bits=bits), len(ordered)
    return (
        found.size() == num
        and [found.rank(member) for member in ordered[::step]] == list(range(0, num, step))
        and [found.member_at(place) for place in range(0, num, step)] == ordered[::step]
        and found.member_at(num) is None
        and found.rank(b"") == 0
        and found.rank(b"zz") == num
    )


class TestHeightOf:
    @pytest.mark.parametrize(
        "member",
        [
            lambda number: pack((number, 1, number)),
            lambda number: pack((float(number), 1, number)),
            lambda number: pack((number % 10, 1, number)),
            lambda number: pack((f"run {number}", 1)),
        ],
    )
    def test_thins_out_level_by_level(self, member: Callable[[int], bytes]):
        """Numbers that count upwards are thinned like any others: four standard deviations.

        Nor is there a long stretch without a finger, all of which a question would have to read:
        at random, one of fifteen times the mean comes once in three million.
        """
        kept = [height_of(member(number), 4) for number in range(3_000)]
        for level in range(1, NUM_LEVELS):
            expected = 3_000 / 16**level
            assert abs(sum(one >= level for one in kept) - expected) < 4 * expected**0.5 + 1
        fingers = [place for place, height in enumerate(kept) if height]
        assert max(b - a for a, b in pairwise([0, *fingers, 3_000])) < 15 * 16


class TestRankedSet:
    def test_counts_from_finger_to_finger(self):
        """By hand: five members; whether each is a finger is known from its hash."""
        tall = [one for one in LETTERS if height_of(one, 1) == 1][:2]
        flat = [one for one in LETTERS if height_of(one, 1) == 0]
        before = [one for one in flat if one < tall[0]][:1]
        between = [one for one in flat if tall[0] < one < tall[1]][:1]
        after = [one for one in flat if one > tall[1]][:1]
        engine = open_engine("memory:")
        for member in [*tall, *after, *between, *before]:
            change(engine, {member: True})
        assert levels(engine, 1) == {
            b"": len(before),
            tall[0]: 1 + len(between),
            tall[1]: 1 + len(after),
        }
        assert levels(engine, 2) == {b"": 2 + len(before) + len(between) + len(after)}
        change(engine, {tall[0]: False})
        assert levels(engine, 1) == {b"": len(before) + len(between), tall[1]: 1 + len(after)}

    def test_is_empty_before_anything_is_added(self):
        """Nothing has to be made first."""
        assert agrees(open_engine("memory:").begin(), [])

    @settings(max_examples=40, deadline=None)
    @given(transactions=steps, bits=st.sampled_from([1, 2, 6]))
    def test_is_a_sorted_list_with_places(self, transactions, bits):
        """Whatever comes and goes, in transactions of any size."""
        engine, present = open_engine("memory:"), set()
        for chosen in transactions:
            change(engine, toggled(present, chosen), bits=bits)
            present ^= set(chosen)
        assert problems(engine, bits=bits) == []
        assert agrees(engine.begin(), sorted(present), bits=bits)

    @settings(max_examples=20, deadline=None)
    @given(parts=steps)
    def test_counts_on_within_a_transaction(self, parts):
        """Several rounds of changes in one transaction add up, whatever the earlier ones did."""
        engine, present = open_engine("memory:"), set()
        change(engine, toggled(present, LETTERS[::3]))
        present ^= set(LETTERS[::3])

        def work(one):
            for chosen in parts:
                RankedSet(one, SPACE, bits=1).change(toggled(present, chosen))
                present.symmetric_difference_update(chosen)
                assert agrees(one, sorted(present), step=7)

        transact(engine, work)
        assert problems(engine) == []

    def test_keeps_groups_apart(self):
        """One group's counts do not see another's, nor does the end of one the next."""
        engine = open_engine("memory:")
        groups = {pack((name,)): LETTERS[start::2] for start, name in enumerate(["a", "b"])}
        for group, chosen in groups.items():
            change(engine, dict.fromkeys(chosen, True), group=group)
        for group, chosen in groups.items():
            assert agrees(engine.begin(), chosen, group=group)
        assert problems(engine, lambda key, at: read_element(key, at)[1]) == []

    def test_says_when_a_count_promises_what_is_not_there(self):
        """A wrong count is an error, not a wrong record."""
        engine = open_engine("memory:")
        change(engine, dict.fromkeys(LETTERS[:3], True), bits=6)
        transact(engine, lambda one: one.clear(SPACE + b"\x00" + LETTERS[0]))
        with pytest.raises(CorruptionError, match="counts a member of rank 2"):
            RankedSet(engine.begin(), SPACE).member_at(2)


class TestRankedSetConflicts:
    @pytest.mark.parametrize("url", ["memory:", "lmdb"])
    @settings(max_examples=12, deadline=None)
    @given(seed=st.integers(0, 1 << 30), num=st.integers(2, 4), is_dense=st.booleans())
    def test_counts_hold_when_transactions_cross(self, url, seed, num, is_dense, tmp_path_factory):
        """Transactions that all began together each commit as a whole or conflict."""
        folder = tmp_path_factory.mktemp("crossing")
        engine = open_engine(url if url == "memory:" else f"lmdb:{folder}?sync=off&map_gib=1")
        draw, present = random.Random(seed), set()
        if is_dense:
            change(engine, toggled(present, LETTERS[::2]))
            present ^= set(LETTERS[::2])
        for _ in range(8):
            crossing, chosen = [], draw.sample(LETTERS, 3 * num)
            for place in range(num):  # no two touch the same member: their records would conflict
                mine = chosen[place::num][: draw.randint(1, 3)]
                one = engine.begin()
                RankedSet(one, SPACE, bits=1).change(toggled(present, mine))
                crossing.append((one, mine))
            draw.shuffle(crossing)
            for one, mine in crossing:
                try:
                    one.commit()
                except ConflictError:
                    continue
                present ^= set(mine)
        assert problems(engine) == []
        assert agrees(engine.begin(), sorted(present))
        engine.close()

    def test_insertions_apart_do_not_conflict(self):
        """Those that are no fingers add to the same counts, and all commit."""
        engine = open_engine("memory:")
        flat = [b"%04d" % number for number in range(200) if not height_of(b"%04d" % number)]
        transactions = [engine.begin() for _ in range(5)]
        for transaction, member in zip(transactions, flat, strict=False):
            RankedSet(transaction, SPACE).change({member: True})
        for transaction in transactions:
            transaction.commit()
        assert problems(engine, bits=6) == []
        assert RankedSet(engine.begin(), SPACE).size() == 5

    @pytest.mark.parametrize("is_first", [True, False])
    @pytest.mark.parametrize("splits", [True, False])
    def test_whoever_counts_on_a_finger_conflicts_with_its_change(self, is_first, splits):
        """One adds behind a finger; the other puts a finger between, or removes that finger."""
        tall, *_ = (one for one in LETTERS[9:] if height_of(one, 1) >= 1)
        member = next(one for one in LETTERS if one > tall and height_of(one, 1) == 0)
        engine = open_engine("memory:")
        if not splits:
            change(engine, {tall: True})
        one, other = engine.begin(), engine.begin()
        RankedSet(one, SPACE, bits=1).change({member: True})
        RankedSet(other, SPACE, bits=1).change({tall: splits})
        first, second = (one, other) if is_first else (other, one)
        first.commit()
        with pytest.raises(ConflictError):
            second.commit()
        assert problems(engine) == []

    def test_reading_a_rank_conflicts_unless_it_is_a_snapshot(self):
        """A transaction that decides by a rank must know that it still holds."""
        engine = open_engine("memory:")
        change(engine, dict.fromkeys(LETTERS[:9], True))
        for snapshot in (True, False):
            one = engine.begin()
            assert RankedSet(one, SPACE, bits=1, snapshot=snapshot).rank(LETTERS[8]) >= 8
            one.set(b"decided", b"")
            change(engine, {b"00" + bytes((snapshot,)): True})
            if snapshot:
                one.commit()
            else:
                with pytest.raises(ConflictError):
                    one.commit()


class TestCheck:
    def test_finds_each_kind_of_wrong_count(self):
        """A lost member, a count too many, a finger that is none, a finger without count."""
        engine = open_engine("memory:")
        group = pack(("a",))
        change(engine, dict.fromkeys(LETTERS, True), group=group)
        tall = next(one for one in LETTERS if height_of(one, 1) == 1)
        flat = next(one for one in LETTERS if height_of(one, 1) == 0)

        def found(damage):
            one = engine.begin()
            damage(one)
            return list(check(one, SPACE, lambda key, at: read_element(key, at)[1], bits=1))

        number = (1).to_bytes(8, "little")
        assert found(lambda one: None) == []
        (told, *_) = found(lambda one: one.clear(SPACE + b"\x00" + group + flat))
        assert told.startswith("level 1 counts")
        (told,) = found(lambda one: one.set(SPACE + b"\x01" + group + flat, number))
        assert told.startswith("level 1 has a finger at")
        (told,) = found(lambda one: one.clear(SPACE + b"\x01" + group + tall))
        assert told.startswith("level 1 does not count the")
        (told,) = found(lambda one: one.set(SPACE + b"\x02" + pack(("b",)), number))
        assert "instead of 0" in told

    def test_lets_the_zeros_of_an_empty_group_be(self):
        """A group that was left keeps its heads, which count nothing."""
        engine = open_engine("memory:")
        change(engine, dict.fromkeys(LETTERS, True))
        change(engine, dict.fromkeys(LETTERS, False))
        assert set(levels(engine, 1).values()) == {0}
        assert problems(engine) == []
