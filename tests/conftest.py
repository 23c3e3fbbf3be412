"""One thread a process: tests are tiny, and two threads that wait for each other are slower."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported, so before it is
