"""Drawings: loss by count, losses in training, heads."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.repeated_data.evidence import fewer_documents, matched
from glasshouse.studies.repeated_data.seen import Seen


def by_count(seen: Seen) -> Drawing:
    """Loss on fresh documents over the number of repeats, a panel a share."""
    config = seen.config
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for number, width in enumerate(config.widths):
        cells = seen.cells(width, config.much)
        _dots(axes[0], config.much_repeats, cells, f"C{number}", f"N = {config.params(width):,}")
        clean = np.mean([run.loss for run in seen.clean(width)])
        axes[0].axhline(float(clean), color=f"C{number}", linestyle=":", linewidth=1)
    axes[0].plot(
        config.much_repeats,
        fewer_documents(seen),
        "--",
        color="gray",
        label="largest, clean,\nstopped as early",
    )
    top = len(config.widths) - 1
    cells = seen.cells(seen.largest, config.little)
    _dots(
        axes[1],
        config.little_repeats,
        cells,
        f"C{top}",
        f"N = {config.params(seen.largest):,}",
    )
    for width, style in zip(config.widths[::-1], ("-", "--", ":"), strict=False):
        clean = float(np.mean([run.loss for run in seen.clean(width)]))
        axes[1].axhline(
            clean,
            color="gray",
            linestyle=style,
            linewidth=1,
            label=f"clean, N = {config.params(width):,}",
        )
    for axis, share in zip(axes, (config.much, config.little), strict=True):
        axis.set(
            title=f"{share:.0%} of documents repeated",
            xscale="log",
            xlabel="times that each is read",
            ylabel="nats a token, fresh documents",
        )
    axes[0].legend(fontsize=7)
    # Beside the panel: lines of clean runs cross it at any height.
    axes[1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _dots(axis, counts, cells, colour: str, label: str) -> None:
    means = [float(losses.mean()) for losses in cells]
    axis.plot(counts, means, "-", color=colour, label=label)
    for count, losses in zip(counts, cells, strict=True):
        axis.plot([count] * len(losses), losses, "o", color=colour, markersize=3)


def courses(seen: Seen) -> Drawing:
    """Losses in training of the largest size, and what is known of the subset by heart."""
    config, width = seen.config, seen.largest
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for number, count in enumerate(config.much_repeats):
        for run in seen.cell(width, config.much, count):
            axes[0].plot(
                seen.moments,
                run.course,
                color=f"C{number}",
                linewidth=1,
                label=f"{count} times" if run.replica == 0 else None,
            )
    for run in seen.clean(width):
        label = "clean" if run.replica == 0 else None
        axes[0].plot(seen.moments, run.course, color="black", linewidth=1, label=label)
    axes[0].set(xlabel="optimizer step", ylabel="nats a token, fresh documents")
    axes[0].legend(fontsize=7)
    for number, size in enumerate(config.widths):
        known = [
            np.mean([run.subset for run in seen.cell(size, config.much, count)])
            for count in config.much_repeats
        ]
        label = f"N = {config.params(size):,}"
        axes[1].plot(config.much_repeats, known, "o-", color=f"C{number}", label=label)
    axes[1].set(
        xscale="log", xlabel="times that each is read", ylabel="nats a token, repeated documents"
    )
    axes[1].legend(fontsize=7)
    return figure


def heads(seen: Seen) -> Drawing:
    """Prefix matching of the last layer against loss on copied tokens, a dot a run."""
    config, width = seen.config, seen.largest
    figure, axis = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
    for number, (share, label) in enumerate(
        ((0.0, "clean"), (config.little, None), (config.much, None))
    ):
        runs = [run for run in seen.runs if run.width == width and run.share == share]
        axis.scatter(
            matched(runs),
            [run.copied for run in runs],
            s=[14 + 9 * np.log2(run.repeats) for run in runs],
            color=f"C{number}",
            alpha=0.7,
            label=label or f"{share:.0%} repeated",
        )
    axis.set(
        xlabel="mean prefix matching, heads of the last layer",
        ylabel="nats a token, copied tokens",
    )
    axis.legend(fontsize=8)
    return figure
