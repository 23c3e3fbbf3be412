"""A study that takes a moment, for tests of the verbs that run studies."""

from dataclasses import dataclass
from pathlib import Path

from glasshouse.errors import InputError
from glasshouse.studies import (
    Claim,
    ClaimResult,
    Evidence,
    Findings,
    Paper,
    Progress,
    Study,
    StudyCard,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeConfig:
    """What is measured, and how sure it is."""

    measured: float = 0.95
    """The measurement."""
    spread: float = 0.01
    """Half of its interval."""

    def __post_init__(self) -> None:
        if self.spread < 0:
            raise InputError(f"spread={self.spread} must be 0 or more")


def run(config: FakeConfig, *, seed: int, progress: Progress, workspace: Path) -> Findings:
    workspace.mkdir(parents=True, exist_ok=True)
    (workspace / "kept.txt").write_text("heavy")
    progress(0, 1, "measuring")
    claim = Claim(
        id="high",
        claim="It is high.",
        source="Nobody 2022, section 1",
        paper="0.95",
        threshold=0.9,
        direction="above",
        no_effect=0.5,
        threshold_text="above 0.9",
    )
    evidence = Evidence(
        measured=config.measured,
        interval=(config.measured - config.spread, config.measured + config.spread),
        text=f"{config.measured} with seed {seed}",
    )
    progress(1, 1, "done")
    return Findings(claims=(ClaimResult(claim=claim, evidence=evidence),))


CARD = StudyCard(
    name="fake",
    title="A fake study",
    paper=Paper(citation="Nobody 2022"),
    summary="Is it high?",
    presets={"small": "a moment", "sure": "a moment"},
    where="tests.cli.fake_study:STUDY",
)
STUDY = Study(
    card=CARD,
    presets={"small": FakeConfig, "sure": lambda: FakeConfig(spread=0.001)},
    run=run,
)
