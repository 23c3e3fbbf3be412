"""Chapters on what is grown, what compute buys, what dies and what is found, with drawings."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.scaling_monosemanticity.grid import Fit, Run, power_law
from glasshouse.studies.scaling_monosemanticity.planted import FOUND
from glasshouse.studies.scaling_monosemanticity.seen import Seen
from glasshouse.studies.study import Figure, Section, Table


def law_chapters(seen: Seen) -> tuple[Section, ...]:
    """Models, scaling laws, dead latents, completeness."""
    return _models(seen), _laws(seen), _dead(seen), _completeness(seen)


def _models(seen: Seen) -> Section:
    config = seen.subject.config
    hops, two = config.two_hops, config.bilingual
    return Section(
        title="Worlds and models",
        text=f"Three worlds stand in for natural text. In the first, every sentence has one of "
        f"{config.topics} topics, whose popularity follows Zipf's law; the topic of every token is "
        "known. In the second, people live in towns and towns lie in lands; questions need both "
        "facts, and the town in between is never said. In the third, one grammar is spelled in two "
        "alphabets that share no token. A model is grown on each, on the third two: in the "
        "texts of one, sentences mix the alphabets; in those of the other they do so as well, but "
        "what the second alphabet says has nothing to do with the first. All models saw token "
        "ids and nothing else.\n\n"
        f"Dictionaries learn the output of block {config.grow.layer} (from 0) of the model of "
        f"topics, of block {hops.grow.layer} of that of facts and of block {two.grow.layer} of "
        "those of alphabets. Their loss is the paper's: squared error plus lambda times the sum of "
        "activations weighted by the lengths of their directions, for values scaled to a mean "
        f"squared length of their width. Lambda is {config.learn.penalty:g} here, 5 in the paper, "
        "whose values have thousands of dimensions. What a latent pays is lambda in units of its "
        "own size, and that grows with the root of the width: in a trial at width 64, a lambda of "
        "5 left two active latents a token and hardly a gain for larger dictionaries.",
        items=(
            Figure(
                name="growing",
                title="Growing the models",
                caption="Loss in nats a token, averaged over 25 steps.",
                draw=lambda: _growing(seen),
            ),
        ),
    )


def _growing(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
    curves = {
        "topics": seen.subject.grown.losses,
        "facts": seen.effects.grown.losses,
        **{f"alphabets, bridge {one.bridge}": one.grown.losses for one in seen.alphabets},
    }
    for number, (name, losses) in enumerate(curves.items()):
        width = min(25, len(losses))
        smooth = np.convolve(losses, np.ones(width) / width, mode="valid")
        steps = np.arange(width, len(losses) + 1)
        axis.plot(steps, smooth, color=f"C{number}", linewidth=1, label=name)
    axis.set(xlabel="training step", ylabel="loss (nats)")
    axis.legend(fontsize=7)
    return figure


def _laws(seen: Seen) -> Section:
    grid = seen.grid
    first, last = grid.rates.best
    front = [grid.runs[place] for place in grid.fit.front]
    floor, exponent = with_floor(
        np.array([run.compute for run in front]), np.array([run.loss for run in front])
    )
    rows = tuple(
        (
            size,
            round(grid.rates.recipe(size, seen.subject.config.grid.steps[-1]).lr, 4),
            round(one.l0, 1),
            round(one.explained_variance, 3),
            round(one.dead_share, 3),
            round(one.shrinkage, 2),
        )
        for size, one in grid.rebuilding.items()
    )
    return Section(
        title="Scaling laws",
        text="Every size was trained for every number of steps, each run with a decay of its own, "
        "all on the same batches of the same cached values. A run is on the frontier if it is "
        "better than all runs that cost as much or less, by at least a twentieth of the range of "
        "losses. Learning rates were swept at two corners of the grid, on texts of their own: the "
        f"best were {first:.3g} and {last:.3g}, a power {grid.rates.exponent:.2f} of compute, and "
        "every run got what that law gives it.\n\n"
        f"The frontier's loss falls with compute to the power {grid.fit.exponent:.4f}; with a "
        f"floor fitted as well, {floor:.2f}, the part above it falls to the power {exponent:.2f}. "
        f"The number of latents on the frontier grows to the power {grid.fit.size:.2f}, that of "
        f"steps to the power {grid.fit.steps:.2f}; so "
        f"{'latents' if grid.fit.size > grid.fit.steps else 'steps'} grow faster here (the paper: "
        "latents, somewhat). On values that lie along a few directions, which the smallest "
        f"dictionary can hold, they are {grid.planted_fit.size:.2f} and "
        f"{grid.planted_fit.steps:.2f}.",
        items=(
            Figure(
                name="scaling",
                title="What compute buys",
                caption="Left: loss of every run by compute, one colour a size; ringed the "
                "frontier, and its power law. Right: latents and steps of the runs on the "
                "frontier.",
                draw=lambda: _scaling(seen),
            ),
            Figure(
                name="rates",
                title="Learning rates",
                caption="Loss above the best of each corner of the grid, by learning rate.",
                draw=lambda: _rates(seen),
            ),
            Table(
                title="The dictionaries that learned longest",
                columns=(
                    "latents",
                    "learning rate",
                    "active a token",
                    "variance explained",
                    "dead",
                    "length of reconstructions",
                ),
                rows=rows,
                caption="On held-out texts. The paper: under 300 active, at least 65% of variance. "
                "Lengths under 1 are the shrinkage that the penalty brings.",
            ),
        ),
    )


def with_floor(compute: np.ndarray, loss: np.ndarray) -> tuple[float, float]:
    """Floor and exponent of L = floor + a C^b: floors are scanned, the rest is a line."""
    floors = np.linspace(0, loss.min() * 0.999, 400)
    fits = [power_law(compute, loss - floor) for floor in floors]
    best = int(np.nanargmax([r2 for _, r2 in fits]))
    return float(floors[best]), fits[best][0]


def _scaling(seen: Seen) -> Drawing:
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2), layout="constrained")
    _runs(left, seen.grid.runs, seen.grid.fit)
    front = [seen.grid.runs[place] for place in seen.grid.fit.front]
    compute = [run.compute for run in front]
    right.loglog(compute, [run.latents for run in front], "o-", color="C0", label="latents")
    right.loglog(compute, [run.steps for run in front], "s-", color="C1", label="steps")
    right.set(xlabel="compute (FLOP)", ylabel="on the frontier")
    right.legend(fontsize=7)
    return figure


def _runs(axis: Axes, runs: Sequence[Run], fit: Fit) -> None:
    for number, size in enumerate(sorted({run.latents for run in runs})):
        own = [run for run in runs if run.latents == size]
        axis.loglog(
            [run.compute for run in own],
            [run.loss for run in own],
            ".-",
            color=f"C{number}",
            linewidth=0.8,
            label=f"{size} latents",
        )
    x = np.array([runs[place].compute for place in fit.front])
    y = np.array([runs[place].loss for place in fit.front])
    axis.loglog(x, y, "o", color="grey", fillstyle="none", markersize=9)
    line = np.exp(np.log(y).mean() + fit.exponent * (np.log(x) - np.log(x).mean()))
    axis.loglog(x, line, "--", color="grey", linewidth=1)
    axis.set(xlabel="compute (FLOP)", ylabel="loss")
    low, high = min(run.loss for run in runs), max(run.loss for run in runs)
    ticks = np.round(np.geomspace(low, high, 4), 1)
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_yticks([], minor=True)
    axis.legend(fontsize=7)


def _rates(seen: Seen) -> Drawing:
    rates = seen.grid.rates
    figure, axis = plt.subplots(figsize=(5.2, 2.8), layout="constrained")
    for number, ((size, steps), losses, best) in enumerate(
        zip(rates.tried, rates.losses, rates.best, strict=True)
    ):
        low = min(losses.values())
        label = f"{size} latents, {steps} steps"
        axis.semilogx(
            list(losses), [x - low for x in losses.values()], "o-", color=f"C{number}", label=label
        )
        axis.axvline(best, color=f"C{number}", linewidth=0.8, linestyle=":")
    tried = sorted({lr for losses in rates.losses for lr in losses})
    axis.set_xticks(tried, [f"{lr:g}" for lr in tried])
    axis.set_xticks([], minor=True)
    axis.set(xlabel="learning rate", ylabel="loss above the best", ylim=(-0.05, None))
    axis.legend(fontsize=7, loc="upper center")
    return figure


def _dead(seen: Seen) -> Section:
    dead = seen.dead
    rows = tuple(
        (size, round(share, 3), round(dead.l0[size], 1), round(dead.explained[size], 3))
        for size, share in zip(dead.trained, dead.shares(), strict=True)
    )
    return Section(
        title="Dead latents",
        text=f"A latent is dead here if it is active on none of {dead.rows:,} held-out tokens. "
        f"All sizes learned for {seen.subject.config.grid.large_steps} steps. How many are dead "
        "depends on the number of tokens: one that speaks once in ten million counts as alive "
        "only where so many are read.",
        items=(
            Figure(
                name="dead",
                title="Dead share by size",
                caption="Share of latents that are active on no token, trained and with first "
                "weights.",
                draw=lambda: _dead_shares(seen),
            ),
            Table(
                title="Dead latents with what must be read beside them",
                columns=("latents", "dead", "active a token", "variance explained"),
                rows=rows,
            ),
        ),
    )


def _dead_shares(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(4.8, 2.8), layout="constrained")
    for name, by_size, colour in (
        ("trained", seen.dead.trained, "C0"),
        ("first weights", seen.dead.untrained, "grey"),
    ):
        shares = [float(one.mean()) for one in by_size.values()]
        axis.semilogx(list(by_size), shares, "o-", color=colour, label=name)
    sizes = list(seen.dead.trained)
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.set_xticks([], minor=True)
    axis.set(xlabel="latents", ylabel="dead share", ylim=(-0.02, None))
    axis.legend(fontsize=7)
    return figure


def _completeness(seen: Seen) -> Section:
    one = seen.planted
    rows = tuple(
        (
            size,
            one.alive[size],
            int(found.sum()),
            round(middle, 4),
            round(middle * one.alive[size], 2),
            round(one.explained[size], 2),
        )
        for (size, found), middle in zip(one.found.items(), one.midpoints().tolist(), strict=True)
    )
    return Section(
        title="Completeness",
        text=f"Rows are sums of {len(one.frequency)} known directions in "
        f"{seen.subject.config.planted.d_model} dimensions, whose frequencies follow Zipf's law. A "
        f"direction is found if a latent lies at a cosine over {FOUND}. The more frequent a "
        "direction, the likelier it is found, and larger dictionaries find rarer ones. Scaled by "
        "the number of living latents the curves should fall on each other; in the paper half is "
        "found at a bit less than one over that number.",
        items=(
            Figure(
                name="completeness",
                title="Found, by frequency",
                caption="Share of directions found, in groups of 20 by frequency, with logistic "
                "curves; left by frequency, right by frequency times living latents.",
                draw=lambda: _found(seen),
            ),
            Table(
                title="Where half is found",
                columns=(
                    "latents",
                    "alive",
                    "directions found",
                    "frequency at one half",
                    "times alive",
                    "variance explained",
                ),
                rows=rows,
            ),
        ),
    )


def _found(seen: Seen) -> Drawing:
    one = seen.planted
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3), layout="constrained", sharey=True)
    groups = np.array_split(np.arange(len(one.frequency)), max(len(one.frequency) // 20, 1))
    x = np.geomspace(one.frequency.min(), one.frequency.max(), 100)
    for number, (size, found) in enumerate(one.found.items()):
        middle, steep = one.curve(size)
        for axis, by in zip(axes, (1, one.alive[size]), strict=True):
            at = [float(np.exp(np.log(one.frequency[group]).mean())) * by for group in groups]
            share = [float(found[group].mean()) for group in groups]
            axis.semilogx(at, share, "o", color=f"C{number}", markersize=3.5, label=f"{size}")
            curve = 1 / (1 + np.exp(-steep * (np.log(x) - np.log(middle))))
            axis.semilogx(x * by, curve, color=f"C{number}", linewidth=1)
    axes[0].set(xlabel="frequency", ylabel="share found")
    axes[1].set(xlabel="frequency x living latents")
    axes[1].axvline(1, color="grey", linewidth=0.8)
    axes[0].legend(fontsize=7, title="latents", title_fontsize=7)
    return figure
