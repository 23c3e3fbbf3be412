"""What only a server can do wrong, and what many clients do to it."""

import os
import subprocess
import sys
import threading
import time

import pytest
from tests.records.engines.contenders import clear
from tests.records.engines.postgres_server import postgres_url
from tests.records.engines.test_stateful import case

from glasshouse.errors import (
    CommitUnknownError,
    ConflictError,
    CorruptionError,
    DiskFullError,
    EngineError,
    StorageError,
)
from glasshouse.records.engines import MAX_KEY_BYTES, Mutation, open_engine, transact

psycopg = pytest.importorskip("psycopg", reason="the psycopg package is not installed")


@pytest.fixture
def engine():
    opened = open_engine(postgres_url())
    clear(opened)
    yield opened
    opened.close()


def ask(*statements):
    """Run statements as somebody who has nothing to do with the engine."""
    with psycopg.connect(postgres_url(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def end_connections():
    """What a server does that is shut down."""
    ask(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )


@pytest.fixture
def provoke(engine):
    """Have the server do something when a row is written, or when that is committed."""

    def when(moment, statement):
        how = {
            "writing": "TRIGGER provoked BEFORE INSERT ON glasshouse.rows",
            "committing": "CONSTRAINT TRIGGER provoked AFTER INSERT ON glasshouse.rows "
            "DEFERRABLE INITIALLY DEFERRED",
        }[moment]
        ask(
            "CREATE FUNCTION glasshouse.provoke() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {statement}; RETURN NEW; END $$",
            f"CREATE {how} FOR EACH ROW EXECUTE FUNCTION glasshouse.provoke()",
        )

    yield when
    ask("DROP FUNCTION IF EXISTS glasshouse.provoke() CASCADE")


def in_threads(work, count=4):
    """Do work in several threads; returns what they raised."""
    raised = []

    def run():
        try:
            work()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def put(engine, key, value=b"1"):
    transact(engine, lambda one: one.set(key, value))


def held(engine, key):
    return transact(engine, lambda one: one.get(key))


def number(value):
    return value.to_bytes(8, "little")


TestInterleaved = case("postgres", is_exact=False, examples=4)
"""Transactions that cross each other conflict exactly where the model says."""


class TestManyClients:
    def test_count_without_a_conflict(self, engine):
        """Atomic additions read nothing, so nobody has to try again."""

        def count():
            for _ in range(15):
                transaction = engine.begin()
                transaction.mutate(Mutation.ADD, b"n", number(1))
                transaction.commit()

        assert in_threads(count) == []
        assert held(engine, b"n") == number(60)

    def test_lose_no_update(self, engine):
        """Read, add and write: whoever crosses tries again until it is done."""

        def add(transaction):
            value = transaction.get(b"n")
            transaction.set(b"n", number(int.from_bytes(value or b"", "little") + 1))

        assert in_threads(lambda: [transact(engine, add) for _ in range(8)]) == []
        assert held(engine, b"n") == number(32)

    def test_see_versions_in_the_order_of_commits(self, engine):
        """Who sees one sees every smaller one: whatever is seen is a beginning of the whole."""
        seen = []

        def stamp():
            for _ in range(10):
                transact(engine, lambda one: one.set_versionstamped_key(b"v" + bytes(10), 1, b""))
                seen.append(transact(engine, lambda one: one.get_range(b"v", b"w")))

        assert in_threads(stamp) == []
        whole = transact(engine, lambda one: one.get_range(b"v", b"w"))
        assert len(whole) == 40
        assert all(rows == whole[: len(rows)] for rows in seen)

    def test_make_the_tables_at_the_same_time(self):
        """Several programs that start at once."""
        ask("DROP SCHEMA IF EXISTS glasshouse CASCADE")
        assert in_threads(lambda: open_engine(postgres_url()).close()) == []

    def test_need_not_be_allowed_to_make_tables(self, engine):
        """Where they are there already, using them is all that is needed."""
        ask(
            "CREATE ROLE guest LOGIN",
            "GRANT USAGE ON SCHEMA glasshouse TO guest",
            "GRANT ALL ON ALL TABLES IN SCHEMA glasshouse TO guest",
        )
        guest = open_engine(postgres_url().replace("test@", "guest@"))
        put(guest, b"a")
        guest.close()
        ask("DROP OWNED BY guest", "DROP ROLE guest")
        assert held(engine, b"a") == b"1"

    def test_do_not_wait_for_one_that_has_fallen_silent(self, engine, monkeypatch):
        """A committer whose machine is gone would otherwise keep the lock for hours."""
        from glasshouse.records.engines.postgres import engine as module

        write = module.write_and_commit

        def fall_silent(*arguments):
            time.sleep(0.5)
            return write(*arguments)

        monkeypatch.setattr(module, "_COMMIT", module._COMMIT.replace("60s", "50ms"))
        monkeypatch.setattr(module, "write_and_commit", fall_silent)
        transaction = engine.begin()
        transaction.set(b"a", b"1")
        with pytest.raises(StorageError, match="broke, and nothing was written"):
            transaction.commit()
        monkeypatch.undo()
        assert held(engine, b"a") is None
        put(engine, b"a")


class TestReading:
    def test_finds_long_keys_that_begin_alike(self, engine):
        """Nine thousand equal bytes, more than an index of the server takes, and then a few."""
        head = b"p" * 9_000
        keys = [head + b"%03d" % place for place in range(40)]
        keys += [head, head + b"\xff" * (MAX_KEY_BYTES - len(head)), b"p" * 499, b"q"]
        keys.sort()
        transact(engine, lambda one: one.set_all({key: key[-3:] for key in keys[::2]}))
        transact(engine, lambda one: one.set_all({key: key[-3:] for key in keys[1::2]}))
        transaction = engine.begin()
        rows = [(key, key[-3:]) for key in keys]
        assert transaction.get_range(b"", b"\xff") == rows
        assert transaction.get_range(keys[5], keys[30]) == rows[5:30]
        assert transaction.get_range(keys[5], keys[30], limit=7, reverse=True) == rows[29:22:-1]
        assert transaction.get_all(keys) == [value for _, value in rows]
        transaction.clear_range(keys[5], keys[30])
        transaction.commit()
        left = transact(engine, lambda one: one.get_range(b"", b"\xff"))
        assert left == rows[:5] + rows[30:]

    def test_compares_all_keys_that_were_read(self, engine):
        """One of many is enough, short or long."""
        keys = [b"%03d" % place for place in range(100)] + [b"k" * 700, b"k" * 700 + b"\x00"]
        transact(engine, lambda one: one.set_all(dict.fromkeys(keys[::2], b"1")))
        for changed in (keys[4], keys[5], keys[-2], keys[-1]):
            transaction = engine.begin()
            transaction.get_all(keys)
            transaction.set(b"other", b"1")
            put(engine, changed, b"2")
            with pytest.raises(ConflictError):
                transaction.commit()

    def test_gives_up_what_began_too_long_ago(self, engine, monkeypatch):
        """Claims of ranges are remembered for so many commits, and no longer."""
        from glasshouse.records.engines.postgres import committing

        monkeypatch.setattr(committing, "_MARKS_KEPT_VERSIONS", 2)
        transaction = engine.begin()
        transaction.get(b"a")
        transaction.set(b"b", b"1")
        for _ in range(3):
            put(engine, b"c")
        with pytest.raises(ConflictError, match="more than 2 others committed"):
            transaction.commit()


class TestFailing:
    @pytest.mark.parametrize("moment", ["writing", "committing"])
    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("40001", ConflictError),
            ("40P01", ConflictError),
            ("55P03", ConflictError),
            ("53100", DiskFullError),
            ("53200", StorageError),
            ("57014", StorageError),
            ("XX001", CorruptionError),
            ("XX002", CorruptionError),
            ("42501", EngineError),
        ],
    )
    def test_is_told_by_its_code(self, engine, provoke, moment, code, kind):
        """When writing as when committing; nothing was written then, and all goes on after it."""
        provoke(moment, f"RAISE EXCEPTION 'provoked' USING ERRCODE = '{code}'")
        transaction = engine.begin()
        transaction.set(b"a", b"1")
        with pytest.raises(StorageError if kind is not EngineError else kind) as failed:
            transaction.commit()
        assert type(failed.value) is kind
        assert transaction.committed_version is None
        ask("DROP FUNCTION glasshouse.provoke() CASCADE")
        assert held(engine, b"a") is None
        put(engine, b"a")

    def test_leaves_open_what_a_commit_did_that_broke(self, engine, provoke):
        """The server went away between the question and its answer."""
        provoke("committing", "PERFORM pg_terminate_backend(pg_backend_pid())")
        transaction = engine.begin()
        transaction.set(b"a", b"1")
        with pytest.raises(CommitUnknownError, match="broke while committing"):
            transaction.commit()

    def test_leaves_nothing_open_before_the_commit(self, engine, provoke):
        """The server went away earlier, so it cannot have been done."""
        provoke("writing", "PERFORM pg_terminate_backend(pg_backend_pid())")
        transaction = engine.begin()
        transaction.set(b"a", b"1")
        with pytest.raises(StorageError, match="nothing was written") as failed:
            transaction.commit()
        assert not isinstance(failed.value, CommitUnknownError)

    def test_breaks_off_what_was_being_read(self, engine):
        """The moment is gone with the connection."""
        transaction = engine.begin()
        transaction.get(b"a")
        end_connections()
        with pytest.raises(StorageError, match="broke"):
            transaction.get(b"b")
        transaction.cancel()
        put(engine, b"a")

    def test_is_not_noticed_while_nothing_is_under_way(self, engine):
        """Connections that waited died with the server; new ones are made."""
        waiting = [engine.begin() for _ in range(3)]
        for transaction in waiting:
            transaction.cancel()
        end_connections()
        assert held(engine, b"a") is None
        blind = engine.begin()
        blind.set(b"a", b"1")
        end_connections()
        blind.commit()
        assert held(engine, b"a") == b"1"

    def test_lets_others_commit_when_an_exclusive_one_broke(self, engine):
        """The lock goes with the connection."""
        exclusive = engine.begin(exclusive=True)
        exclusive.set(b"a", b"1")
        end_connections()
        with pytest.raises(StorageError, match="nothing was written"):
            exclusive.commit()
        put(engine, b"a", b"2")
        assert held(engine, b"a") == b"2"


