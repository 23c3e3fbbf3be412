"""Numbers, times and curves as the notebook's tables show them."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

_BARS = "▁▂▃▄▅▆▇█"
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def sparkline(values: Sequence[float], width: int = 20) -> str:
    """A curve in one line of bars, each the mean of some values; gaps where none is a number."""
    count = min(width, len(values))
    parts = [
        values[len(values) * at // count : len(values) * (at + 1) // count] for at in range(count)
    ]
    finite = [[one for one in part if math.isfinite(one)] for part in parts]
    means = [sum(part) / len(part) if part else None for part in finite]
    known = [mean for mean in means if mean is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    step = (high - low) / (len(_BARS) - 1) or 1.0
    return "".join(" " if one is None else _BARS[round((one - low) / step)] for one in means)


def loss_figure(value: float | None) -> str:
    """A loss with four places, so that a column of them lines up."""
    return "" if value is None else f"{value:.4f}"


def short_figure(value: float | None) -> str:
    """Any number in five digits."""
    return "" if value is None else f"{value:.5g}"


def duration(seconds: float | None) -> str:
    """A stretch of time in the two units that matter: `4.2 s`, `12m 05s`, `3h 20m`, `2d 04h`."""
    if seconds is None:
        return ""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < _DAY:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02}h"


def ago(time: datetime | None, now: datetime | None = None) -> str:
    """How long a moment is past; the date, by its reader's clock, once that is over a week."""
    if time is None:
        return ""
    past = ((now or datetime.now(UTC)) - time).total_seconds()
    if not 0 <= past < 7 * _DAY:
        return time.astimezone().strftime("%Y-%m-%d")
    if past < _MINUTE:
        return "just now"
    for unit, length in (("day", _DAY), ("hour", _HOUR), ("min", _MINUTE)):
        if past >= length:
            count = int(past // length)
            return f"{count} {unit}{'s' if count > 1 and unit != 'min' else ''} ago"
    return "just now"


def one_line(text: str, width: int) -> str:
    """The beginning of a text, in one line."""
    words = " ".join(text.split())
    return words if len(words) <= width else words[: width - 1] + "…"
