"""The record layer stands on its own."""

import subprocess
import sys

LOADED = """
import sys
from glasshouse import records
heavy = {"torch", "numpy", "lmdb", "psycopg", "fdb", "typer", "rich"} & set(sys.modules)
rooms = {name.split(".")[1] for name in sys.modules if name.startswith("glasshouse.")}
print(sorted(heavy), sorted(rooms))
"""


def test_needs_neither_torch_nor_the_laboratory():
    """Importing it loads no network, no array library, no engine; only small shared rooms."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True)
    assert done.stdout == "[] ['errors', 'files', 'records']\n", done.stderr
