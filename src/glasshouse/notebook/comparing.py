"""What two runs have apart."""

from dataclasses import dataclass
from typing import Any

import msgspec

from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import Claim, Run
from glasshouse.records import Query

_ABOUT = ("kind", "name", "study", "preset", "status", "seed", "step", "steps", "tokens")
_ABOUT += ("seconds", "loss", "held_out", "commit", "tags", "path")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same."""

    section: str
    """run, config, decisions, versions, machine, metrics or claims."""
    name: str
    """Within the section: `train.schedule.peak_lr`, `loss.least`, a claim's name."""
    first: Any
    """None where the first run has nothing of the name."""
    second: Any


def compare_runs(notebook: Notebook, first: Run, second: Run) -> list[Difference]:
    """Everything that two runs have apart, section by section; what is the same is left out."""
    found = _apart("run", _about(first), _about(second))
    for section in ("config", "decisions", "versions", "machine"):
        found += _apart(section, flat(getattr(first, section)), flat(getattr(second, section)))
    found += _apart("metrics", _metrics(first), _metrics(second))
    return found + _apart("claims", _claims(notebook, first), _claims(notebook, second))


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values inside each other by dotted names, as `--set` takes them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            found.update(flat(value, f"{prefix}{name}."))
        else:
            found[prefix + name] = value
    return found


def claims_of(notebook: Notebook, run: Run) -> list[Claim]:
    """The claims of a run, by name."""
    return list(notebook.query(Query(Claim).where(Claim.run == run.id).order_by(Claim.name)))


def _apart(section: str, first: dict[str, Any], second: dict[str, Any]) -> list[Difference]:
    return [
        Difference(section, name, first.get(name), second.get(name))
        for name in dict.fromkeys([*first, *second])
        if first.get(name) != second.get(name)
    ]


def _about(run: Run) -> dict[str, Any]:
    return {name: msgspec.to_builtins(getattr(run, name)) for name in _ABOUT}


def _metrics(run: Run) -> dict[str, Any]:
    return {
        f"{name}.{what}": getattr(summary, what)
        for name, summary in run.metrics.items()
        for what in ("last", "least", "most")
        if name not in ("tokens", "lr") or what == "last"
    }


def _claims(notebook: Notebook, run: Run) -> dict[str, Any]:
    return {one.name: _claim_in_short(one) for one in claims_of(notebook, run)}


def _claim_in_short(claim: Claim) -> str:
    if claim.measured is None:
        return claim.verdict
    return f"{claim.verdict} ({claim.measured:.4g})"
