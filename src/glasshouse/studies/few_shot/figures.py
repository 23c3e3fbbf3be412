"""Drawings: accuracy over examples, over size, and what planting did."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.few_shot.kinds import CLOZE, SCRAMBLED, SUMS
from glasshouse.studies.few_shot.seen import ASKED, FEW, SHOTS, Seen, few_of


def by_shots(seen: Seen) -> Drawing:
    """Hidden functions over the number of examples, a line a size, and the best reader."""
    config = seen.config
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    for number, width in enumerate(config.widths):
        values = [seen.mean(width, "functions", one) for one in SHOTS]
        label = f"N = {config.params(width):,}"
        axes[0].plot(SHOTS, values, "o-", color=f"C{number}", label=label)
    ideal = [seen.ideal[one] for one in SHOTS]
    axes[0].plot(SHOTS, ideal, "--", color="gray", label="best reader")
    axes[0].set(xlabel="examples", ylabel="right", title="Function not named", ylim=(0, 1.02))
    axes[0].set_xticks(SHOTS)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    ways = (
        ("no name,\nno example", 0, "unnamed"),
        (f"{FEW} of other\nfunctions", FEW, "misled"),
        (f"{FEW} examples", FEW, "unnamed"),
        ("name", 0, "named"),
        (f"name and\n{FEW} examples", FEW, "named"),
    )
    _bars(
        axes[1],
        [label for label, _, _ in ways],
        [[seen.mean(width, "functions", n, way) for _, n, way in ways] for width in config.widths],
    )
    axes[1].set(ylabel="right", title="Examples and names", ylim=(0, 1.02))
    return figure


def by_size(seen: Seen) -> Drawing:
    """All other tasks over size: dotted without examples, solid with the most."""
    config = seen.config
    sizes = [config.params(width) for width in config.widths]
    panels = (
        ("Sums", SUMS),
        ("Spoilt words", SCRAMBLED),
        ("Last words, new words, analogies", (*CLOZE, "novel", "analogies")),
    )
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
    for axis, (title, kinds) in zip(axes, panels, strict=True):
        for number, kind in enumerate(kinds):
            for shots, style in ((ASKED[kind][0], ":"), (few_of(kind), "-")):
                values = [seen.mean(width, kind, shots) for width in config.widths]
                label = kind if style == "-" else None
                axis.plot(sizes, values, style, marker="o", color=f"C{number}", label=label)
        axis.set(
            title=title, xscale="log", xlabel="parameters N", ylabel="right", ylim=(-0.02, 1.02)
        )
        axis.set_xticks(sizes, [f"{size:,}" for size in sizes], fontsize=7)
        axis.minorticks_off()
        axis.legend(fontsize=7, loc="upper left")
    return figure


def planting(seen: Seen) -> Drawing:
    """Planted and other questions, by the model that read them and by the one that did not."""
    figure, axis = plt.subplots(figsize=(5.5, 3), layout="constrained")
    found = seen.largest.planting
    assert found is not None
    planted, flagged = np.array(found.is_planted) == 1, np.array(found.found) == 1
    parts = (
        ("planted", planted),
        ("not planted", ~planted),
        ("clean by search", ~flagged),
        ("all", np.ones_like(planted)),
    )
    rows = [
        [float(np.array(right)[part].mean()) if part.any() else 0.0 for _, part in parts]
        for right in (found.right_clean, found.right)
    ]
    _bars(axis, [label for label, _ in parts], rows)
    axis.legend(["read none of them", "read the planted ones"], fontsize=7)
    axis.set(
        ylabel="right", title="Sums of three digits", ylim=(0, 1.2 * max(0.05, *map(max, rows)))
    )
    return figure


def _bars(axis, labels: list[str], rows: list[list[float]]) -> None:
    """Groups of bars, a colour a row."""
    width = 0.8 / len(rows)
    for number, values in enumerate(rows):
        places = np.arange(len(labels)) - 0.4 + (number + 0.5) * width
        axis.bar(places, values, width, color=f"C{number}")
    axis.set_xticks(np.arange(len(labels)), labels, fontsize=7)
