"""What the neurons of the decoder are, drawn."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.engineered_monosemanticity.drawing import COLOURS, mark_models
from glasshouse.studies.engineered_monosemanticity.levers import Kind
from glasshouse.studies.engineered_monosemanticity.measure import CUTS
from glasshouse.studies.engineered_monosemanticity.seen import Seen
from glasshouse.studies.study import Figure, Section


def neuron_chapter(seen: Seen) -> Section:
    """Biases, cuts and what is left."""
    return Section(
        title="What the neurons are",
        text="Which neurons are monosemantic, at which biases they sit, how much hangs on the cut, "
        "and what the rest compute.",
        items=(
            Figure(
                name="solo-activations",
                title="Every feature alone",
                caption="Activation of each neuron (row) when each feature (column) is shown "
                "alone, most monosemantic neurons on top, features in the order in which they own "
                "a neuron. A diagonal is one neuron a feature; a long step of it, several.",
                draw=lambda: _solo(seen),
            ),
            Figure(
                name="biases",
                title="Biases of monosemantic and polysemantic neurons",
                caption="First-layer biases after training, all projections together, each kind of "
                "neuron with a total of one; beyond half they are drawn at the edge.",
                draw=lambda: _biases(seen),
            ),
            Figure(
                name="cuts",
                title="How much hangs on the cut",
                caption="Monosemantic neurons by feature, by the share that the largest feature "
                "must have. One line a kind of training, one mark a projection.",
                draw=lambda: _cuts(seen),
            ),
            Figure(
                name="residual-spectrum",
                title="What polysemantic neurons compute together",
                caption="Share of the squared norm in the first singular values of W2 W1 through "
                "the polysemantic neurons of the widest models with the lever, as many "
                "monosemantic ones, and the same neurons with their readouts exchanged. A "
                "correction of low rank would pass the dotted line at three.",
                draw=lambda: _spectrum(seen),
            ),
        ),
    )


def _solo(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 4.6), layout="constrained")
    pair = seen.grown["decoder"][0].solo
    image = None
    for axis, solo, title in zip(axes, pair, ("plain", "lever"), strict=True):
        active = np.clip(solo, 0, None)
        share = active.max(axis=1) / np.maximum(active.sum(axis=1), 1e-9)
        rows = active[np.argsort(-share, kind="stable")]
        columns = np.argsort(rows.argmax(axis=0), kind="stable")
        image = axis.imshow(rows[:, columns], aspect="auto", vmin=0, vmax=1, cmap="viridis")
        axis.set(title=title, xlabel="feature")
        axis.grid(False)
    axes[0].set_ylabel("neuron")
    axes[1].set_yticklabels([])
    assert image is not None
    figure.colorbar(image, ax=axes, shrink=0.8, label="activation")
    return figure


def _biases(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 3.0), layout="constrained", sharey=True)
    kinds: tuple[Kind, ...] = ("plain", "lever")
    for axis, kind in zip(axes, kinds, strict=True):
        biases = seen.models("decoder", kind).biases
        mono = np.concatenate([one.mono for one in biases])
        poly = np.concatenate([one.poly for one in biases])
        edges = np.linspace(-0.5, 0.5, 41).tolist()
        for values, colour, name in ((poly, "C0", "polysemantic"), (mono, "C1", "monosemantic")):
            shares = np.full(len(values), 1 / max(1, len(values)))
            axis.hist(
                np.clip(values, -0.5, 0.5),
                edges,
                weights=shares,
                color=colour,
                alpha=0.6,
                label=f"{name} ({len(values)})",
            )
        axis.legend(fontsize=7, loc="upper right")
        axis.axvline(0, color="grey", linewidth=0.8)
        axis.set(title=kind, xlabel="bias")
    axes[0].set_ylabel("share of the kind")
    return figure


def _cuts(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.0, 3.2), layout="constrained")
    places = np.arange(len(CUTS))
    for kind in ("plain", "lever", "decay alone"):
        models = seen.models("decoder", kind)
        values = [models.mono(cut) for cut in CUTS]
        axis.plot(places, [some.mean() for some in values], color=COLOURS[kind], label=kind)
        for place, some in zip(places, values, strict=True):
            mark_models(axis, float(place), some, kind)
    axis.set_xticks(places, [f"{cut:g}" for cut in CUTS])
    axis.set(xlabel="cut", ylabel="monosemantic neurons / features", ylim=(0, None))
    axis.legend()
    return figure


def _spectrum(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.0, 3.2), layout="constrained")
    models = seen.models("wide", "lever")
    sets = {
        "polysemantic": [one.left[models.place] for one in models.grown],
        "as many monosemantic": [one.owners[models.place] for one in models.grown],
        "polysemantic, readouts exchanged": [one.shuffled[models.place] for one in models.grown],
    }
    ranks = np.arange(1, 21)
    for name, some in sets.items():
        shares = np.array([[one.top_share(int(rank)) for rank in ranks] for one in some])
        (line,) = axis.plot(ranks, shares.mean(axis=0), label=name)
        for row in shares:
            axis.plot(ranks, row, color=line.get_color(), alpha=0.25, linewidth=0.8)
    axis.axhline(0.5, linestyle=":", color="grey", linewidth=1)
    axis.axvline(3, linestyle=":", color="grey", linewidth=1)
    axis.set(xlabel="singular values", ylabel="share of squared norm", ylim=(0, 1.02))
    axis.set_xticks([1, 3, 5, 10, 15, 20])
    axis.legend(fontsize=8)
    return figure
