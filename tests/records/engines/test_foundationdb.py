"""What of FoundationDB can be told without a cluster; with one, the conformance suite runs."""

import ctypes.util

import pytest

from glasshouse.errors import (
    CommitUnknownError,
    ConflictError,
    DiskFullError,
    EngineError,
    StorageError,
)
from glasshouse.records.engines import open_engine

pytest.importorskip("fdb", reason="the foundationdb package is not installed")


class TestFoundationDB:
    def test_says_what_is_missing(self):
        """The package alone is not enough."""
        if ctypes.util.find_library("fdb_c"):
            pytest.skip("FoundationDB's client library is installed")
        with pytest.raises(EngineError, match="needs FoundationDB's client library"):
            open_engine("fdb:/etc/foundationdb/fdb.cluster")

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            (1020, ConflictError),
            (1007, ConflictError),
            (1021, CommitUnknownError),
            (1036, EngineError),
            (2101, EngineError),
            (1044, DiskFullError),
            (1500, StorageError),
        ],
    )
    def test_tells_what_a_code_means(self, code, kind):
        """By the table of FoundationDB's errors: what to try again, what not, what to mend."""
        from glasshouse.records.engines.foundationdb import meaning_of

        assert type(meaning_of(code, "words")) is kind
