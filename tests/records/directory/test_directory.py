"""Directories: a tree of names over short prefixes, and FoundationDB's own beside it."""

import random
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from glasshouse.errors import ConflictError, EngineError
from glasshouse.records import DirectoryLayer, Interned, PrefixAllocator, Subspace, open_engine
from glasshouse.records.engines.engine import Engine, Transaction
from glasshouse.records.engines.retrying import transact
from glasshouse.records.tuples import unpack

T = TypeVar("T")


@pytest.fixture
def engine() -> Engine:
    return open_engine("memory:")


def do(engine: Engine, work: Callable[[Transaction], T]) -> T:
    return transact(engine, work)


def rows(engine: Engine) -> list[tuple[bytes, bytes]]:
    return do(engine, lambda t: t.get_range(b"", b"\xff\xff"))


class TestDirectoryLayer:
    """Names."""

    def test_gives_each_directory_a_short_prefix_of_its_own(self, engine):
        """And finds it again by its name."""
        layer = DirectoryLayer()
        first = do(engine, lambda t: layer.create_or_open(t, ("lab", "runs")))
        other = do(engine, lambda t: layer.create_or_open(t, ("lab", "features")))
        again = do(engine, lambda t: layer.open(t, ("lab", "runs")))
        assert first.key == again.key != other.key
        assert len(first.key) <= 2
        assert first.path == ("lab", "runs")
        assert do(engine, lambda t: layer.list(t, "lab")) == ["features", "runs"]
        assert do(engine, layer.list) == ["lab"]

    def test_moves_a_directory_without_its_keys(self, engine):
        """They stay where they are."""
        layer = DirectoryLayer()
        runs = do(engine, lambda t: layer.create(t, ("lab", "runs")))
        do(engine, lambda t: t.set(runs.pack((1,)), b"kept"))
        moved = do(engine, lambda t: runs.move_to(t, ("lab", "old")))
        assert moved.key == runs.key
        assert do(engine, lambda t: t.get(moved.pack((1,)))) == b"kept"
        assert not do(engine, runs.exists)
        assert do(engine, lambda t: layer.list(t, "lab")) == ["old"]

    def test_removes_all_that_lies_in_it(self, engine):
        """Keys, subdirectories, names; and nothing beside it."""
        layer = DirectoryLayer()
        do(engine, lambda t: layer.create(t, "kept"))
        before = len(rows(engine))
        lab = do(engine, lambda t: layer.create(t, "lab"))
        deep = do(engine, lambda t: lab.create_or_open(t, ("a", "b")))
        do(engine, lambda t: t.set(deep.pack((1,)), b"x"))
        do(engine, lab.remove)
        assert do(engine, layer.list) == ["kept"]
        # what is left are three numbers that will not be given again
        assert len(rows(engine)) <= before + 3
        with pytest.raises(EngineError, match="/lab is not there"):
            do(engine, lambda t: layer.remove(t, "lab"))
        assert not do(engine, lambda t: layer.remove_if_exists(t, "lab"))

    def test_keeps_what_kind_of_thing_lies_in_it(self, engine):
        """And refuses to open it as another."""
        layer = DirectoryLayer()
        do(engine, lambda t: layer.create(t, "a", layer=b"queue"))
        assert do(engine, lambda t: layer.open(t, "a")).layer == b"queue"
        with pytest.raises(EngineError, match="has the layer b'queue', not b'map'"):
            do(engine, lambda t: layer.open(t, "a", layer=b"map"))

    def test_keeps_a_partition_s_names_inside_it(self, engine):
        """So that all of it is one range; it has no keys of its own."""
        layer = DirectoryLayer()
        part = do(engine, lambda t: layer.create(t, ("x", "part"), layer=b"partition"))
        inside = do(engine, lambda t: layer.create(t, ("x", "part", "in", "deep")))
        assert inside.key.startswith(part.raw_prefix)
        assert inside.path == ("x", "part", "in", "deep")
        assert do(engine, part.list) == ["in"]
        assert do(engine, lambda t: layer.list(t, ("x", "part", "in"))) == ["deep"]
        with pytest.raises(EngineError, match="partition"):
            part.pack((1,))
        do(engine, lambda t: layer.create(t, "out"))
        with pytest.raises(EngineError, match="one partition to another"):
            do(engine, lambda t: layer.move(t, "out", ("x", "part", "out")))
        moved = do(engine, lambda t: inside.move_to(t, ("x", "part", "up")))
        assert moved.key == inside.key
        do(engine, part.remove)
        assert not [key for key, _ in rows(engine) if key.startswith(part.raw_prefix)]

    @pytest.mark.parametrize(
        ("work", "sentence"),
        [
            (lambda layer, t: layer.open(t, ()), "root directory"),
            (lambda layer, t: layer.remove(t, ()), "cannot be removed"),
            (lambda layer, t: layer.open(t, "b"), "/b is not there"),
            (lambda layer, t: layer.create(t, "a"), "there already"),
            (lambda layer, t: layer.list(t, "b"), "/b is not there"),
            (lambda layer, t: layer.move(t, "a", ("a", "b")), "lies inside"),
            (lambda layer, t: layer.move(t, "a", ("b", "c")), "/b is not there"),
            (lambda layer, t: layer.move(t, "a", "c"), "/c is there already"),
            (lambda layer, t: layer.create(t, "d", prefix=b"x"), "allow_manual_prefixes"),
            (lambda layer, t: layer.open(t, ("a", 3)), "3 is none"),
        ],
    )
    def test_refuses_in_one_sentence(self, engine, work, sentence):
        """What cannot be."""
        layer = DirectoryLayer()
        do(engine, lambda t: layer.create(t, "a"))
        do(engine, lambda t: layer.create(t, "c"))
        with pytest.raises(EngineError, match=sentence):
            do(engine, lambda t: work(layer, t))

    def test_refuses_prefixes_that_overlap(self, engine):
        """Inside another's, around another's, or among the names."""
        layer = DirectoryLayer(allow_manual_prefixes=True)
        do(engine, lambda t: layer.create(t, "a", prefix=b"abc"))
        for prefix in (b"abc", b"abcd", b"ab", b"\xfe", b""):
            with pytest.raises(EngineError, match="in use"):
                do(engine, lambda t, prefix=prefix: layer.create(t, "b", prefix=prefix))

    def test_refuses_directories_of_the_future(self, engine):
        """Rather than to misread them."""
        layer = DirectoryLayer()
        do(engine, lambda t: layer.create(t, "a"))
        key = next(key for key, _ in rows(engine) if b"version" in key)
        do(engine, lambda t: t.set(key, b"\x02" + bytes(11)))
        with pytest.raises(EngineError, match=r"version 2\.0\.0"):
            do(engine, lambda t: layer.open(t, "a"))

    def test_lets_one_of_two_who_create_the_same_win(self, engine):
        """The other conflicts, and then finds it."""
        layer = DirectoryLayer()
        do(engine, lambda t: layer.create(t, "first"))
        one, other = engine.begin(), engine.begin()
        layer.create_or_open(one, "a")
        layer.create_or_open(other, "a")
        one.commit()
        with pytest.raises(ConflictError):
            other.commit()


