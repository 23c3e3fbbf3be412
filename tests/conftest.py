"""One thread a process, and nothing written into the user's own notebook.

Tests are tiny, and two threads that wait for each other are slower.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported, so before it is
os.environ["GLASSHOUSE_NOTEBOOK"] = "none"  # tests that want a notebook name a temporary one
