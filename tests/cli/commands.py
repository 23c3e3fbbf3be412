"""Run the command line: in this process for most tests, in another where that is the point."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from glasshouse.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command left."""

    status: int
    out: str
    err: str


def glasshouse(capfd: pytest.CaptureFixture[str], *words: str | Path) -> Outcome:
    """Run `glasshouse WORDS` in this process."""
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    out, err = capfd.readouterr()
    return Outcome(int(left.value.code or 0), out, err)


def spawn(*words: str | Path, cwd: Path, deaf: bool = False) -> subprocess.Popen[str]:
    """Start `glasshouse WORDS` as a process of its own; `deaf` as `&` in a script starts it."""
    ignore = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"] if deaf else []
    return subprocess.Popen(
        [*ignore, sys.executable, "-m", "glasshouse", *map(str, words)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refused(outcome: Outcome) -> str:
    """The one sentence of a command that refused what it was asked."""
    assert outcome.status == 2, outcome
    assert outcome.out == ""
    lines = outcome.err.splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("glasshouse: ")
    return lines[0].removeprefix("glasshouse: ")
