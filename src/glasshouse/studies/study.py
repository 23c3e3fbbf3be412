"""What a study is, and what it hands to the report.

A study module holds one paper: its configs, its claims, its measurements and its figures. It ends
in a `Study`, whose `run` is a function of a config and a seed and returns `Findings`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, runtime_checkable

from glasshouse.errors import InputError
from glasshouse.studies.claims import ClaimResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing
else:
    # matplotlib takes a quarter of a second to import; naming a study must not cost that.
    Drawing = Any

Cell = str | int | float | None
"""One cell of a table; numbers are set by the report, None is shown as a dash."""

Progress = Callable[[int, int, str], None]
"""`progress(done, total, what)`: how far a study is; the command line shows it as a bar."""


def no_progress(done: int, total: int, what: str) -> None:
    """Watch nothing; the progress of a study that runs unattended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A drawing and the words beside it; drawn by the report, inside the house style."""

    name: str
    """File name without its ending, unique within the study: `phase-diagram`."""
    title: str
    """A short heading."""
    caption: str
    """What is drawn and how to read it, in one or two sentences."""
    draw: Callable[[], Drawing]
    """Makes the matplotlib figure. Called once, later, inside the house style."""
    alt: str = ""
    """What a reader who cannot see the figure should know; the caption when empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows of words and numbers."""

    title: str
    """A short heading."""
    columns: tuple[str, ...]
    """One heading a column, with its unit."""
    rows: tuple[tuple[Cell, ...], ...]
    """One tuple a row, as long as `columns`."""
    caption: str = ""
    """How to read the table, in one or two sentences."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.title!r}: a row has {len(row)} cells and there are "
                    f"{len(self.columns)} columns: {row!r}"
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What one speaker said, with the truth of that turn."""

    speaker: str
    """Who speaks: `human`, `assistant`, `prompt`, `model`."""
    text: str
    """What was said."""
    truth: tuple[tuple[str, str], ...] = ()
    """Label and value of what is known about this turn: `(("gold reward", "0.82"),)`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcript:
    """A dialogue or completion with its truth beside it."""

    title: str
    """A short heading."""
    turns: tuple[Turn, ...]
    """The dialogue, in order."""
    truth: tuple[tuple[str, str], ...] = ()
    """Label and value of what is known about the whole: `(("harmful", "no"),)`."""
    caption: str = ""
    """How to read the transcript, where that is not plain."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """Paragraphs of plain prose under a heading."""

    title: str
    """A short heading; empty for none."""
    paragraphs: tuple[str, ...]
    """Plain text, one string a paragraph."""


Item = Figure | Table | Transcript | Text
"""What a section of a report may hold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One chapter of a study's report."""

    title: str
    """The heading."""
    text: str = ""
    """What the section shows, in plain prose; a blank line parts paragraphs."""
    items: tuple[Item, ...] = ()
    """Figures, tables, transcripts and texts, in reading order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What a study's `run` returns."""

    claims: tuple[ClaimResult, ...]
    """The claims with their evidence, in the paper's order."""
    sections: tuple[Section, ...] = ()
    """The chapters of the report, in reading order."""
    headline: str = ""
    """What was found, in one or two sentences for the top of the report."""

    def __post_init__(self) -> None:
        _refuse_twins("claim id", [result.claim.id for result in self.claims])
        items = [item for section in self.sections for item in section.items]
        _refuse_twins("figure name", [item.name for item in items if isinstance(item, Figure)])


ConfigT = TypeVar("ConfigT")


@runtime_checkable
class Run(Protocol):
    """Runs a study. The config is the dataclass that the study's presets return."""

    def __call__(self, config: Any, *, seed: int, progress: Progress, workspace: Path) -> Findings:
        """Measure everything the study claims; the result is a function of config and seed.

        What is too heavy to return (runs with their checkpoints) goes to a folder of the study's
        own in `workspace`, where a study that was killed finds it when it is started again.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """The paper a study is about."""

    citation: str
    """Authors, year, title: `Elhage et al. 2022, "Toy Models of Superposition"`."""
    arxiv: str = ""
    """The arXiv number, `2209.10652`; empty for a study without a paper."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyCard:
    """What `glasshouse studies` says of a study, known without importing the study."""

    name: str
    """The name on the command line, in lower-case words joined by hyphens."""
    title: str
    """The heading of its report."""
    paper: Paper
    """What it reproduces."""
    summary: str
    """What it asks, in one or two sentences."""
    presets: Mapping[str, str]
    """Preset name to what it needs: `{"small": "2 CPU cores, about 2 minutes"}`."""
    where: str
    """Where the `Study` lives: `package.module:ATTRIBUTE`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Study(Generic[ConfigT]):
    """One paper as one command."""

    card: StudyCard
    """Name, title, paper: the entry of this study in `glasshouse.studies.STUDIES`."""
    presets: Mapping[str, Callable[[], ConfigT]]
    """Preset name to the function that returns its config."""
    run: Run
    """Runs the study."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyResult:
    """Findings together with what produced them: enough to write a report and to run again."""

    card: StudyCard
    """Which study."""
    preset: str
    """The preset that the config began from."""
    seed: int
    """The seed of the run."""
    config: Any
    """The config that was run, overrides included."""
    findings: Findings
    """What came out."""
    seconds: float = field(default=0.0, compare=False)
    """Wall-clock time of the run."""

    def claims_as_json(self) -> list[dict[str, Any]]:
        """The entries of `claims.json`, ids prefixed with the study's name."""
        return [
            {**result.as_json(), "id": f"{self.card.name}/{result.claim.id}"}
            for result in self.findings.claims
        ]


def _refuse_twins(what: str, names: list[str]) -> None:
    """Raise when a name occurs twice."""
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise InputError(f"{what} {twins[0]!r} occurs twice in one study; rename one")
