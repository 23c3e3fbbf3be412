"""How a report came to be: what another person needs to run it again, and nothing personal."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from glasshouse.provenance import Machine, source_commit, this_machine, versions


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """How a run was made."""

    command: str
    """The command line that repeats it."""
    versions: dict[str, str]
    """Package to version: Python, glasshouse, and the libraries that do the numerics."""
    commit: str
    """The commit of the source tree, `+changes` when it was edited; empty outside a checkout."""
    started: str
    """UTC time at which the run began, ISO 8601 to the second."""
    seconds: float
    """Wall-clock time of the whole run."""
    machine: Machine
    """What it ran on."""

    def as_json(self) -> dict[str, object]:
        """The provenance in plain JSON values."""
        return asdict(self)


def gather_provenance(*, command: str, started: datetime) -> Provenance:
    """Look at the clock, the machine and the installed packages.

    Args:
        command: The command line that repeats the run.
        started: When the run began, with its time zone.
    """
    now = datetime.now(UTC)
    return Provenance(
        command=command,
        versions=versions(),
        commit=source_commit(),
        started=started.astimezone(UTC).isoformat(timespec="seconds"),
        seconds=(now - started).total_seconds(),
        machine=this_machine(),
    )
