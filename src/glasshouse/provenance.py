"""Where a result came from: versions, commit and machine, and nothing personal."""

import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import glasshouse

_LIBRARIES = ("torch", "numpy", "scipy", "matplotlib", "tokenizers", "safetensors")


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """The machine a run used. It names the parts, never the host or its owner."""

    processor: str
    """The CPU's model name."""
    cores: int
    """Cores this process may use."""
    memory_gib: float
    """Main memory, in GiB."""
    system: str
    """Operating system and architecture."""


def versions() -> dict[str, str]:
    """The versions of Python, of glasshouse and of the libraries that do the numerics."""
    found = {"python": platform.python_version(), "glasshouse": glasshouse.__version__}
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def source_commit() -> str:
    """The commit that the imported package stands at; empty when it is not a checkout."""
    package = Path(glasshouse.__file__).parent

    def git(*arguments: str) -> str:
        answer = subprocess.run(
            ["git", "-C", str(package), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        return answer.stdout.strip() if answer.returncode == 0 else ""

    try:
        if not git("ls-files", "__init__.py"):
            return ""  # inside somebody else's repository, such as a virtual environment in one
        commit = git("rev-parse", "--short=12", "HEAD")
        return commit + ("+changes" if commit and git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.TimeoutExpired):
        return ""


def this_machine() -> Machine:
    """The processor, its cores and the memory."""
    return Machine(
        processor=_processor_name(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _all_cores(),
        memory_gib=round(_memory_bytes() / 2**30, 1),
        system=f"{platform.system()} {platform.machine()}",
    )


def this_command() -> list[str]:
    """The command line, whatever folder the program lies in; empty where there is none."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv and sys.argv[0] else []


def origin() -> dict[str, Any]:
    """When and by what something is made, as JSON values for its file.

    Returns:
        `created`, `command`, `versions`, `commit` and `machine`.
    """
    return {
        "created": datetime.now(UTC).isoformat(),
        "command": this_command(),
        "versions": versions(),
        "commit": source_commit(),
        "machine": asdict(this_machine()),
    }


def _all_cores() -> int:
    return os.cpu_count() or 1


def _processor_name() -> str:
    """The CPU's model name, or its architecture where the system does not tell."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
