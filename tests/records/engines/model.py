"""A plain model of transactions: dictionaries, copied, and lists of what was read and written."""

from dataclasses import dataclass, field

from glasshouse.records.engines import Mutation

STAMP = b"?" * 10
"""Stands in a key for a commit version."""


def mutated(mutation, value, parameter):
    """What an atomic operation makes of a value, digit by digit."""
    if mutation in (Mutation.BYTE_MIN, Mutation.BYTE_MAX):
        choose = min if mutation is Mutation.BYTE_MIN else max
        return parameter if value is None else choose(value, parameter)
    if value is None and mutation is not Mutation.ADD:
        return parameter
    held = [(value or b"")[place : place + 1] or b"\x00" for place in range(len(parameter))]
    digits = [one[0] for one in held]
    if mutation is Mutation.ADD:
        carry, total = 0, []
        for one, other in zip(digits, parameter, strict=True):
            carry, digit = divmod(one + other + carry, 256)
            total.append(digit)
        return bytes(total)
    is_less = digits[::-1] < list(parameter)[::-1]
    return bytes(digits) if is_less == (mutation is Mutation.MIN) else parameter


def meet(ranges, others):
    """Whether any two of them overlap."""
    return any(a < d and c < b for a, b in ranges for c, d in others)


def rows_within(state, begin, end):
    return [(key, value) for key, value in sorted(state.items()) if begin <= key < end]


@dataclass
class Store:
    """All that was committed."""

    state: dict = field(default_factory=dict)
    written: list = field(default_factory=list)
    """For each commit, the ranges that it wrote."""
    claimed: list = field(default_factory=list)
    """For each commit, the ranges that it only said it wrote."""


@dataclass
class ModelTransaction:
    """One transaction over a store."""

    store: Store
    steps: list = field(default_factory=list)
    read: list = field(default_factory=list)
    claimed: list = field(default_factory=list)

    def __post_init__(self):
        self.base = dict(self.store.state)
        self.began = len(self.store.written)
        self.own = {}
        """What the transaction itself made of keys: set, cleared, or mutated something unknown."""

    def seen(self):
        """The state as the transaction sees it."""
        return self.replayed(self.base, version=None)

    def replayed(self, state, version):
        """A state after the steps; without a version, stamped keys are left out."""
        state = dict(state)
        for step in self.steps:
            step(state, version)
        return {key: value for key, value in state.items() if value is not None}

    def get(self, key, snapshot):
        if not snapshot and self.own.get(key) != "known":
            self.read.append((key, key + b"\x00"))
        return self.seen().get(key)

    def get_range(self, begin, end, limit, reverse, snapshot):
        rows = rows_within(self.seen(), begin, end)
        rows = (rows[::-1] if reverse else rows)[:limit]
        if not snapshot and begin < end and limit != 0:
            if limit is not None and len(rows) == limit:
                last = rows[-1][0]
                begin, end = (last, end) if reverse else (begin, last + b"\x00")
            self.read.append((begin, end))
        return rows

    def set(self, key, value):
        self.steps.append(lambda state, _: state.update({key: value}))
        self.own[key] = "known"

    def clear_range(self, begin, end, keys):
        def step(state, _):
            for key, _value in rows_within(state, begin, end):
                del state[key]

        self.steps.append(step)
        self.own.update({key: "known" for key in keys if begin <= key < end})

    def mutate(self, mutation, key, parameter):
        self.steps.append(
            lambda state, _: state.update({key: mutated(mutation, state.get(key), parameter)})
        )
        self.own.setdefault(key, "unknown")

    def set_stamped_key(self, key, value):
        def step(state, version):
            if version is not None:
                state[key.replace(STAMP, version)] = value

        self.steps.append(step)

    def is_overwritten(self):
        """Whether a later commit wrote, or said it wrote, what this one read."""
        written = self.store.written[self.began :]
        return any(meet(self.read, one) for one in written) or self.is_claimed()

    def is_claimed(self):
        return any(meet(self.read, one) for one in self.store.claimed[self.began :])

    def has_changed(self):
        """Whether what this one read has other contents now, or somebody claimed it."""
        return self.is_claimed() or any(
            rows_within(self.base, *one) != rows_within(self.store.state, *one) for one in self.read
        )

    def commit(self, version, written):
        self.store.state = self.replayed(self.store.state, version)
        self.store.written.append(written)
        self.store.claimed.append(self.claimed)
