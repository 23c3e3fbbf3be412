"""Attempts to make a model fail, and what was found in it."""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from glasshouse.records import Record


class Severity(IntEnum):
    """How much a finding matters."""

    NOTE = 0
    """Worth remembering; nothing is wrong."""
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class FindingStatus(StrEnum):
    """Whether it holds."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    FIXED = "fixed"


class Attack(Record, kw_only=True):
    """One attempt to make a model do what it should not."""

    id: str
    created: datetime
    target: str
    """The model attacked."""
    method: str
    """How: human, zero-shot, few-shot, supervised, reinforcement, gradient, …"""
    prompt: str
    """What the attacker said first."""
    run: str | None = None
    attacker: str = ""
    """Who: a pseudonym, or a model's id."""
    transcript: str | None = None
    """The dialogue that came of it."""
    success: float | None = None
    """How far it succeeded, from 0 to 1, by `judge`."""
    judge: str = ""
    harms: list[str] = []
    """What kinds of harm it is about."""
    severity: Severity = Severity.NOTE
    defence: str = ""
    """What protected the target."""
    truth: bool | None = None
    """Whether it truly succeeded, by what the world knows."""
    tags: list[str] = []
    extra: dict[str, Any] = {}


class Finding(Record, kw_only=True):
    """Something that somebody should know of a model, with the evidence for it."""

    id: str
    created: datetime
    kind: str
    """look, audit, red-team, backdoor, bug, …"""
    title: str
    """In one line."""
    severity: Severity = Severity.NOTE
    status: FindingStatus = FindingStatus.OPEN
    subject: str = ""
    """What it is about: a checkpoint's or run's id, or a hub id."""
    run: str | None = None
    """The run that found it."""
    text: str = ""
    """The whole story."""
    evidence: list[str] = []
    """Ids of the records that show it."""
    sites: list[str] = []
    """Addresses of the values that it is about."""
    path: str = ""
    """A page or file that shows it, absolute."""
    auditor: str = ""
    """Who found it."""
    confidence: float | None = None
    """How sure the auditor is, from 0 to 1."""
    truth: bool | None = None
    """Whether it is so, where what was planted is known."""
    effort: dict[str, float] = {}
    """What it cost: queries, tokens, seconds."""
    tags: list[str] = []
    extra: dict[str, Any] = {}
