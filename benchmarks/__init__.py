"""Side-by-side benchmarks: one folder an area, one file a question, `python -m benchmarks`."""

import os

os.environ.setdefault("TQDM_DISABLE", "1")  # before anybody imports tqdm: peers draw bars
