"""How long `import glasshouse` and `glasshouse --help` take, as whole processes.

Each command is started anew, in turn with a bare `python -c pass`, so that the interpreter's own
start can be told apart. One JSON line: medians and ranges in seconds.

    python benchmarks/bench_startup.py [--repeats 9]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import glasshouse": [sys.executable, "-c", "import glasshouse"],
    "glasshouse --help": [sys.executable, "-m", "glasshouse", "--help"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(options.repeats + 1):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - start)
    timed = {name: values[1:] for name, values in seconds.items()}  # the first warms the disk cache
    print(
        json.dumps(
            {
                "benchmark": "startup",
                "median_seconds": {n: round(statistics.median(v), 3) for n, v in timed.items()},
                "range_seconds": {
                    n: [round(min(v), 3), round(max(v), 3)] for n, v in timed.items()
                },
                "repeats": options.repeats,
            }
        )
    )


if __name__ == "__main__":
    main()
