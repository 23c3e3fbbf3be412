"""A report on disk: `claims.json`, `report.html`, `run.json` and `figures/`, whole or absent."""

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glasshouse.errors import InputError
from glasshouse.files import folder_atomically
from glasshouse.report.page import flatten_config, render_page
from glasshouse.report.provenance import Provenance
from glasshouse.report.style import house_style
from glasshouse.report.svg import drawing_to_svg, standalone
from glasshouse.studies import Figure, StudyResult

_LOGGER = logging.getLogger(__name__)
WORKSPACE = "runs"
"""The folder beside a report where its studies keep what is too heavy to return."""

_FORMAT = 1
_MOST_BYTES = 3_000_000


def write_report(
    results: Sequence[StudyResult], out: Path, *, title: str, provenance: Provenance
) -> Path:
    """Write the report of one or more studies.

    Everything is made under a draft name first, so a full disk or a failing figure leaves no part
    of a report behind, and an older report of the same studies stays as it was.

    Args:
        results: The studies, in reading order.
        out: The folder to make, or one that holds an earlier report of the same studies.
        title: The heading of the page.
        provenance: How the studies were run.

    Returns:
        Where the page is: `out/report.html`.

    Raises:
        InputError: If `out` holds something else.
        OSError: If the disk is full or the folder cannot be written.
    """
    check_destination(out, [result.card.name for result in results])
    drawings = draw_figures(results)
    page = render_page(results, drawings, title=title, provenance=provenance)
    if len(page.encode()) > _MOST_BYTES:
        _LOGGER.warning("report.html is %.1f MB; the house allows 3 MB", len(page) / 1e6)
    claims = [entry for result in results for entry in result.claims_as_json()]
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out if not out.exists() else out.with_name(f".{out.name}.new")
    with folder_atomically(fresh) as draft:
        (draft / "figures").mkdir()
        for (study, figure), svg in drawings.items():
            name = figure if len(results) == 1 else f"{study}--{figure}"
            (draft / "figures" / f"{name}.svg").write_text(standalone(svg), encoding="utf-8")
        (draft / "claims.json").write_text(_as_json(claims), encoding="utf-8")
        (draft / "report.html").write_text(page, encoding="utf-8")
        (draft / "run.json").write_text(_as_json(_run(results, provenance)), encoding="utf-8")
    if fresh != out:
        _move_into(fresh, out)
    return out / "report.html"


def check_destination(out: Path, studies: Sequence[str]) -> None:
    """Refuse a folder whose content a report of these studies would overwrite.

    Called before a run as well, so that minutes of work are not lost to a folder in the way.

    Raises:
        InputError: If `out` is a file, cannot be written, or holds anything but an earlier
            report of the same studies.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; name a folder that does not exist yet")
    nearest = next(path for path in (out, *out.resolve().parents) if path.exists())
    if not nearest.is_dir():
        raise InputError(f"--out {out} cannot be made: {nearest} is a file; name another folder")
    if not os.access(nearest, os.W_OK):
        raise InputError(f"--out {out} cannot be written: no permission in {nearest}")
    if not out.exists() or all(inside.name == WORKSPACE for inside in out.iterdir()):
        return  # new, empty, or left by a study that was stopped before its report
    before = _studies_in(out)
    if before is None:
        raise InputError(
            f"--out {out} holds files that are not a report; name a new or empty folder"
        )
    if before != list(studies):
        raise InputError(
            f"--out {out} holds a report of {', '.join(before)}; name another folder, "
            "or remove that one first"
        )


def draw_figures(results: Sequence[StudyResult]) -> dict[tuple[str, str], str]:
    """Draw every figure in the house style, by study name and figure name."""
    drawings: dict[tuple[str, str], str] = {}
    for result in results:
        for section in result.findings.sections:
            for item in section.items:
                if isinstance(item, Figure):
                    key = (result.card.name, item.name)
                    with house_style():
                        drawings[key] = drawing_to_svg(
                            item.draw(),
                            name=f"fig{len(drawings) + 1}",
                            alt=item.alt or item.caption,
                        )
    return drawings


def _studies_in(out: Path) -> list[str] | None:
    """The studies whose report a folder holds; None when it is no report."""
    try:
        run = json.loads((out / "run.json").read_text(encoding="utf-8"))
        return [study["name"] for study in run["studies"]] if run["kind"] == "report" else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _run(results: Sequence[StudyResult], provenance: Provenance) -> dict[str, Any]:
    """What another person needs to run the studies again."""
    return {
        "format": _FORMAT,
        "kind": "report",
        "studies": [
            {
                "name": result.card.name,
                "preset": result.preset,
                "seed": result.seed,
                "seconds": round(result.seconds, 2),
                "config": dict(flatten_config(result.config)),
            }
            for result in results
        ],
        **provenance.as_json(),
    }


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n"


def _move_into(fresh: Path, out: Path) -> None:
    """Replace the files of an earlier report one by one; what else lies in the folder stays."""
    kept = {file.name for file in (fresh / "figures").iterdir()}
    (out / "figures").mkdir(exist_ok=True)
    for old in (out / "figures").glob("*.svg"):
        if old.name not in kept:
            old.unlink()
    for file in sorted(fresh.rglob("*")):
        if file.is_file():
            os.replace(file, out / file.relative_to(fresh))
    (fresh / "figures").rmdir()
    fresh.rmdir()
