"""Starting victims, and killing them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence


class Nursery:
    """A process that starts victims; use it as a `with` block."""

    def __enter__(self) -> "Nursery":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.records.crash.victim"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *about: object) -> None:
        self._process.communicate()

    def kill_all(
        self, victims: Sequence[Sequence[str]], seconds: float, *, seconds_apart: float = 0.0
    ) -> None:
        """Start victims, let them work for some time, and kill them, one after another.

        Raises:
            AssertionError: If one ended by itself; the message is why.
        """
        started = [self._ask("\t".join(words)) for words in victims]
        time.sleep(seconds)
        for number in started:
            assert number.isdigit(), number
            os.kill(int(number), signal.SIGKILL)
            time.sleep(seconds_apart)
        endings = [self._ask(number) for number in started]
        assert endings == ["-9"] * len(victims), endings

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().rstrip("\n")
