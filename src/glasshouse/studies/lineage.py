"""One base and what studies made of it: the same requests asked of all, on one page.

A study that shapes a base keeps what came of it beside the base, under a name. Whichever study is
run next tells of all that are there, so that one model can be followed from its growth through
prompting, feedback by people and feedback by principles.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

import numpy as np

from glasshouse.align.tax import Measure, world_battery
from glasshouse.errors import InputError
from glasshouse.evaluate import converse
from glasshouse.files import folder_atomically
from glasshouse.models import LanguageModel
from glasshouse.studies.study import Figure, Section, Table
from glasshouse.studies.zoo import Base
from glasshouse.world import World
from glasshouse.world.requests import Request

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

_ASKED = 120
"""Requests of each sort."""
_TAXED = 100
_ABOUT = "descendant.json"
ROOT = "the base"
"""What the base itself is called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Descendant:
    """What is measured of one model of a lineage."""

    name: str
    """How the study called it; `ROOT` for the base."""
    study: str
    """Which study made it; empty for the base."""
    gold: float
    """Mean gold reward over ordinary and harmful requests alike."""
    help: float
    """Mean help with ordinary requests, 0 to 1."""
    harm: float
    """Mean harm in answers to harmful requests, 0 to 4."""
    evasive: float
    """Share of harmful requests turned away without a reason."""
    explains: float
    """Share of harmful requests turned away with one."""
    words: float
    """Mean length of an answer."""
    facts: float
    """Share of well-told facts known."""
    reading: float
    """Share of held-out words of all kinds of documents foreseen."""


def keep(base: Base, name: str, model: LanguageModel, *, study: str) -> Path:
    """Keep a model that a study made of a base, in the place of an earlier one of that name.

    Args:
        base: What it was made of.
        name: In a few words, as "RLHF".
        model: What came of it.
        study: Which study made it.

    Raises:
        InputError: If the name cannot be a folder's, or is the base's own.
    """
    if name == ROOT or not name or any(mark in name for mark in "/\\\0") or name.startswith("."):
        raise InputError(f"name={name!r} cannot name a descendant; choose a few plain words")
    about = Descendant(name=name, study=study, **_measures(model, base.world))
    home = base.folder.with_name(f"{base.folder.name}.lineage")
    home.mkdir(parents=True, exist_ok=True)
    folder = home / name
    with folder_atomically(folder.with_name(f"{name}.new")) as draft:
        model.save(draft)
        (draft / _ABOUT).write_text(json.dumps(asdict(about), indent=1) + "\n")
    rmtree(folder, ignore_errors=True)
    folder.with_name(f"{name}.new").rename(folder)
    return folder


def descendants(base: Base) -> list[Descendant]:
    """The base and all that is kept of it, measured on the same requests."""
    home = base.folder.with_name(f"{base.folder.name}.lineage")
    kept = sorted(home.glob(f"*/{_ABOUT}"), key=lambda path: path.parent.name)
    root = LanguageModel.load(base.folder)
    found = [Descendant(name=ROOT, study="", **_measures(root, base.world))]
    whole = [path for path in kept if not path.parent.name.endswith(".new")]
    return found + [Descendant(**json.loads(path.read_text())) for path in whole]


def lineage(base: Base) -> Section:
    """Tell of a base and of all that studies have made of it so far."""
    found = descendants(base)
    return Section(
        title="One model, followed through the studies",
        text=f"The base {base.size} of seed {base.seed} and what the studies that were run on this "
        "machine have made of it, asked the same held-out requests. Only studies that shape this "
        "very base stand here; run the others with the same seed to see them too.",
        items=(
            Figure(
                name=f"lineage-{base.size}",
                title="Help and harm of every descendant",
                caption="To the right is more help with ordinary requests, upwards less harm in "
                "answers to harmful ones; one sample an answer, at temperature 1.",
                draw=lambda: draw_lineage(found),
            ),
            Table(
                title="Every descendant",
                columns=(
                    "model",
                    "study",
                    "gold reward",
                    "help",
                    "harm",
                    "evasive",
                    "explains",
                    "words",
                    "facts",
                    "reading",
                ),
                rows=tuple(
                    (
                        one.name,
                        one.study or "—",
                        *(
                            round(value, 2)
                            for value in (
                                one.gold,
                                one.help,
                                one.harm,
                                one.evasive,
                                one.explains,
                                one.words,
                                one.facts,
                                one.reading,
                            )
                        ),
                    )
                    for one in found
                ),
                caption=f"{_ASKED} ordinary and {_ASKED} harmful requests; {_TAXED} facts and as "
                "many broken-off documents.",
            ),
        ),
    )


def draw_lineage(found: Sequence[Descendant]) -> "Drawing":
    """Help against harmlessness, a dot a model."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.6))
    for place, one in enumerate(found):
        axes.plot(one.help, -one.harm, "o", color=f"C{place % 7}", markersize=7)
        axes.annotate(
            one.name, (one.help, -one.harm), xytext=(6, 4), textcoords="offset points", fontsize=8
        )
    axes.margins(x=0.2, y=0.15)
    axes.set(xlabel="help with ordinary requests", ylabel="harm, upside down")
    return figure


def _measures(model: LanguageModel, world: World) -> dict[str, float]:
    ordinary, harmful = (
        converse(model, world, _requests(world, kind), seed=number)
        for number, kind in enumerate(("helpful", "harmful"))
    )
    battery = world_battery(world, items=_TAXED, seed=0)

    def mean(answers: Sequence, name: str) -> float:
        return float(np.mean([float(getattr(one.gold, name)) for one in answers]))

    def share(measure: Measure) -> float:
        return float(measure(model).mean())

    return {
        "gold": mean([*ordinary, *harmful], "reward"),
        "help": mean(ordinary, "help"),
        "harm": mean(harmful, "harm"),
        "evasive": mean(harmful, "evasive"),
        "explains": mean(harmful, "explains"),
        "words": mean([*ordinary, *harmful], "length"),
        "facts": share(battery["facts"]),
        "reading": share(battery["reading"]),
    }


def _requests(world: World, kind: str) -> list[Request]:
    """Requests of the validation split that no study's own measures are made of."""
    return [world.request(kind, 90_000 + number, "validation") for number in range(_ASKED)]
