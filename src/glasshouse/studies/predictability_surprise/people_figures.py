"""Drawings of records and ratings."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.predictability_surprise.figures import SIZE, dots
from glasshouse.studies.predictability_surprise.seen import BIASED, FAIR, Seen


def court(seen: Seen) -> Drawing:
    """Ratios of false positives in both courts, and the loss of the label."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    found = seen.court
    for where, name, colour in ((BIASED, "biased court", "C1"), (FAIR, "fair court", "C0")):
        dots(axes[0], found.params, np.exp(found.log_ratios(where)), colour, name)
        axes[0].axhline(
            np.exp(found.best_log_ratio(where)), color=colour, linestyle="--", linewidth=1
        )
    axes[0].set(
        xscale="log", xlabel=SIZE, ylabel="false positives, group 1 by group 0", ylim=(0, None)
    )
    axes[0].legend(fontsize=8, loc="upper left")
    dots(axes[1], found.params, found.loss, "C2", "models")
    axes[1].axhline(found.best_loss, color="gray", linestyle="--", linewidth=1, label="best reader")
    axes[1].set(xscale="log", xlabel=SIZE, ylabel="nats a label")
    axes[1].legend(fontsize=8)
    return figure


def shop(seen: Seen) -> Drawing:
    """Error by ratings known, models and baselines."""
    figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
    found = seen.shop
    known = np.arange(len(found.item_squares))
    for place, params in enumerate(found.params):
        error = np.sqrt(found.squares[place].mean(axis=0))
        axis.plot(known, error, "o-", color=f"C{place % 5}", markersize=3, label=f"N = {params:,}")
    for name, squares, style in (
        ("mean of all", found.global_squares, ":"),
        ("item's mean", found.item_squares, "--"),
        ("best linear guess", found.best_squares, "-."),
    ):
        axis.plot(known, np.sqrt(squares), style, color="gray", linewidth=1.2, label=name)
    axis.axvline(found.told - 0.5, color="gray", linewidth=0.6)
    axis.set(xlabel="ratings of the user that are known", ylabel="error in stars", ylim=(0, None))
    axis.legend(fontsize=7, loc="lower left", ncols=2)
    return figure
