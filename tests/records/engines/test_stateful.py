"""Transactions that cross each other in every way, held against a plain model."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.records.engines.contenders import ENGINES, clear
from tests.records.engines.model import STAMP, ModelTransaction, Store, rows_within

from glasshouse.errors import ConflictError
from glasshouse.records.engines import Mutation

HEAD = b"h" * 500
KEYS = [
    b"", b"a", b"a\x00", b"ab", b"b", HEAD[:-1], HEAD, HEAD + b"\x00", HEAD + b"\x00\x00",
    HEAD + b"k", HEAD + b"k" * 900, b"i", b"t",
]  # fmt: skip
END = b"\xfe"
VALUES = [b"", b"\x01", b"\xff\x01", b"\x02\x00\x00", b"v" * 200]
SLOTS = st.integers(0, 1)
OTHER = 2
values = st.sampled_from(VALUES)
# Of the keys, an example uses few, by number, so that its transactions meet.
keys = st.integers(0, 3)
ranges = st.tuples(st.integers(0, 5), st.integers(0, 5)).map(sorted)
parameters = st.sampled_from([b"\x01", b"\xff", b"\x02\x01", b"\x00\x00\x07"])
limits = st.sampled_from([None, None, 0, 1, 2, 3, 100])
mutations = st.sampled_from([Mutation.ADD, Mutation.ADD, Mutation.ADD, *Mutation])
suffixes = st.sampled_from([b"", b"1", b"k" * 600])
writes = st.one_of(
    st.tuples(st.just("set"), keys, values),
    st.tuples(st.just("set_all"), st.dictionaries(keys, values, max_size=3)),
    st.tuples(st.just("clear"), keys),
    st.tuples(st.just("clear_range"), ranges),
    st.tuples(st.just("mutate"), keys, mutations, parameters),
    st.tuples(st.just("stamp"), suffixes, values),
    st.tuples(st.just("claim"), ranges),
)
reads = st.one_of(
    st.tuples(st.just("get"), keys),
    st.tuples(st.just("get_all"), st.lists(keys, max_size=4)),
    st.tuples(st.just("get_range"), ranges, limits, st.booleans()),
    st.tuples(st.just("claim_to_read"), ranges),
)


class Machine(RuleBasedStateMachine):
    """Two transactions at a time, begun, used and ended in any order, and quick ones between."""

    engine_name = ""
    is_exact = False
    """Whether it conflicts with a write that changes nothing."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.opened = ENGINES[self.engine_name](self.folder)
        self.engine = self.opened.__enter__()
        self.store, self.version = Store(), b""
        self.real, self.model, self.written = [None] * 3, [None] * 3, [None] * 3

    @initialize(chosen=st.permutations(KEYS), held=st.lists(values, min_size=4, max_size=4))
    def start(self, chosen, held):
        clear(self.engine)
        self.keys = chosen[:4]
        self.edges = sorted([*self.keys, b"s", b"zz"])
        for key, value in zip(self.keys, held, strict=True):
            self.set(OTHER, self.keys.index(key), value)
        self.end(OTHER)

    def teardown(self):
        for one in self.real:
            if one is not None:
                one.cancel()
        self.opened.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    def pair(self, slot):
        """The real transaction of a place and its model; begun, if there is none."""
        if self.real[slot] is None:
            self.real[slot] = self.engine.begin()
            self.model[slot] = ModelTransaction(self.store)
            self.written[slot] = []
        return self.real[slot], self.model[slot]

    @rule(slot=SLOTS, several=st.lists(writes, min_size=1, max_size=3))
    def write(self, slot, several):
        for name, *arguments in several:
            getattr(self, name)(slot, *arguments)

    @rule(slot=SLOTS, read=reads, snapshot=st.booleans())
    def read(self, slot, read, snapshot):
        name, *arguments = read
        getattr(self, name)(slot, *arguments, snapshot)

    @rule(write=writes)
    def write_meanwhile(self, write):
        """Somebody else, who is quick."""
        name, *arguments = write
        getattr(self, name)(OTHER, *arguments)
        self.end(OTHER)

    @precondition(lambda self: any(self.real))
    @rule(slot=SLOTS)
    def commit(self, slot):
        if self.real[slot] is not None:
            self.end(slot)

    @precondition(lambda self: any(self.real))
    @rule(slot=SLOTS, is_sure=st.booleans())
    def cancel(self, slot, is_sure):
        if self.real[slot] is not None and is_sure:
            self.real[slot].cancel()
            self.real[slot] = None

    def get(self, slot, key, snapshot):
        real, model = self.pair(slot)
        key = self.keys[key]
        assert real.get(key, snapshot=snapshot) == model.get(key, snapshot)

    def get_all(self, slot, several, snapshot):
        real, model = self.pair(slot)
        several = [self.keys[key] for key in several]
        expected = [model.get(key, snapshot) for key in several]
        assert real.get_all(several, snapshot=snapshot) == expected

    def get_range(self, slot, within, limit, reverse, snapshot):
        real, model = self.pair(slot)
        begin, end = (self.edges[edge] for edge in within)
        rows = real.get_range(begin, end, limit=limit, reverse=reverse, snapshot=snapshot)
        assert rows == model.get_range(begin, end, limit, reverse, snapshot)

    def claim_to_read(self, slot, within, _):
        real, model = self.pair(slot)
        begin, end = (self.edges[edge] for edge in within)
        real.add_read_conflict_range(begin, end)
        if begin < end:
            model.read.append((begin, end))

    def set(self, slot, key, value):
        real, model = self.pair(slot)
        key = self.keys[key]
        real.set(key, value)
        model.set(key, value)
        self.written[slot].append((key, key + b"\x00"))

    def set_all(self, slot, rows):
        real, model = self.pair(slot)
        rows = {self.keys[key]: value for key, value in rows.items()}
        real.set_all(rows)
        for key, value in rows.items():
            model.set(key, value)
            self.written[slot].append((key, key + b"\x00"))

    def clear(self, slot, key):
        real, model = self.pair(slot)
        key = self.keys[key]
        real.clear(key)
        model.set(key, None)
        self.written[slot].append((key, key + b"\x00"))

    def clear_range(self, slot, within):
        real, model = self.pair(slot)
        begin, end = (self.edges[edge] for edge in within)
        real.clear_range(begin, end)
        if begin < end:
            model.clear_range(begin, end, KEYS)
            self.written[slot].append((begin, end))

    def mutate(self, slot, key, mutation, parameter):
        real, model = self.pair(slot)
        key = self.keys[key]
        real.mutate(mutation, key, parameter)
        model.mutate(mutation, key, parameter)
        self.written[slot].append((key, key + b"\x00"))

    def stamp(self, slot, suffix, value):
        real, model = self.pair(slot)
        key = b"s" + STAMP + suffix
        real.set_versionstamped_key(key, 1, value)
        model.set_stamped_key(key, value)
        self.written[slot].append((key, b""))

    def claim(self, slot, within):
        real, model = self.pair(slot)
        begin, end = (self.edges[edge] for edge in within)
        real.add_write_conflict_range(begin, end)
        if begin < end:
            model.claimed.append((begin, end))

    def end(self, slot):
        real, model = self.real[slot], self.model[slot]
        self.real[slot] = None
        is_writing = bool(model.steps or model.claimed)
        clashes = model.is_overwritten() if self.is_exact else model.has_changed()
        try:
            real.commit()
        except ConflictError:
            assert is_writing
            assert clashes
            self.check()
            return
        version = real.committed_version
        if version is None:
            assert not is_writing
            return
        assert not clashes
        assert version > self.version
        assert version == self.engine.newest_version()
        self.version = version
        ranges = [(key.replace(STAMP, version), end) for key, end in self.written[slot]]
        model.commit(version, [(key, end or key + b"\x00") for key, end in ranges])
        self.check()

    def check(self):
        """The store holds what was committed."""
        transaction = self.engine.begin(read_only=True)
        assert transaction.get_range(b"", END) == rows_within(self.store.state, b"", END)
        transaction.cancel()


def case(name, *, is_exact, examples):
    """The machine for one engine, as a test."""
    machine = type(name, (Machine,), {"engine_name": name, "is_exact": is_exact})
    machine.TestCase.settings = settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    return machine.TestCase


TestMemory = case("memory", is_exact=True, examples=15)
TestLmdb = case("lmdb", is_exact=False, examples=20)
TestPostgres = case("postgres", is_exact=False, examples=8)
