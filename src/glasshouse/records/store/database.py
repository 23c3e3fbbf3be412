"""An engine and the work done on it: transactions that are tried again, in threads or in asyncio.

database = Database.open("lmdb:shop")
orders = database.store(schema, Subspace(("shop", "berlin")))
orders.save(Order(id=1, price=12.5))                 # a transaction of its own
orders.run(lambda store: [store.save(order) for order in many])    # one for all
await orders.run_async(lambda store: store.load(Order, 1))
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, TypeVar, runtime_checkable

from glasshouse.records.engines import open_engine, transact
from glasshouse.records.engines.engine import Engine, Transaction
from glasshouse.records.expressions.record import Record
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.context import Context
from glasshouse.records.store.store import RecordStore
from glasshouse.records.subspace import Subspace

T = TypeVar("T")
R = TypeVar("R", bound=Record)


@runtime_checkable
class Path(Protocol):
    """A place with a name, as `keyspace` makes them."""

    def subspace(self, transaction: Transaction) -> Subspace:
        """The place's subspace."""
        ...


Place = Subspace | Path
"""Where a store stands."""


@dataclass(frozen=True, slots=True)
class Database:
    """An engine, and how work on it is run; use it as a `with` block or close it."""

    engine: Engine

    @classmethod
    def open(cls, url: str) -> "Database":
        """Open an engine by its URL: `lmdb:PATH`, `memory:`, `postgresql://…` or `fdb:FILE`.

        Raises:
            EngineError: If there is no such engine or it cannot be opened.
        """
        return cls(open_engine(url))

    def run(self, work: Callable[[Context], T], *, idempotent: bool = False) -> T:
        """Do work in one transaction, again where it conflicts, and commit it.

        Args:
            work: Gets the context; may run several times, and must not touch anything else.
            idempotent: Whether doing it twice does no harm, so that it is tried again even where
                the connection broke while committing.

        Raises:
            ConflictError: If it conflicted every time.
            CommitUnknownError: If it may have been done and is not idempotent.
        """

        def attempt(transaction: Transaction) -> T:
            context = Context(transaction)
            result = work(context)
            context.flush()
            return result

        return transact(self.engine, attempt, idempotent=idempotent)

    def read(self, work: Callable[[Context], T]) -> T:
        """Do work that only reads, at one moment of the store; it never conflicts."""
        transaction = self.engine.begin(read_only=True)
        try:
            return work(Context(transaction))
        finally:
            transaction.cancel()

    async def run_async(self, work: Callable[[Context], T], *, idempotent: bool = False) -> T:
        """The same, in a thread, while the event loop goes on.

        Raises:
            ConflictError, CommitUnknownError: As for `run`.
        """
        return await asyncio.to_thread(self.run, work, idempotent=idempotent)

    @contextmanager
    def transaction(self) -> Iterator[Context]:
        """One attempt at a transaction, committed at the end of the block.

        Raises:
            ConflictError: If another transaction changed what this one read.
        """
        context = Context(self.engine.begin())
        try:
            yield context
            context.commit()
        finally:
            context.cancel()

    def store(self, schema: Schema, place: Place) -> "StoreHandle":
        """A handle on a store; nothing is read until it is used."""
        return StoreHandle(self, schema, place)

    def close(self) -> None:
        """Let go of the engine."""
        self.engine.close()

    def __enter__(self) -> "Database":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class StoreHandle:
    """A store by its database, schema and place: three words, no state."""

    database: Database
    schema: Schema
    place: Place

    def open(
        self, context: Context, *, create: bool = True, read_only: bool = False
    ) -> RecordStore:
        """The store inside a transaction.

        Raises:
            SchemaError: If its schema is another one or a later one; see `RecordStore.open`.
        """
        place = self.place
        subspace = place if isinstance(place, Subspace) else place.subspace(context.transaction)
        return RecordStore.open(
            context, self.schema, subspace.key, create=create, read_only=read_only
        )

    def run(self, work: Callable[[RecordStore], T], *, idempotent: bool = False) -> T:
        """Do work on the store in one transaction; see `Database.run`."""
        return self.database.run(lambda context: work(self.open(context)), idempotent=idempotent)

    def read(self, work: Callable[[RecordStore], T]) -> T:
        """Do work on the store that only reads it, at one moment; it never conflicts.

        A store that is not there yet reads as an empty one.

        Raises:
            SchemaError: If the store has yet to be brought to the schema's version, which takes one
                opening that may write.
        """
        return self.database.read(lambda context: work(self.open(context, read_only=True)))

    async def run_async(self, work: Callable[[RecordStore], T], *, idempotent: bool = False) -> T:
        """The same, in a thread, while the event loop goes on."""
        return await asyncio.to_thread(self.run, work, idempotent=idempotent)

    def save(self, *records: Record) -> None:
        """Write records, all in one transaction; doing it twice changes nothing more."""

        self.run(lambda store: store.save_all(records), idempotent=True)

    def load(self, record_type: type[R], *key: Any) -> R | None:
        """The record with a primary key; None if there is none."""
        return self.read(lambda store: store.load(record_type, *key))

    def delete(self, record_type: type[Record], *key: Any) -> bool:
        """Remove a record; whether it was there."""
        return self.run(lambda store: store.delete(record_type, *key))
