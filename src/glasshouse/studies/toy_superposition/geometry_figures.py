"""Plateaus, shapes, the breaking pentagon, and the price in robustness."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.study import Figure, Section
from glasshouse.studies.toy_superposition.geometry import LINES, Geometry
from glasshouse.studies.toy_superposition.geometry_claims import relative
from glasshouse.studies.toy_superposition.pentagon import Pentagon
from glasshouse.studies.toy_superposition.vectors import draw_vectors


def chapter(found: Geometry, pentagon: Pentagon) -> Section:
    """The geometry of superposition."""
    config = found.config
    return Section(
        title="Features arrange themselves in shapes",
        text=f"{config.features} equal features, {config.hidden} dimensions. Instead of sharing "
        "dimensions evenly, features gather in small sets, each a regular shape in a space of its "
        "own: pairs of opposites, triangles, tetrahedra, pentagons, square antiprisms.",
        items=(
            Figure(
                name="dimensions-per-feature",
                title="Dimensions per feature",
                caption="D* = m / ‖W‖² against sparsity, one point a model. The curve lingers at 1 "
                "(every feature has its dimension) and at 1/2 (features in opposite pairs).",
                draw=lambda: _stars(found),
            ),
            Figure(
                name="feature-dimensionality",
                title="Dimensionality of each feature",
                caption="Each point is one feature of one model. Features prefer a few values, "
                "those of regular shapes (lines). Pale: features not learned, of one model each.",
                draw=lambda: _scatter(found),
            ),
            Figure(
                name="pentagon",
                title="A pentagon breaks into two digons",
                caption="Best of all models for five features in two dimensions, the orange one "
                "sparser by the factor above. Between two of these factors the best answer "
                "jumps: the odd feature is dropped and the others pair up.",
                draw=lambda: _pentagons(pentagon),
            ),
        ),
    )


def attack_chapter(found: Geometry) -> Section:
    """Superposition and adversarial examples."""
    return Section(
        title="Superposition costs robustness",
        text="An attack that adds a little of everything that overlaps a feature moves that "
        "feature's output much. The attack is computed from the weights; gradients would not find "
        "it behind the ReLU.",
        items=(
            Figure(
                name="adversarial",
                title="Vulnerability follows superposition",
                caption="Rise of the loss under attack, relative to the dense model (left scale), "
                "and features per dimension (right scale), against sparsity. Random directions of "
                "the same length hurt far less.",
                draw=lambda: _attack(found),
            ),
        ),
    )


def _stars(found: Geometry) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    k = found.inverse_density
    for level in (1.0, 0.5):
        axis.axhline(level, color="grey", linewidth=0.8, linestyle="--")
    axis.plot(k, found.stars, "o", color="C0", markersize=3, alpha=0.5)
    axis.plot(k, found.stars.mean(axis=1), color="C0")
    axis.set(
        xscale="log",
        xlabel="1/(1−S), sparser →",
        ylabel="dimensions per feature D*",
        ylim=(0, 1.1),
    )
    _plain_ticks(axis, k)
    return figure


def _scatter(found: Geometry) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    spread = np.random.default_rng(0).uniform(-0.08, 0.08, found.dimensionality.shape)
    places = found.inverse_density[:, None, None] + spread
    is_kept = found.active > 0
    is_kept[0] = False  # dense features have no directions of their own
    axis.plot(places[is_kept], found.dimensionality[is_kept], ".", markersize=2.5, alpha=0.5)
    dropped = (found.active[1:, 0] == 0, found.dimensionality[1:, 0], places[1:, 0])
    axis.plot(
        dropped[2][dropped[0]],
        dropped[1][dropped[0]],
        ".",
        color="grey",
        alpha=0.35,
        markersize=1.5,
    )
    marks = {"dedicated, 1": 1.0} | {f"{name}, {_fraction(v)}": v for name, v in LINES.items()}
    right = found.inverse_density[-1]
    for name, level in marks.items():
        axis.axhline(level, color="grey", linewidth=0.7)
        below = level in (2 / 3, 3 / 8)
        axis.annotate(
            name,
            (right * 1.04, level),
            xytext=(0, -1 if below else 1),
            textcoords="offset points",
            fontsize=8,
            va="top" if below else "bottom",
            ha="left",
            annotation_clip=False,
        )
    axis.set(
        xlabel="1/(1−S), sparser →",
        ylabel="feature dimensionality Dᵢ",
        ylim=(-0.03, 1.08),
        xlim=(found.inverse_density[1] - 0.2, right + 0.2),
    )
    return figure


def _pentagons(found: Pentagon) -> Drawing:
    ratios = found.config.ratios
    columns = 3 if len(ratios) % 3 == 0 else min(4, len(ratios))
    rows = -(-len(ratios) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(6.4, 2.3 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(ratios) :]:
        axis.set_visible(False)
    for ratio, weights, axis in zip(ratios, found.best, axes.flat, strict=False):
        draw_vectors(axis, weights, colours=["C1", "C0", "C0", "C0", "C0"])
        axis.set_title("equal" if ratio == 1 else f"{ratio:g} times sparser", fontsize=9)
    return figure


def _attack(found: Geometry) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    k = found.inverse_density
    axis.plot(k, relative(found.vulnerability), color="C0", label="analytic attack")
    axis.plot(
        k,
        relative(found.random_vulnerability, found.vulnerability),
        color="C0",
        linestyle=":",
        label="random directions",
    )
    axis.axhline(3, color="grey", linewidth=0.7, linestyle="--")
    axis.set(xlabel="1/(1−S), sparser →", ylabel="vulnerability, dense = 1", ylim=(0, None))
    twin = axis.twinx()
    twin.plot(k, 1 / found.stars.mean(axis=1), color="C1", label="features per dimension")
    twin.set(ylabel="features per dimension", ylim=(0, None))
    twin.grid(False)
    twin.spines["right"].set_visible(True)
    lines = [*axis.get_lines()[:2], *twin.get_lines()]
    axis.legend(lines, [str(line.get_label()) for line in lines], loc="upper left")
    return figure


def _fraction(value: float) -> str:
    names = {3 / 4: "3/4", 2 / 3: "2/3", 1 / 2: "1/2", 2 / 5: "2/5", 3 / 8: "3/8"}
    return names[value]


def _plain_ticks(axis: Axes, k: np.ndarray) -> None:
    """Ticks at whole numbers on a logarithmic axis."""
    whole = [value for value in (1, 2, 3, 4, 5, 6, 8, 10) if value <= k.max()]
    axis.set_xticks(whole, labels=[str(value) for value in whole])
    axis.set_xticks([], minor=True)