class TestPrefixAllocator:
    """Once and never again."""

    def test_never_gives_a_prefix_twice(self, engine):
        """Through several windows; prefixes stay short."""
        allocator = PrefixAllocator(Subspace(("hca",)), random.Random(0))
        given = [do(engine, allocator.allocate) for _ in range(400)]
        assert len(set(given)) == 400
        assert max(map(len, given)) <= 3
        assert unpack(given[0])[0] < 64

    def test_never_gives_a_prefix_to_two_at_once(self, engine):
        """Who draws the same number as another must try again."""
        place, given = Subspace(("hca",)), []
        for attempt in range(60):
            open_ones = []
            for number in range(4):
                transaction = engine.begin()
                own = PrefixAllocator(place, random.Random(attempt * 10 + number % 2))
                open_ones.append((transaction, own.allocate(transaction)))
            for transaction, prefix in open_ones:
                try:
                    transaction.commit()
                except ConflictError:
                    continue
                given.append(prefix)
        assert len(given) == len(set(given)) >= 60


class TestInterned:
    """Texts as numbers."""

    def test_gives_each_text_one_number(self, engine):
        """And the text back."""
        table = Interned(Subspace(("names",)))
        numbers = {
            text: do(engine, lambda t, text=text: table.number_of(t, text)) for text in "abc"
        }
        assert len(set(numbers.values())) == 3
        fresh = Interned(Subspace(("names",)))
        for text, number in numbers.items():
            assert do(engine, lambda t, text=text: fresh.number_of(t, text)) == number
            assert do(engine, lambda t, number=number: fresh.text_of(t, number)) == text
        with pytest.raises(EngineError, match="stands for no text"):
            do(engine, lambda t: fresh.text_of(t, 10**6))
        assert do(engine, lambda t: fresh.find(t, "new")) is None

    def test_forgets_what_was_not_committed(self, engine):
        """A number given in vain is nobody's."""
        table = Interned(Subspace(("names",)))
        transaction = engine.begin()
        number = table.number_of(transaction, "a")
        assert table.number_of(transaction, "a") == number
        transaction.cancel()
        assert do(engine, lambda t: table.find(t, "a")) is None

    def test_reads_nothing_twice(self, engine):
        """What was committed cannot change."""
        table = Interned(Subspace(("names",)))
        do(engine, lambda t: table.number_of(t, "a"))
        number = do(engine, lambda t: table.find(t, "a"))
        do(engine, lambda t: t.clear_range(b"", b"\xff"))
        assert do(engine, lambda t: table.find(t, "a")) == number


