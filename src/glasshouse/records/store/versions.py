"""Record versions: when each record was last changed, in the order of commits.

A version is the 10-byte commit version and 2 bytes for the place within the transaction. It is not
known before the commit, so it is written last, and the engine fills it in.

Source:
    1901.04452, section 7, "VERSION indexes".
"""

from glasshouse.records.engines.engine import VERSION_BYTES, Transaction
from glasshouse.records.store.context import Context
from glasshouse.records.tuples import Versionstamp


def change(context: Context, key: bytes, *, is_gone: bool) -> None:
    """Give the record whose version stands at `key` the version of the change in hand."""
    if is_gone:
        context.forget(("version", key))
        context.transaction.clear(key)
        return
    value = bytes(VERSION_BYTES) + context.local_version.to_bytes(2, "big")

    def write(transaction: Transaction) -> None:
        transaction.set_versionstamped_value(key, value, 0)

    context.before_commit(("version", key), write)


def read(context: Context, key: bytes) -> Versionstamp | None:
    """The version at `key`; incomplete if this transaction is to write it."""
    if context.deferred(("version", key)):
        return Versionstamp()
    value = context.transaction.get(key)
    return None if value is None else Versionstamp.from_bytes(value)
