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
SLOTS = st.integers(0, 2)
OTHER = 3
values = st.sampled_from(VALUES)
# Of the keys, an example uses few, by number, so that its transactions meet.
keys = st.integers(0, 3)
edges = st.integers(0, 5)
parameters = st.sampled_from([b"\x01", b"\xff", b"\x02\x01", b"\x00\x00\x07"])
limits = st.sampled_from([None, None, 0, 1, 2, 3, 100])


class Machine(RuleBasedStateMachine):
    """Three transactions at a time, begun, used and ended in any order."""

    engine_name = ""
    is_exact = False
    """Whether it conflicts with a write that changes nothing."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.opened = ENGINES[self.engine_name](self.folder)
        self.engine = self.opened.__enter__()
        self.store, self.version = Store(), b""
        self.real, self.model, self.written = [None] * 4, [None] * 4, [None] * 4

    @initialize(chosen=st.permutations(KEYS))
    def start(self, chosen):
        clear(self.engine)
        self.keys = chosen[:4]
        self.edges = [*self.keys, b"s", b"zz"]

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

    @rule(slot=SLOTS, key=keys, snapshot=st.booleans())
    def get(self, slot, key, snapshot):
        key = self.keys[key]
        real, model = self.pair(slot)
        assert real.get(key, snapshot=snapshot) == model.get(key, snapshot)

    @rule(slot=SLOTS, several=st.lists(keys, max_size=4), snapshot=st.booleans())
    def get_all(self, slot, several, snapshot):
        real, model = self.pair(slot)
        several = [self.keys[key] for key in several]
        expected = [model.get(key, snapshot) for key in several]
        assert real.get_all(several, snapshot=snapshot) == expected

    @rule(
        slot=SLOTS, begin=edges, end=edges, limit=limits, reverse=st.booleans(),
        snapshot=st.booleans(),
    )  # fmt: skip
    def get_range(self, slot, begin, end, limit, reverse, snapshot):
        begin, end = self.edges[begin], self.edges[end]
        real, model = self.pair(slot)
        rows = real.get_range(begin, end, limit=limit, reverse=reverse, snapshot=snapshot)
        assert rows == model.get_range(begin, end, limit, reverse, snapshot)

    @rule(slot=SLOTS, key=keys, value=values)
    def set(self, slot, key, value):
        self.put(slot, self.keys[key], value)

    def put(self, slot, key, value):
        real, model = self.pair(slot)
        real.set(key, value)
        model.set(key, value)
        self.written[slot].append((key, key + b"\x00"))

    @rule(slot=SLOTS, rows=st.dictionaries(keys, values, max_size=4))
    def set_all(self, slot, rows):
        rows = {self.keys[key]: value for key, value in rows.items()}
        real, model = self.pair(slot)
        real.set_all(rows)
        for key, value in rows.items():
            model.set(key, value)
            self.written[slot].append((key, key + b"\x00"))

    @rule(slot=SLOTS, key=keys)
    def clear(self, slot, key):
        key = self.keys[key]
        real, model = self.pair(slot)
        real.clear(key)
        model.set(key, None)
        self.written[slot].append((key, key + b"\x00"))

    @rule(slot=SLOTS, begin=edges, end=edges)
    def clear_range(self, slot, begin, end):
        begin, end = self.edges[begin], self.edges[end]
        real, model = self.pair(slot)
        real.clear_range(begin, end)
        if begin < end:
            model.clear_range(begin, end, KEYS)
            self.written[slot].append((begin, end))

    @rule(slot=SLOTS, mutation=st.sampled_from(Mutation), key=keys, parameter=parameters)
    def mutate(self, slot, mutation, key, parameter):
        key = self.keys[key]
        real, model = self.pair(slot)
        real.mutate(mutation, key, parameter)
        model.mutate(mutation, key, parameter)
        self.written[slot].append((key, key + b"\x00"))

    @rule(slot=SLOTS, suffix=st.sampled_from([b"", b"1", b"k" * 600]), value=values)
    def set_versionstamped_key(self, slot, suffix, value):
        real, model = self.pair(slot)
        real.set_versionstamped_key(b"s" + STAMP + suffix, 1, value)
        model.set_stamped_key(b"s" + STAMP + suffix, value)
        self.written[slot].append((b"s" + STAMP + suffix, b""))

    @rule(slot=SLOTS, begin=edges, end=edges)
    def add_read_conflict_range(self, slot, begin, end):
        begin, end = self.edges[begin], self.edges[end]
        real, model = self.pair(slot)
        real.add_read_conflict_range(begin, end)
        if begin < end:
            model.read.append((begin, end))

    @rule(slot=SLOTS, begin=edges, end=edges)
    def add_write_conflict_range(self, slot, begin, end):
        begin, end = self.edges[begin], self.edges[end]
        real, model = self.pair(slot)
        real.add_write_conflict_range(begin, end)
        if begin < end:
            model.claimed.append((begin, end))

    @rule(key=keys, value=values)
    def write_meanwhile(self, key, value):
        """Somebody else, who is quick."""
        self.put(OTHER, self.keys[key], value)
        self.end(OTHER)

    @precondition(lambda self: any(self.real))
    @rule(slot=SLOTS)
    def cancel(self, slot):
        if self.real[slot] is not None:
            self.real[slot].cancel()
            self.real[slot] = None

    @precondition(lambda self: any(self.real))
    @rule(slot=SLOTS)
    def commit(self, slot):
        if self.real[slot] is not None:
            self.end(slot)

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


TestMemory = case("memory", is_exact=True, examples=30)
TestLmdb = case("lmdb", is_exact=False, examples=30)
TestPostgres = case("postgres", is_exact=False, examples=8)