class TestClosing:
    def test_writes_nothing_of_what_is_open(self, engine):
        """Whether it keeps others out, has read, or has only written."""
        for exclusive in (True, False):
            opened = open_engine(postgres_url())
            reading = opened.begin(exclusive=exclusive)
            reading.get(b"a")
            reading.set(b"a", b"1")
            opened.close()
            with pytest.raises(EngineError, match="is closed; open it again"):
                reading.get(b"b")
            with pytest.raises(EngineError, match="is closed; open it again"):
                reading.commit()
        assert held(engine, b"a") is None

    def test_wakes_who_waits_to_commit(self, engine):
        """Somebody else keeps the lock, perhaps for long."""
        other = open_engine(postgres_url())
        exclusive = other.begin(exclusive=True)
        raised = []
        waiting = threading.Thread(
            target=lambda: raised.extend(in_threads(lambda: put(engine, b"a"), 1))
        )
        waiting.start()
        time.sleep(0.2)
        engine.close()
        waiting.join()
        assert [type(error) for error in raised] == [EngineError]
        exclusive.cancel()
        other.close()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
    def test_is_left_to_the_parent_after_a_fork(self):
        """The child is told to open again, can, and takes nothing from the parent."""
        code = """
import os, sys
from glasshouse.errors import EngineError
from glasshouse.records.engines import open_engine, transact

def refusal(work):
    try:
        work()
    except EngineError as error:
        print(error, flush=True)

engine = open_engine(sys.argv[1])
inherited, writing = engine.begin(), engine.begin()
inherited.get(b"f")
writing.set(b"f", b"1")
if os.fork() == 0:
    refusal(engine.begin)
    refusal(lambda: inherited.get(b"f"))
    refusal(writing.commit)
    inherited.cancel()
    engine.close()
    del inherited, writing, engine
    engine = open_engine(sys.argv[1])
    transact(engine, lambda one: one.set(b"child", b"1"))
    engine.close()
    sys.exit()
os.wait()
assert inherited.get(b"child") is None
inherited.cancel()
writing.commit()
print(transact(engine, lambda one: one.get_all([b"f", b"child"])))
engine.close()
"""
        command = [sys.executable, "-c", code, postgres_url()]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        told = lines.splitlines()
        assert all("opened before a fork; open it again in the child" in one for one in told[:3])
        assert told[3:] == ["[b'1', b'1']"]


