"""Study results as one self-contained HTML page: no script, nothing fetched, light and dark."""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, TypeGuard

import jinja2
from markupsafe import Markup, escape

from glasshouse.report.interval_chart import interval_chart
from glasshouse.report.provenance import Provenance
from glasshouse.report.style import INK, MUTED, PAPER, RULE, dark_rules
from glasshouse.report.svg import natural_width
from glasshouse.studies import Figure, StudyResult, Table, Text, Transcript, Verdict
from glasshouse.studies.study import Cell

_WORDS = {
    Verdict.REPRODUCED: ("reproduced", "✓"),
    Verdict.TREND: ("trend", "↗"),
    Verdict.NOT_SEEN: ("not seen", "○"),
    Verdict.CONTRADICTED: ("contradicted", "✕"),
    Verdict.OUT_OF_SCALE: ("out of scale", "–"),
}
_MEANINGS = {
    Verdict.REPRODUCED: "the whole interval lies beyond the threshold, "
    "and the control does not show the effect",
    Verdict.TREND: "right sign and no effect excluded, but the threshold is not met",
    Verdict.NOT_SEEN: "the interval includes no effect, or the control shows the effect as well",
    Verdict.CONTRADICTED: "wrong sign, and no effect is excluded",
    Verdict.OUT_OF_SCALE: "a prerequisite failed, or this preset cannot test the claim",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictCount:
    """How many claims of a page have one verdict."""

    verdict: Verdict
    """The verdict."""
    word: str
    """The verdict as a reader says it."""
    sign: str
    """A sign beside the word, so that colour is never alone."""
    meaning: str
    """What the verdict means."""
    count: int
    """How many claims."""


def render_page(
    results: Sequence[StudyResult],
    drawings: dict[tuple[str, str], str],
    *,
    title: str,
    provenance: Provenance,
) -> str:
    """Write the whole page.

    Args:
        results: The studies, in reading order.
        drawings: The SVG of each figure, by study name and figure name.
        title: The heading of the page.
        provenance: How the studies were run.
    """
    claims = [entry for result in results for entry in result.claims_as_json()]
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            title=title,
            results=results,
            drawings=drawings,
            provenance=provenance,
            counts=count_verdicts(results),
            num_claims=len(claims),
            claims_json=_json_for_html(claims),
            css=style_sheet(),
        )
    )


def count_verdicts(results: Sequence[StudyResult]) -> list[VerdictCount]:
    """Count the verdicts of some studies, all five in their order, zeros included."""
    tally = Counter(claim.verdict for result in results for claim in result.findings.claims)
    return [
        VerdictCount(
            verdict=verdict,
            word=_WORDS[verdict][0],
            sign=_WORDS[verdict][1],
            meaning=_MEANINGS[verdict],
            count=tally[verdict],
        )
        for verdict in Verdict
    ]


def format_number(value: float, *, decimals: int | None = None) -> str:
    """A number as a reader wants it, with thin spaces between thousands.

    Args:
        value: The number; NaN is a dash.
        decimals: Digits after the point; None takes four significant digits and no idle zeros.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if math.isnan(value):
        return "—"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if _wants_power(value):
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{_signed(mantissa)} × 10{_raised(int(exponent))}"
    digits = num_decimals(value) if decimals is None else decimals
    return _signed(f"{value:,.{digits}f}".replace(",", "\u2009"))


def num_decimals(value: float) -> int:
    """Digits after the point that four significant digits need, idle zeros left out."""
    if not math.isfinite(value) or _wants_power(value) or float(value).is_integer():
        return 0
    digits = min(4, max(0, 3 - math.floor(math.log10(abs(value)))))
    return len(f"{value:.{digits}f}".rstrip("0").partition(".")[2])


def _wants_power(value: float) -> bool:
    """Whether a number reads better as a power of ten."""
    return value != 0 and not isinstance(value, int) and not 1e-3 <= abs(value) < 1e7


def format_rows(table: Table) -> list[list[str]]:
    """The cells of a table as text; the numbers of one column share their number of decimals."""
    decimals = [
        max((num_decimals(cell) for cell in column if _is_number(cell)), default=0)
        for column in zip(*table.rows, strict=True)
    ]
    return [
        [_format_cell(cell, places) for cell, places in zip(row, decimals, strict=True)]
        for row in table.rows
    ]


def _format_cell(cell: Cell, decimals: int) -> str:
    if cell is None:
        return "—"
    if isinstance(cell, str):
        return cell
    return format_number(cell, decimals=0 if isinstance(cell, int) else decimals)


def format_seconds(seconds: float) -> str:
    """A duration in the largest units that matter: `3 min 20 s`."""
    whole = round(seconds)
    if whole < 1:
        return "under 1 s"
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def flatten_config(config: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Every field of a config as the command line names it (`train.peak_lr`), with its value."""
    if not is_dataclass(config) or isinstance(config, type):
        return []
    rows: list[tuple[str, str]] = []
    for field in fields(config):
        value = getattr(config, field.name)
        name = f"{prefix}{field.name}"
        rows += flatten_config(value, f"{name}.") or [(name, str(value))]
    return rows


def prose(text: str) -> Markup:
    """Plain text as paragraphs; blank lines part them and backticks make code."""
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    return Markup("").join(Markup("<p>{}</p>").format(inline(part)) for part in paragraphs)


def inline(text: str) -> Markup:
    """Plain text inside a paragraph; backticks make code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _signed(digits: str) -> str:
    return digits.replace("-", "−")


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _json_for_html(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)
    return Markup(text.replace("<", "\\u003c"))


def _colours() -> dict[str, Any]:
    return {
        "ink": INK,
        "muted": MUTED,
        "rule": RULE,
        "paper": PAPER,
        "dark_drawing_rules": dark_rules(),
    }


def _is_number(cell: Cell) -> TypeGuard[float]:
    return isinstance(cell, (int, float)) and not isinstance(cell, bool)


def _kind(item: Figure | Table | Text | Transcript) -> str:
    return type(item).__name__.lower()


def style_sheet() -> Markup:
    """The CSS of every page of the house."""
    return Markup(environment().get_template("report.css.j2").render(**_colours()))


@cache
def environment() -> jinja2.Environment:
    """The templates, with everything from outside escaped."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("glasshouse.report", "templates"),
        autoescape=jinja2.select_autoescape(("html.j2",), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        rows=format_rows,
        number=format_number,
        seconds=format_seconds,
        prose=prose,
        inline=inline,
        kind=_kind,
        svg=Markup,
        natural_width=natural_width,
        flatten=flatten_config,
    )
    templates.tests["a_number"] = _is_number
    templates.globals.update(
        interval_chart=interval_chart, words=_WORDS, count_verdicts=count_verdicts
    )
    return templates
