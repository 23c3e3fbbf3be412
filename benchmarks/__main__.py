"""Run benchmarks, one after another, on a machine with nothing else to do: `make bench`.

Each prints one JSON line to standard output, and some a table to standard error; what it measures
and what the number does not show stands at the top of its file. Results worth keeping go to
`benchmarks/results/`. Those of `interpret` and `dataflow` measure us beside TransformerLens and
nnsight; benchmarks/peers.txt says how to install them.

    python -m benchmarks [AREA ...] [--rounds N, --quick, ... for each of them]
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    areas = sorted({script.parent.name for script in HERE.glob("*/bench_*.py")})
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"of {', '.join(areas)}")
    options, passed_on = parser.parse_known_args()
    for area in options.areas:
        if area not in areas:
            parser.error(f"there is no area {area!r}; there are {', '.join(areas)}")
    failed = []
    for script in sorted(HERE.rglob("bench_*.py")):
        if options.areas and script.parent.name not in options.areas:
            continue
        module = ".".join(script.relative_to(HERE.parent).with_suffix("").parts)
        print(f"# {module}", flush=True)
        command = [sys.executable, "-m", module, *passed_on]
        if subprocess.run(command, cwd=HERE.parent).returncode:
            failed.append(module)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