class TestOpening:
    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("postgresql://me:secret@127.0.0.1:1/none", "Connection refused"),
            ("postgresql://127.0.0.1:1/none?user=me&password=secret", "Connection refused"),
            ("postgresql://me:secret@[bad/none", "no address of a database"),
            ("postgresql://me:secret@127.0.0.1:1/none?unheard=of", "unheard"),
            ("postgresql://me:se@cret@127.0.0.1:1/none", "write the characters @ : / [?] #"),
            ("postgresql://me:sec/ret@127.0.0.1:1/none", "write the characters @ : / [?] #"),
        ],
    )
    def test_fails_in_a_sentence_without_the_password(self, url, reason):
        """Neither as it was given nor as it was understood."""
        with pytest.raises(EngineError, match=reason) as failed:
            open_engine(url)
        said = str(failed.value)
        assert "\n" not in said
        assert not any(part in said for part in ("secret", "cret", "sec/", "/ret"))

    def test_fails_where_there_is_no_such_database(self):
        """What the server says is passed on."""
        with pytest.raises(EngineError, match='database "none" does not exist'):
            open_engine(postgres_url().replace("/postgres", "/none"))

    def test_shows_its_address_without_the_password(self, engine):
        """It stands in messages and logs."""
        opened = open_engine(postgres_url().replace("test@", "test:secret@"))
        assert opened.url == postgres_url()
        opened.close()
