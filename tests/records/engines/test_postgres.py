"""What only a server can do wrong, and what many clients do to it."""

import threading

import psycopg
import pytest
from tests.records.engines.contenders import clear
from tests.records.engines.postgres_server import postgres_url

from glasshouse.errors import CommitUnknownError, ConflictError, EngineError
from glasshouse.records.engines import Mutation, open_engine, transact


@pytest.fixture
def engine():
    opened = open_engine(postgres_url())
    clear(opened)
    yield opened
    opened.close()


def number(value):
    return value.to_bytes(8, "little")


class TestPostgres:
    def test_counts_from_many_threads_without_a_conflict(self, engine):
        """Atomic additions read nothing, so nobody has to try again."""
        conflicts = []

        def count():
            for _ in range(15):
                transaction = engine.begin()
                transaction.mutate(Mutation.ADD, b"n", number(1))
                try:
                    transaction.commit()
                except ConflictError as error:
                    conflicts.append(error)

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert conflicts == []
        assert transact(engine, lambda one: one.get(b"n")) == number(60)

    def test_loses_no_update_of_many_threads(self, engine):
        """Read, add and write: whoever crosses tries again until it is done."""
        versions = []

        def add(transaction):
            held = transaction.get(b"n")
            transaction.set(b"n", number(int.from_bytes(held or b"", "little") + 1))
            transaction.set_versionstamped_key(b"v" + bytes(10), 1, b"")

        def work():
            for _ in range(8):
                transact(engine, add)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert transact(engine, lambda one: one.get(b"n")) == number(32)
        versions = transact(engine, lambda one: one.get_range(b"v", b"w"))
        assert len(versions) == 32

    def test_makes_its_tables_though_others_do_so_too(self):
        """Several programs that start at once."""
        with psycopg.connect(postgres_url(), autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS glasshouse CASCADE")
        failed = []

        def start():
            try:
                open_engine(postgres_url()).close()
            except EngineError as error:
                failed.append(error)

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []

    def test_says_that_the_connection_broke(self, engine):
        """While reading that is an error; while committing nobody knows."""
        transaction = engine.begin()
        transaction.get(b"a")
        with psycopg.connect(postgres_url(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND query LIKE '%glasshouse%'"
            )
        with pytest.raises((EngineError, CommitUnknownError), match="broke"):
            transaction.get(b"b")
        transaction.cancel()
        transact(engine, lambda one: one.set(b"a", b"1"))
        assert transact(engine, lambda one: one.get(b"a")) == b"1"

    def test_cannot_be_opened_where_nobody_listens(self):
        """One sentence, and no password in it."""
        with pytest.raises(EngineError, match="cannot be opened") as failed:
            open_engine("postgresql://me:secret@127.0.0.1:1/none")
        assert "secret" not in str(failed.value)
