"""Telling a damaged file of an embedded engine from a sound one, without walking into it."""

import subprocess
import sys
from pathlib import Path

import pytest

from glasshouse.records import Database

READ_ALL = """
import sys
from glasshouse.errors import GlasshouseError
from glasshouse.records.engines import open_engine
from glasshouse.records.engines.pages import check_pages
from pathlib import Path
print("pages", len(check_pages(Path(sys.argv[1]) / "data.mdb")))
if sys.argv[2] == "read":
    try:
        open_engine("lmdb:" + sys.argv[1]).begin().get_range(b"", b"\\xff")
        print("read")
    except GlasshouseError as error:
        print("refused", error)
"""


class TestDamagedFile:
    @pytest.fixture
    def folder(self, tmp_path):
        place = tmp_path / "store"
        rows = {b"%06d" % number: b"value" * 40 for number in range(3_000)}
        with Database.open(f"lmdb:{place}") as database:
            database.run(lambda context: context.transaction.set_all(rows))
        return place

    def look(self, folder: Path, how: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", READ_ALL, str(folder), how], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def test_is_told_from_a_sound_one(self, folder):
        """A sound file has no problem, whatever it went through."""
        assert self.look(folder, "read") == "pages 0\nread\n"

    def test_is_refused_when_its_end_is_cut_off(self, folder):
        """Reading it would end the process; a sentence does not."""
        file = folder / "data.mdb"
        file.write_bytes(file.read_bytes()[:-40_960])
        out = self.look(folder, "read")
        assert "pages 1" in out
        assert "its end was cut off" in out

    @pytest.mark.parametrize("filler", [bytes(4096), bytes(range(256)) * 16])
    def test_is_found_when_pages_are_overwritten(self, folder, filler):
        """With zeros or with garbage; only pages in use count."""
        file = folder / "data.mdb"
        content = bytearray(file.read_bytes())
        for number in range(20, 60):
            content[number * 4096 : (number + 1) * 4096] = filler
        file.write_bytes(bytes(content))
        out = self.look(folder, "read" if not any(filler) else "look")
        assert int(out.split()[1]) > 3
        if not any(filler):
            assert "is damaged" in out
