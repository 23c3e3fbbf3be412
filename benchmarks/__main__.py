"""Run every benchmark, one after another: `make bench`, on a machine with nothing else to do.

Each prints one JSON line; what it measures and what the number does not show stands at the top of
its file. Results worth keeping go to `benchmarks/results/`.
"""

import subprocess
import sys
from pathlib import Path


def main() -> int:
    failed = []
    for script in sorted(Path(__file__).parent.rglob("bench_*.py")):
        print(f"# {script.relative_to(Path.cwd())}", flush=True)
        if subprocess.run([sys.executable, str(script)]).returncode:
            failed.append(script.name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