NAMES = st.sampled_from("ab")
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)


class Tree(RuleBasedStateMachine):
    """Random operations against a set of paths."""

    moved = Bundle("moved")

    def __init__(self) -> None:
        super().__init__()
        self.engine, self.layer = open_engine("memory:"), DirectoryLayer()
        self.paths: set[tuple[str, ...]] = set()

    def attempt(self, work: Callable[[Transaction], Any]) -> bool:
        try:
            do(self.engine, work)
        except EngineError:
            return False
        return True

    @rule(target=moved, path=PATHS)
    def create(self, path: tuple[str, ...]) -> tuple[str, ...]:
        was_free = path not in self.paths
        assert self.attempt(lambda t: self.layer.create(t, path)) == was_free
        self.paths |= {path[: i + 1] for i in range(len(path))}
        return path

    @rule(path=PATHS)
    def remove(self, path: tuple[str, ...]) -> None:
        assert self.attempt(lambda t: self.layer.remove(t, path)) == (path in self.paths)
        self.paths = {held for held in self.paths if held[: len(path)] != path}

    @rule(old=consumes(moved), new=PATHS)
    def move(self, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        is_possible = (
            old in self.paths
            and new not in self.paths
            and new[: len(old)] != old
            and (len(new) == 1 or new[:-1] in self.paths)
        )
        assert self.attempt(lambda t: self.layer.move(t, old, new)) == is_possible
        if is_possible:
            under = {held for held in self.paths if held[: len(old)] == old}
            self.paths = self.paths - under | {new + held[len(old) :] for held in under}

    @invariant()
    def lists_what_is_there(self) -> None:
        for path in [(), *self.paths]:
            wanted = sorted(held[-1] for held in self.paths if held[:-1] == path)
            assert do(self.engine, lambda t, path=path: self.layer.list(t, path)) == wanted


class TestTree(Tree.TestCase):
    """As the model does."""

    settings = settings(max_examples=25, stateful_step_count=12)


class TestBesideFoundationDB:
    """The package's own layer reads what ours wrote, and the other way round."""

    @pytest.fixture(autouse=True)
    def version(self, monkeypatch):
        fdb = pytest.importorskip("fdb")
        monkeypatch.setattr(fdb, "get_api_version", lambda: 710)

    def test_finds_the_same_directories(self, engine):
        """Names, prefixes, layers, partitions."""
        from tests.records.directory.foundation import Bound, theirs

        ours, own = DirectoryLayer(), theirs()
        made = do(engine, lambda t: ours.create(t, ("a", "b"), layer=b"map"))
        do(engine, lambda t: ours.create(t, ("p",), layer=b"partition"))
        deep = do(engine, lambda t: ours.create(t, ("p", "q")))
        found = do(engine, lambda t: own.open(Bound(t), ("a", "b"), b"map"))
        assert found.key() == made.key
        assert do(engine, lambda t: own.open(Bound(t), ("p", "q"))).key() == deep.key
        assert do(engine, lambda t: own.list(Bound(t), ())) == ["a", "p"]
        back = do(engine, lambda t: own.create(Bound(t), ("a", "c", "d")))
        assert do(engine, lambda t: ours.open(t, ("a", "c", "d"))).key == back.key()
        do(engine, lambda t: own.move(Bound(t), ("a", "c"), ("z",)))
        assert do(engine, ours.list) == ["a", "p", "z"]
        do(engine, lambda t: ours.remove(t, "a"))
        assert not do(engine, lambda t: own.exists(Bound(t), ("a", "b")))

    def test_writes_the_same_rows(self, monkeypatch):
        """Byte by byte, when both draw the same numbers."""
        from tests.records.directory.foundation import Bound, theirs

        chance = random.Random(4)
        ours, one = DirectoryLayer(), open_engine("memory:")
        monkeypatch.setattr(ours._allocator.chance, "randrange", chance.randrange, raising=False)
        self.work(ours, one, lambda transaction: transaction)
        chance.seed(4)
        monkeypatch.setattr(random, "randrange", chance.randrange)
        other = open_engine("memory:")
        self.work(theirs(), other, Bound)
        assert rows(one) == rows(other)

    @staticmethod
    def work(layer: Any, engine: Engine, bind: Callable[[Transaction], Any]) -> None:
        """Create, move and remove."""
        for path in (("a",), ("b", "c"), ("b", "d")):
            do(engine, lambda t, path=path: layer.create_or_open(bind(t), path))
        do(engine, lambda t: layer.move(bind(t), ("b", "c"), ("e",)))
        do(engine, lambda t: layer.remove(bind(t), ("b", "d")))
