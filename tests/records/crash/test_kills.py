"""Processes killed at random points, and what they leave."""

import json
import subprocess
import sys


def test_loses_nothing_when_killed(tmp_path):
    """What was acknowledged is there, in whole transactions, and every index fits.

    In a process of its own, which the checkers of types and shapes do not slow down;
    benchmarks/records/bench_kills.py kills many more.
    """
    command = [sys.executable, "-m", "tests.records.crash.killing", str(tmp_path), "15"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found["kills"]) == {"write", "build", "backup", "restore"}
    assert found["acknowledged_transactions"] > 0
    assert (found["lost"], found["torn"], found["problems"]) == (0, 0, [])
    assert found["half_restored_and_opened"] == 0
