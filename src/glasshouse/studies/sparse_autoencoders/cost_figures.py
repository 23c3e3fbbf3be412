"""Chapters on what sparsity and size cost, and what they draw."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.sparse_autoencoders.overcomplete import AT, DEADLY
from glasshouse.studies.sparse_autoencoders.seen import Seen
from glasshouse.studies.study import Figure, Section, Table


def tradeoff_chapter(seen: Seen) -> Section:
    """Penalties and splices."""
    first = seen.tradeoff[0]
    alike, living = (
        ", ".join(f"{getattr(one, part):.2f}" for one in seen.tradeoff)
        for part in ("across_starts", "across_living")
    )
    chance = np.mean([one.across_random for one in seen.tradeoff])
    return Section(
        title="What sparsity costs",
        text=f"Dictionaries of the output of block {first.layer} with penalties from "
        f"{first.penalties[0]:g} to {first.penalties[-1]:g} (summed form), all from one start. "
        "Each is spliced in: the model goes on with the reconstruction. What the value is worth "
        "is the rise of the loss when its mean stands in its place.\n\n"
        "Two dictionaries of the scored penalty from two starts: the mean largest cosine between "
        f"their directions is {alike} (one number a model; {living} among latents that are not "
        f"dead, {chance:.2f} with random directions).",
        items=(
            Figure(
                name="tradeoff",
                title="Unexplained variance against active latents",
                caption="One line a model, one dot a penalty; the dotted line is a quarter of the "
                "width. Right: perplexity with the reconstruction in the value's place, and "
                "clean (dashed).",
                draw=lambda: _tradeoff(seen),
            ),
            _tradeoff_table(seen),
        ),
    )


def _tradeoff(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    for number, one in enumerate(seen.tradeoff):
        colour, l0 = f"C{number % 7}", [what.l0 for what in one.qualities]
        axes[0].plot(l0, [what.fvu for what in one.qualities], "o-", color=colour, markersize=4)
        spliced = [np.exp(what.spliced) for what in one.splices]
        axes[1].plot(l0, spliced, "o-", color=colour, markersize=4)
        axes[1].axhline(np.exp(one.splices[0].clean), color=colour, linestyle="--", linewidth=1)
        for axis in axes:
            axis.axvline(one.d / 4, color="grey", linestyle=":", linewidth=1)
    axes[0].set(xlabel="active latents of a token (L0)", ylabel="unexplained variance (FVU)")
    axes[1].set(xlabel="active latents of a token (L0)", ylabel="perplexity", yscale="log")
    for which in ("major", "minor"):
        formatter = ticker.FuncFormatter(lambda value, _: f"{value:.3g}")
        getattr(axes[1].yaxis, f"set_{which}_formatter")(formatter)
    return figure


def _tradeoff_table(seen: Seen) -> Table:
    rows = [
        (
            number,
            penalty,
            round(what.l0, 1),
            round(what.fvu, 3),
            f"{what.dead:.0%}",
            round(float(np.exp(splice.clean)), 2),
            round(float(np.exp(splice.spliced)), 2),
            round(splice.recovered, 3),
            round(said.mean, 2),
            len(said.together),
            "chosen" if one.chosen == place else "",
        )
        for number, one in enumerate(seen.tradeoff)
        for place, (penalty, what, splice, said) in enumerate(
            zip(one.penalties, one.qualities, one.splices, one.scores, strict=True)
        )
    ]
    rivals = [
        (
            *(number, f"{name} top-k", None, None, None, None),
            *(round(float(np.exp(splice.spliced)), 2), round(splice.recovered, 3), None, None, ""),
        )
        for number, one in enumerate(seen.tradeoff)
        for name, splice in one.rivals.items()
    ]
    return Table(
        title="Every dictionary of the sweep",
        columns=(
            *("model", "penalty", "L0", "FVU", "dead", "perplexity", "spliced", "kept"),
            *("score", "latents", ""),
        ),
        rows=(*rows, *rivals),
        caption="Kept: the share of what the value is worth in loss. Score: of explanations, over "
        "latents active often enough; where a penalty leaves only the most frequent features, "
        "these are the easiest to explain. The chosen dictionary is the least sparse under a "
        "quarter of the width; PCA and random directions keep as many active.",
    )


def dead_chapter(seen: Seen) -> Section:
    """Sizes and dead latents."""
    learn, first = seen.config.learn, seen.overcomplete[0]
    return Section(
        title="How far a dictionary can grow",
        text=f"Dictionaries of block {first.layer}, {learn.mlp_steps:,} steps each: tied ones of "
        "its output, untied ones with unit directions of its MLP's neurons, with a penalty of "
        f"{learn.size_penalty:g}. A latent is dead if "
        f"none of {first.residual[AT].tokens:,} held-out tokens makes it active.",
        items=(
            Figure(
                name="dead",
                title="Dead latents by size",
                caption="Share of latents that are dead, one line a model; crosses: without a "
                "penalty; dotted: a tenth.",
                draw=lambda: _dead(seen),
            ),
            Table(
                title="Sizes",
                columns=("model", "value", "latents a dimension", "penalty", "L0", "FVU", "dead"),
                rows=tuple(
                    row for n, _ in enumerate(seen.overcomplete) for row in _dead_rows(seen, n)
                ),
            ),
        ),
    )


def _dead(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(5.6, 2.8), layout="constrained")
    for number, one in enumerate(seen.overcomplete):
        for colour, label, sizes, free in (
            ("C0", "residual stream", one.residual, one.residual_free),
            ("C1", "neurons of the MLP", one.mlp, one.mlp_free),
        ):
            axis.plot(
                list(sizes),
                [what.dead for what in sizes.values()],
                "o-",
                color=colour,
                markersize=4,
                label="" if number else label,
            )
            axis.plot(AT, free.dead, "x", color=colour)
    axis.axhline(0.1, color="grey", linestyle=":", linewidth=1)
    axis.set(xlabel="latents a dimension", ylabel="share dead", xscale="log")
    ticks = sorted({*seen.config.learn.ratios, *seen.config.learn.mlp_ratios})
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.legend()
    return figure


def _dead_rows(seen: Seen, number: int) -> Sequence[tuple[str | int | float, ...]]:
    one, penalty = seen.overcomplete[number], seen.config.learn.size_penalty
    rows = [("residual", ratio, penalty, what) for ratio, what in one.residual.items()]
    rows += [
        ("residual", AT, 0.0, one.residual_free),
        ("residual, second start", AT, penalty, one.residual_again),
        ("residual", AT, DEADLY * penalty, one.residual_deadly),
    ]
    rows += [("neurons", ratio, penalty, what) for ratio, what in one.mlp.items()]
    rows += [("neurons", AT, 0.0, one.mlp_free)]
    return [
        (number, value, ratio, price, round(what.l0, 1), round(what.fvu, 3), f"{what.dead:.0%}")
        for value, ratio, price, what in rows
    ]
