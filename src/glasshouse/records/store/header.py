"""The header of a store: which schema it was written with, and the states of its indexes.

Opening a store reads this one row. What schemas say in full is kept once for the whole engine,
under their fingerprints, so that a header is small and stores may be many.

Source:
    1901.04452, section 4, "record store header"; section 5 for index states.
"""

from enum import Enum
from typing import Any

import msgspec

from glasshouse.errors import CorruptionError, SchemaError
from glasshouse.records.engines.engine import Transaction
from glasshouse.records.schema.schema import Schema, SchemaDescription
from glasshouse.records.store.layout import Numbers

FORMAT = 1
"""Version of how stores are laid out."""

CATALOGUE = b"\xfd"
"""What the keys of schema descriptions begin with; no packed tuple begins so."""


class IndexState(Enum):
    """How far an index can be trusted."""

    WRITE_ONLY = "write-only"
    """New: kept true of what is already built, which is nothing; no query uses it."""
    BUILDING = "building"
    """Somebody builds it while others write; no query uses it."""
    READABLE = "readable"
    """True of every record."""
    DISABLED = "disabled"
    """Not kept; its rows are gone."""


class Header(msgspec.Struct, frozen=True):
    """What the first row of a store says."""

    format: int
    schema: str
    version: int
    fingerprint: bytes
    numbers: Numbers
    states: dict[str, IndexState] = {}
    """Of the indexes that are not readable."""
    user: dict[str, Any] = {}
    """Whatever an application keeps with the store."""

    def state(self, index: str) -> IndexState:
        """The state of an index."""
        return self.states.get(index, IndexState.READABLE)


_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode = msgspec.msgpack.Decoder(Header).decode


def encode_header(header: Header) -> bytes:
    """A header as the first row's value."""
    return _encode(header)


def decode_header(value: bytes) -> Header:
    """The header in the first row's value.

    Raises:
        SchemaError: If it was laid out by a later version of this library.
        CorruptionError: If it is no header.
    """
    try:
        header = _decode(value)
    except msgspec.MsgspecError as error:
        raise CorruptionError(f"the header of this store is damaged: {error}") from None
    if header.format != FORMAT:
        raise SchemaError(
            f"this store has format {header.format} and this library reads {FORMAT}; upgrade it"
        )
    return header


def remember_schema(transaction: Transaction, schema: Schema) -> None:
    """Keep what a schema says, where every store of the engine finds it."""
    key = CATALOGUE + schema.fingerprint
    if transaction.get(key, snapshot=True) is None:
        transaction.set(key, msgspec.msgpack.encode(schema.description, order="deterministic"))


def recall_schema(transaction: Transaction, fingerprint: bytes) -> SchemaDescription:
    """What the schema of this fingerprint says.

    Raises:
        CorruptionError: If it is not there.
    """
    value = transaction.get(CATALOGUE + fingerprint)
    if value is None:
        raise CorruptionError(
            f"the schema {fingerprint.hex()} that a store was written with is not on record"
        )
    return msgspec.msgpack.decode(value, type=SchemaDescription)


def check_version(header: Header, schema: Schema) -> None:
    """Refuse a schema that is older than the store's, another one's, or changed without notice.

    Raises:
        SchemaError: If so.
    """
    if header.schema != schema.name:
        raise SchemaError(
            f"this store belongs to schema {header.schema!r}, not to {schema.name!r}; "
            "open it with its own, or choose another path"
        )
    if header.version > schema.version:
        raise SchemaError(
            f"this store was written with version {header.version} of schema {schema.name!r}, "
            f"and this program knows version {schema.version}; upgrade the program"
        )
    if header.version == schema.version and header.fingerprint != schema.fingerprint:
        raise SchemaError(
            f"schema {schema.name!r} has changed since this store was written, but is still "
            f"version {schema.version}; give the changed schema version {schema.version + 1}"
        )
