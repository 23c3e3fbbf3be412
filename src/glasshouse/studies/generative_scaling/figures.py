"""Drawings: losses over size, what is left to lose, labels."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.generative_scaling.config import READINGS
from glasshouse.studies.generative_scaling.fits import TENTHS, DomainFits, lacks_by_size, tenth
from glasshouse.studies.generative_scaling.further_evidence import errors
from glasshouse.studies.generative_scaling.seen import Seen

SIZE = "N, weights of the blocks"


def losses(seen: Seen, fits: Sequence[DomainFits]) -> Drawing:
    """Loss over size with both laws, a panel a domain, the best possible reader below."""
    figure, axes = plt.subplots(
        1, len(fits), figsize=(2.6 * len(fits), 3.1), layout="constrained", squeeze=False
    )
    for axis, fit in zip(axes[0], fits, strict=True):
        runs = seen.longest(fit.domain)
        params = np.array([run.params for run in runs])
        axis.plot(params, [run.loss for run in runs], "o", color="C0", markersize=4, label="runs")
        line = np.geomspace(params.min() / 1.5, params.max() * 4, 60)
        axis.plot(line, fit.by_size.loss({"N": line}), color="C0", label="with constant")
        axis.plot(line, fit.pure.loss({"N": line}), "--", color="C1", label="without")
        axis.axhline(fit.domain.best_loss, color="black", linewidth=1, label="best reader")
        axis.set(title=fit.domain.name, xscale="log", xlabel=SIZE)
    axes[0][0].set_ylabel("nats a token")
    axes[0][0].legend(fontsize=7)
    return figure


def reducible(seen: Seen, fits: Sequence[DomainFits]) -> Drawing:
    """What is left to lose beyond the best possible reader: of domains, of tenths of images."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for number, fit in enumerate(fits):
        runs = seen.longest(fit.domain)
        axes[0].plot(
            [run.params for run in runs],
            [run.loss - fit.domain.best_loss for run in runs],
            "o",
            color=f"C{number}",
            markersize=4,
            label=fit.domain.name,
        )
    domain = seen.domains[-1]
    order = np.argsort(domain.costs)
    params, lacks = lacks_by_size(seen, domain)
    for number, (name, ends) in enumerate(TENTHS.items()):
        means = lacks[:, tenth(order, *ends)].mean(axis=1)
        axes[1].plot(params, means, "o-", color=f"C{number}", markersize=4, label=f"{name} tenth")
    axes[0].set(ylabel="nats a token beyond the best reader")
    axes[1].set(title=domain.name)
    for axis in axes:
        axis.set(xscale="log", yscale="log", xlabel=SIZE)
        axis.yaxis.set_minor_formatter(lambda value, _: "")
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.legend(fontsize=7)
    return figure


def labels(seen: Seen) -> Drawing:
    """Nats that models make of labels, beside what there is."""
    figure, axis = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
    sizes = sorted({one.params for one in seen.labelled})
    named = {"blanks": "label first, blanks were read", "no blanks": "label first, never a blank"}
    for number, reading in enumerate(READINGS):
        told, label = seen.told(reading), named.get(reading, reading)
        axis.plot(sizes, told.mean(axis=1), "-", color=f"C{number}", label=label)
        axis.plot(sizes, told, "o", color=f"C{number}", markersize=4)
    axis.axhline(seen.information, color="black", linewidth=1, label="true information")
    axis.set(xscale="log", xlabel=SIZE, ylabel="nats an image")
    axis.set_ylim(bottom=min(0.0, axis.get_ylim()[0]))
    figure.legend(loc="outside upper center", ncols=2, fontsize=8)  # dots may lie anywhere
    return figure


def further(seen: Seen) -> Drawing:
    """Hard sums over training loss, errors of classifiers over size, shapes."""
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.1), layout="constrained")
    runs = seen.further.sums
    for number, size in enumerate(sorted({one.params for one in runs})):
        own = sorted((one.easy, one.hard) for one in runs if one.params == size)
        axes[0].plot(*zip(*own, strict=True), "o-", color=f"C{number}", markersize=4, linewidth=1)
        axes[0].lines[-1].set_label(f"N = {size:,}")
    axes[0].set(xlabel="nats a token, sums as trained on", ylabel="nats a token, a digit more")
    sizes = sorted({one.params for one in seen.further.classified})
    for number, (pretrained, label) in enumerate(((True, "fine-tuned"), (False, "from scratch"))):
        found = errors(seen.further.classified, pretrained=pretrained)
        axes[1].plot(sizes, found.mean(axis=1), "-", color=f"C{number}", label=label)
        axes[1].plot(sizes, found, "o", color=f"C{number}", markersize=4)
    axes[1].set(xscale="log", xlabel=SIZE, ylabel="share of images named wrongly")
    shaped = seen.further.shaped
    axes[2].plot([one.width / one.layers for one in shaped], [one.lack for one in shaped], "o")
    axes[2].set(xscale="log", xlabel="width / blocks", ylabel="nats a token beyond the best reader")
    axes[2].set_ylim(bottom=0)
    axes[0].legend(fontsize=7)
    axes[1].legend(fontsize=7)
    return figure
