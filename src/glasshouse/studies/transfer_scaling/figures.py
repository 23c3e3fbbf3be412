"""The drawings of the report."""

from typing import TYPE_CHECKING, Any

import numpy as np

from glasshouse.studies.transfer_scaling.config import Arm
from glasshouse.studies.transfer_scaling.evidence import gaps, steps_needed
from glasshouse.studies.transfer_scaling.measure import Missing, Seen
from glasshouse.studies.transfer_scaling.worth import Worth, of_arm

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing
else:
    Drawing = Any

ARM_NAMES: dict[str, str] = {
    "scratch": "from scratch",
    "prose": "after prose",
    "near": "after prose and C++",
    "dealt": "after dealt characters",
}
_CHARACTERS = "characters of code"


def draw_losses(seen: Seen) -> Drawing:
    """Loss against code, a panel a size."""
    from matplotlib import pyplot

    learned = seen.learned
    widths = learned.config.widths
    figure, panels = pyplot.subplots(1, len(widths), figsize=(10, 3.4), sharey=True, squeeze=False)
    arms: tuple[Arm, ...] = ("prose", "near")
    for axes, width in zip(panels[0], widths, strict=True):
        amounts, losses = learned.scratch_curve(width)
        axes.plot(amounts, losses, "o-", color="C6", markersize=3, label=ARM_NAMES["scratch"])
        for number, arm in enumerate(arms):
            tuned = [one for one in of_arm(seen.cells, arm) if one.width == width]
            axes.plot(
                [one.characters for one in tuned],
                [one.loss for one in tuned],
                "os"[number] + "-",
                color=f"C{number}",
                markersize=4,
                label=ARM_NAMES[arm],
            )
        for one in of_arm(seen.cells, "dealt"):
            if one.width == width:
                axes.plot(one.characters, one.loss, "x", color="C2", label=ARM_NAMES["dealt"])
        axes.set(xscale="log", xlabel=_CHARACTERS, title=f"{learned.params(width):,} parameters")
    panels[0, 0].set_ylabel("held-out loss (nats a character)")
    panels[0, -1].legend(fontsize=7)
    return figure


