"""A made-up study that uses every part of a report."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from glasshouse.report import gather_provenance
from glasshouse.studies import (
    Claim,
    ClaimResult,
    Control,
    Evidence,
    Figure,
    Findings,
    Paper,
    Section,
    StudyCard,
    StudyResult,
    Table,
    Text,
    Transcript,
    Turn,
    out_of_scale,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class InnerConfig:
    """Part of a config."""

    peak_lr: float = 1e-3
    """Learning rate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleConfig:
    """A config."""

    models: int = 12
    """How many."""
    train: InnerConfig = field(default_factory=InnerConfig)
    """How they learn."""


CARD = StudyCard(
    name="sample",
    title="A sample of everything",
    paper=Paper(citation='Nobody et al. 2022, "Nothing in Particular"', arxiv="2209.10652"),
    summary="What does a report look like when every part of it is used?",
    presets={"small": "a moment"},
    where="tests.report.sample:STUDY",
)


def claim(id: str, text: str, **options) -> Claim:
    return Claim(
        **{
            "id": id,
            "claim": text,
            "source": "Nobody et al. 2022, section 3",
            "paper": "about 0.95 in the paper's figure 3",
            "threshold": 0.9,
            "direction": "above",
            "no_effect": 0.5,
            "threshold_text": "above 0.9 of cells, where chance is 0.5",
            **options,
        }
    )


def claims() -> tuple[ClaimResult, ...]:
    shuffled = Control(value=0.52, shows_effect=False, text="labels shuffled")
    spoilt = Control(value=0.93, shows_effect=True, text="weights never trained")
    rows = [
        (
            claim("boundary", "Sparse features share dimensions; dense features do not."),
            Evidence(
                measured=0.96, interval=(0.93, 0.98), text="0.96 of 120 cells", control=shuffled
            ),
        ),
        (
            claim("size", "The effect grows with `width`."),
            Evidence(
                measured=0.71, interval=(0.62, 0.8), text="0.71 of 120 cells", control=shuffled
            ),
        ),
        (
            claim(
                "price", "Loss falls below one half.", threshold=0.5, no_effect=1, direction="below"
            ),
            Evidence(measured=0.94, interval=(0.82, 1.06), text="0.94 of the loss"),
        ),
        (
            claim(
                "probe", "A probe reads the feature.", note="Contested: Somebody 2024, section 2."
            ),
            Evidence(measured=0.95, interval=(0.92, 0.97), text="0.95 of tokens", control=spoilt),
        ),
        (
            claim("sign", "Pairs attract."),
            Evidence(measured=0.3, interval=(0.25, 0.36), text="0.30 of pairs"),
        ),
        (
            claim("scale", "It holds in a production model."),
            out_of_scale("this preset has no production model"),
        ),
    ]
    return tuple(ClaimResult(claim=one, evidence=found) for one, found in rows)


def draw_lines():
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3.6))
    steps = np.arange(1, 60)
    for index in range(5):
        left.plot(steps, np.exp(-steps / (8 + 6 * index)) + 0.05 * index, label=f"{index + 2} dims")
    left.set(title="Loss over training", xlabel="step", ylabel="loss (nats)")
    left.legend()
    right.imshow(np.add.outer(np.arange(12), np.arange(12)), aspect="auto")
    right.set(title="Phases", xlabel="density", ylabel="importance")
    right.grid(False)
    return figure


def draw_bars():
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.2))
    axes.bar(range(6), [3, 5, 2, 8, 6, 4])
    axes.axhline(4.5, color="black", linestyle="--")
    axes.set(title="Facts by how often they were stated", xlabel="times stated", ylabel="accuracy")
    return figure


def transcript() -> Transcript:
    return Transcript(
        title="A question about a lake",
        truth=(("kind", "dialogue"), ("harmful", "no")),
        turns=(
            Turn(speaker="human", text="where does mira live ?"),
            Turn(
                speaker="assistant",
                text="mira lives in the town by the lake .",
                truth=(("true", "yes"), ("gold reward", "0.82"), ("fact stated", "16 times")),
            ),
        ),
    )


def sample_result(name: str = "sample") -> StudyResult:
    findings = Findings(
        claims=claims(),
        headline="Sparse features share dimensions, at a price that is smaller than the paper's.",
        sections=(
            Section(
                title="The phase diagram",
                text="Each cell is one model.\n\nThe boundary is where `density` decides.",
                items=(
                    Figure(
                        name="phases",
                        title="Phases of superposition",
                        caption="Left: loss. Right: what each cell does.",
                        draw=draw_lines,
                    ),
                    Table(
                        title="Loss by kind of document",
                        caption="In nats per token.",
                        columns=("kind", "documents", "loss", "accuracy"),
                        rows=(("dialogue", 12345, 1.2345, 0.91), ("biography", 88, 0.00012, None)),
                    ),
                ),
            ),
            Section(
                title="What it says",
                items=(
                    transcript(),
                    Text(title="Reading", paragraphs=("It is right when it has heard it often.",)),
                    Figure(name="facts", title="Facts", caption="Accuracy.", draw=draw_bars),
                ),
            ),
        ),
    )
    return StudyResult(
        card=StudyCard(
            name=name,
            title=CARD.title,
            paper=CARD.paper,
            summary=CARD.summary,
            presets=CARD.presets,
            where=CARD.where,
        ),
        preset="small",
        seed=7,
        config=SampleConfig(),
        findings=findings,
        seconds=3.2,
    )


def sample_provenance(command: str = "glasshouse run sample --preset small --seed 7"):
    return gather_provenance(command=command, started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
