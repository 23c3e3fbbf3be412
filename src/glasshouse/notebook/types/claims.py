"""What a study claims, what it measured, and the verdict."""

from datetime import datetime

import msgspec

from glasshouse.records import Record


class Control(msgspec.Struct, frozen=True):
    """The same measurement where the claimed effect must be absent."""

    value: float | None
    shows_effect: bool
    text: str
    """What the control is, in words."""


class Claim(Record, kw_only=True):
    """One claim of a paper as one run of its study judged it."""

    id: str
    run: str
    study: str
    name: str
    """Unique within the study: `phase-boundary`."""
    claim: str
    """In one sentence, as the paper means it."""
    verdict: str
    """reproduced, trend, not-seen, contradicted or out-of-scale."""
    created: datetime
    """When its run began."""
    source: str = ""
    """Paper and section."""
    paper: str = ""
    """The value that the paper reports, in words."""
    measured: float | None = None
    """None where there was nothing to measure."""
    low: float | None = None
    """Low end of the 95% interval; None where it is unbounded or unknown."""
    high: float | None = None
    threshold: float | None = None
    """The measurement had to lie beyond this."""
    direction: str = ""
    """"above" or "below"."""
    no_effect: float | None = None
    """What would be measured if the claim were empty."""
    threshold_text: str = ""
    gate: str | None = None
    """Why it could not be tested, if it could not."""
    control: Control | None = None
    note: str = ""