def draw_transferred(seen: Seen) -> Drawing:
    """D_T against D_F with the fitted laws, a panel a past."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.8), sharey=True)
    arms: tuple[Arm, ...] = ("prose", "near")
    for axes, arm in zip(panels, arms, strict=True):
        law = seen.laws[arm]
        for number, width in enumerate(seen.learned.config.widths):
            cells = [one for one in of_arm(seen.cells, arm) if one.width == width]
            _draw_cells(axes, cells, f"C{number}")
            data = np.geomspace(cells[0].characters, cells[-1].characters, 30)
            if not isinstance(law, Missing):
                line = [law.transferred(float(one), cells[0].params) for one in data]
                axes.plot(data, line, color=f"C{number}", linewidth=1.2)
            axes.plot([], [], "o-", color=f"C{number}", label=f"{cells[0].params:,} parameters")
        axes.set(xscale="log", yscale="log", xlabel=f"D_F, {_CHARACTERS}", title=ARM_NAMES[arm])
    panels[0].set_ylabel("D_T, characters transferred")
    panels[1].plot([], [], "o", color="C6", markerfacecolor="none", label="not fitted")
    panels[1].plot([], [], "^", color="C6", markerfacecolor="none", label="censored: at least")
    panels[1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _draw_cells(axes: Any, cells: list[Worth], colour: str) -> None:
    for one in cells:
        if one.transferred <= 0:
            continue  # has no place on a logarithm; the table has it
        mark = {"": "o", "above": "^", "below": "v"}[one.censored]
        axes.plot(
            one.characters,
            one.transferred,
            mark,
            color=colour,
            markersize=5,
            markerfacecolor=colour if one.is_fitted else "none",
        )


def draw_multipliers(seen: Seen) -> Drawing:
    """D_E / D_F against size, a line an amount of code."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.8))
    for number, characters in enumerate(seen.learned.config.tuned):
        cells = [one for one in of_arm(seen.cells, "prose") if one.characters == characters]
        sizes, values = [one.params for one in cells], [one.multiplier for one in cells]
        axes.plot(sizes, values, "-", color=f"C{number}", label=f"{characters:,}")
        for one in cells:
            mark = {"": "o", "above": "^", "below": "v"}[one.censored]
            axes.plot(one.params, one.multiplier, mark, color=f"C{number}", markersize=5)
    dealt = of_arm(seen.cells, "dealt")
    axes.plot(
        [one.params for one in dealt],
        [one.multiplier for one in dealt],
        "x:",
        color="C6",
        label=f"{seen.learned.config.tuned[0]:,}, dealt",
    )
    axes.axhline(1, color="C6", linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlabel="parameters", ylabel="D_E / D_F")
    axes.set_xticks([one.params for one in dealt], [f"{one.params:,}" for one in dealt])
    axes.minorticks_off()
    axes.legend(fontsize=7, title=_CHARACTERS, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def draw_steps(seen: Seen) -> Drawing:
    """Share of the steps that a pretrained model needs, a line a size."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.4))
    ratios = steps_needed(seen, "prose")
    learned = seen.learned
    for number, width in enumerate(learned.config.widths):
        line = [ratios[width, characters] for characters in learned.config.tuned]
        axes.plot(
            learned.config.tuned,
            [one if np.isfinite(one) else np.nan for one in line],
            "o-",
            color=f"C{number}",
            label=f"{learned.params(width):,} parameters",
        )
    axes.axhline(1, color="C6", linewidth=0.8)
    axes.set(xscale="log", xlabel=_CHARACTERS, ylabel="share of the steps", ylim=(0, None))
    axes.legend(fontsize=7)
    return figure


def draw_ossification(seen: Seen) -> Drawing:
    """Gain by pretraining against code, and the smallest size's longest runs step by step."""
    from matplotlib import pyplot

    learned = seen.learned
    ends = (learned.config.widths[0], learned.config.widths[-1])
    amounts = (*learned.config.tuned, learned.config.long.characters)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5))
    for number, width in enumerate(ends):
        means = [100 * float(np.mean(gaps(seen, width, amount))) for amount in amounts]
        label = f"{learned.params(width):,} parameters"
        left.plot(amounts, means, "o-", color=f"C{number}", label=label)
    left.axhline(0, color="C6", linewidth=0.8)
    left.set(xscale="log", xlabel=_CHARACTERS, ylabel="loss after prose\nagainst scratch (%)")
    left.legend(fontsize=7, loc="lower right")
    arms: tuple[Arm, ...] = ("scratch", "prose")
    for number, arm in enumerate(arms):
        for run in learned.found(ends[0], arm, learned.config.long.characters):
            right.plot(
                run.course.steps[1:],
                run.course.measured[1:],
                color=("C6", "C0")[number],
                linewidth=1.2,
                label=ARM_NAMES[arm] if run.replica == 0 else None,
            )
    right.set(
        xscale="log",
        xlabel="steps",
        ylabel="held-out loss\n(nats a character)",
        title=f"{learned.params(ends[0]):,} parameters, the most code",
    )
    right.legend(fontsize=7)
    return figure


def draw_foretold(seen: Seen) -> Drawing:
    """Foretold against measured losses of sizes that were held out."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4.6, 4))
    if not isinstance(seen.foretold, Missing):
        for number, width in enumerate(seen.learned.config.widths):
            some = [one for one in seen.foretold if one.cell.width == width]
            axes.plot(
                [one.cell.loss for one in some],
                [one.loss for one in some],
                "o",
                color=f"C{number}",
                label=f"{seen.learned.params(width):,} parameters",
            )
            axes.plot(
                [one.cell.loss for one in some],
                [one.without for one in some],
                "x",
                color=f"C{number}",
            )
        every = [one.cell.loss for one in seen.foretold]
        ends = [min(every), max(every)]
        axes.plot(ends, ends, color="C6", linewidth=0.8)
        axes.plot([], [], "x", color="C6", label="nothing transferred")
        axes.legend(fontsize=7)
    axes.set(xlabel="measured loss (nats a character)", ylabel="foretold loss")
    return figure
