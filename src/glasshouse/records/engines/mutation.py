"""Atomic operations applied: what a value becomes."""

from collections.abc import Callable

from glasshouse.records.engines.engine import Mutation


def _fitted(value: bytes | None, length: int) -> bytes:
    """A little-endian number cut or padded with zeros to a length."""
    return (value or b"")[:length].ljust(length, b"\x00")


def _add(value: bytes | None, parameter: bytes) -> bytes:
    length = len(parameter)
    total = int.from_bytes(_fitted(value, length), "little") + int.from_bytes(parameter, "little")
    return (total & ((1 << 8 * length) - 1)).to_bytes(length, "little")


def _extreme(choose: Callable[[int, int], int]) -> Callable[[bytes | None, bytes], bytes]:
    def apply(value: bytes | None, parameter: bytes) -> bytes:
        if value is None:
            return parameter
        length = len(parameter)
        held = int.from_bytes(_fitted(value, length), "little")
        return choose(held, int.from_bytes(parameter, "little")).to_bytes(length, "little")

    return apply


_APPLY: dict[Mutation, Callable[[bytes | None, bytes], bytes]] = {
    Mutation.ADD: _add,
    Mutation.MIN: _extreme(min),
    Mutation.MAX: _extreme(max),
    Mutation.BYTE_MIN: lambda value, other: other if value is None else min(value, other),
    Mutation.BYTE_MAX: lambda value, other: other if value is None else max(value, other),
}


def apply_mutation(mutation: Mutation, value: bytes | None, parameter: bytes) -> bytes:
    """What a value becomes; None is a missing one."""
    return _APPLY[mutation](value, parameter)


def fold(
    pending: list[tuple[Mutation, bytes]], mutation: Mutation, parameter: bytes
) -> list[tuple[Mutation, bytes]]:
    """One more operation behind those pending on a key; two alike become one."""
    last, held = pending[-1]
    if last is mutation and len(held) == len(parameter):
        return [*pending[:-1], (mutation, apply_mutation(mutation, held, parameter))]
    return [*pending, (mutation, parameter)]
