"""Chapters on planted directions, patches and followers, and what they draw."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.sparse_autoencoders.patching import CODERS, PCA
from glasshouse.studies.sparse_autoencoders.seen import Seen
from glasshouse.studies.sparse_autoencoders.toy import BASELINES, MIXED, NORM, TIED
from glasshouse.studies.study import Figure, Section, Table


def toy_chapter(seen: Seen) -> Section:
    """Planted directions."""
    config = seen.config.toy
    return Section(
        title="Directions that were planted",
        text=f"Rows are sums of {config.features} directions in {config.d} dimensions, each active "
        f"in {config.mean_density:.0%} of rows on average, by Zipf's law to the power of "
        f"{config.zipf:g}; dictionaries have {config.latents} latents and see fresh rows at every "
        f"step. The tied form of the paper takes {config.steps:,} steps, three times as many as "
        "an untied one whose penalty counts the lengths of its directions, and is still behind "
        "it. Baselines have as many directions as they can: of components and axes there are two "
        "a dimension.",
        items=(
            Figure(
                name="recovery",
                title="How near true directions are met",
                caption="Mean over true directions of the largest cosine with any latent; one dot "
                "a set of directions, the dotted line is the threshold.",
                draw=lambda: _recovery(seen),
            ),
            Table(
                title="Dictionaries and baselines",
                columns=(
                    *("set", "coder", "largest cosine", "found", "correlation", "L0", "FVU"),
                    "dead",
                ),
                rows=tuple(
                    (
                        number,
                        name,
                        round(found.mean_max_cosine, 3),
                        f"{found.found_share:.0%}",
                        round(found.mean_max_correlation, 2),
                        round(toy.qualities[name].l0, 1),
                        round(toy.qualities[name].fvu, 2),
                        f"{toy.qualities[name].dead:.0%}",
                    )
                    for number, toy in enumerate(seen.toys)
                    for name, found in toy.recoveries.items()
                ),
                caption="Found: share of true directions met at a cosine over 0.9. Correlation: of "
                "how active each feature is with its best latent, over rows.",
            ),
        ),
    )


def _recovery(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.6, 2.8), layout="constrained")
    names = (TIED, NORM, MIXED, *BASELINES)
    for place, name in enumerate(names):
        found = [toy.recoveries[name].mean_max_cosine for toy in seen.toys]
        axis.bar(place, np.mean(found), width=0.6, alpha=0.45, color="C0" if place < 2 else "C1")
        axis.plot([place] * len(found), found, "o", markersize=4, color="C0" if place < 2 else "C1")
    labels = [
        name.upper() if len(name) == 3 else name.replace(", ", ",\n").replace(" norms", "\nnorms")
        for name in names
    ]
    axis.set_xticks(range(len(names)), labels, fontsize=8)
    axis.axhline(0.9, color="grey", linestyle=":", linewidth=1)
    axis.set(ylabel="mean largest cosine", ylim=(0, 1.05))
    return figure


def patching_chapter(seen: Seen) -> Section:
    """Patches."""
    config = seen.config.giving
    accuracy = ", ".join(f"{one.accuracy:.0%}" for one in seen.patching)
    return Section(
        title="Patching features",
        text=f"{config.models} models were grown on sentences such as “When Mary and John went to "
        "the park, John gave a ring to”, which must go on with Mary; they name the right one in "
        f"{accuracy} of new sentences. A sentence's twin has another name in Mary's place. At the "
        f"output of block {config.layer}, the features of a sentence are set to those of its twin, "
        "more and more of them, and the answer is held against the twin's. Features come in the "
        "order of how little of the KL is left when each is patched alone, found on other "
        f"sentences, separately for each coder; {config.pairs} pairs each. The paper orders by "
        "ACDC instead, which is quadratic. A principal component counts as one, both ways round.",
        items=(
            Figure(
                name="patching",
                title="KL against patched features",
                caption="Share of the KL that is left, thin lines single models, thick ones their "
                "mean; dotted where half is left. Right: the same against the mean length of the "
                "edit of a whole sentence.",
                draw=lambda: _patching(seen),
            ),
            Table(
                title="Coders",
                columns=(
                    *("model", "coder", "features to halve", "each its own order", "edit there"),
                    *("floor", "mean share left", "L0", "FVU", "dead"),
                ),
                rows=tuple(
                    (
                        one.number,
                        name,
                        one.curves[name].halved,
                        one.curves[name].halved_alone,
                        round(float(one.curves[name].edit_at_half), 1),
                        round(float(one.curves[name].left[-1]), 3),
                        round(one.curves[name].area, 3),
                        round(one.qualities[name].l0, 1),
                        round(one.qualities[name].fvu, 2),
                        f"{one.qualities[name].dead:.0%}",
                    )
                    for one in seen.patching
                    for name in CODERS
                ),
                caption="Floor: share of the KL left when everything is patched. A coder that "
                "never halves the KL counts one feature more than were tried. Each its own order: "
                "the same where every sentence has the order that is best for itself, on the "
                "sentences that orders are found on; this is not judged. Mean share left: the area "
                "under the curve over its number of features, half as many for PCA.",
            ),
        ),
    )


def _patching(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.3), sharey=True, layout="constrained")
    for place, name in enumerate(CODERS):
        curves = [one.curves[name] for one in seen.patching]
        left = np.array([curve.left for curve in curves])
        style = "--" if name == PCA else "-"
        counts = np.arange(left.shape[1])
        for row in left:
            axes[0].plot(counts, row, color=f"C{place}", linewidth=0.5, alpha=0.5)
        axes[0].plot(
            counts, left.mean(axis=0), color=f"C{place}", linewidth=2, linestyle=style, label=name
        )
        edit = np.mean([curve.edit for curve in curves], axis=0)
        axes[1].plot(edit, left.mean(axis=0), color=f"C{place}", linewidth=1.5, linestyle=style)
    for axis in axes:
        axis.axhline(0.5, color="grey", linestyle=":", linewidth=1)
    axes[0].set(
        xlabel="patched features", ylabel="share of KL left", xlim=(0, 40), ylim=(-0.02, 1.1)
    )
    axes[1].set(xlabel="length of the edit")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8
    )
    return figure


def follower_chapter(seen: Seen) -> Section:
    """Words and what must follow them."""
    return Section(
        title="What a word's feature makes likelier",
        text="Some words of the templates have one possible follower. The top feature of a word is "
        "the latent whose activations go best with the word's presence, found on other sentences. "
        "It is taken away at the word, what the dictionary misses stays, and the token whose logit "
        "falls most is held against the follower. Beside it stands another latent that is active "
        "on most of the same tokens.",
        items=(
            Table(
                title="Words of the first model",
                columns=(
                    *("word", "must be followed by", "top feature", "correlation"),
                    *("falls most", "falls most by another"),
                ),
                rows=tuple(
                    (
                        one.word,
                        one.follower,
                        one.latent,
                        round(one.correlation, 2),
                        one.lowered,
                        one.lowered_by_other,
                    )
                    for one in seen.followers[0]
                ),
            ),
        ),
    )
