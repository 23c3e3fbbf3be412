"""What the verbs of `align` say of lines that they leave out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from glasshouse.cli.console import talk

_SHOWN = 3
"""Lines whose reasons are told."""
Found = TypeVar("Found")


def kept_lines(path: Path, parted: tuple[list[Found], Sequence[tuple[int, str]]]) -> list[Found]:
    """What a file holds, once what it does not hold has been told, with lines and reasons."""
    good, bad = parted
    if bad:
        why = "; ".join(f"line {number}: {reason}" for number, reason in bad[:_SHOWN])
        more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        talk(f"{path}: {len(bad)} of {len(good) + len(bad)} lines left out ({why}{more})")
    return good
