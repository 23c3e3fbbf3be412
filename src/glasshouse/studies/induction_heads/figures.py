"""Chapters on arguments 2 to 6 and what they draw."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.induction_heads.ablation import Ablated, Removed
from glasshouse.studies.induction_heads.circuits import Circuit
from glasshouse.studies.induction_heads.config import KINDS
from glasshouse.studies.induction_heads.fuzzy import Fuzzy, other_form_targets
from glasshouse.studies.induction_heads.grow import Nursery
from glasshouse.studies.induction_heads.phase_figures import draw_courses
from glasshouse.studies.induction_heads.sizes import WIDTHS
from glasshouse.studies.study import Figure, Section, Table


def smeared_chapter(nursery: Nursery) -> Section:
    """Argument 2."""
    return Section(
        title="2. Keys that see their predecessor",
        text="An induction head needs to know what stood before each place. Two layers must learn "
        "to pass that on; smeared keys (each key mixed with the one before it, in a share that is "
        "trained) give it away for free. If induction is what makes the phase change, one layer "
        "should then show it, and two should show it sooner.",
        items=(
            Figure(
                name="smeared-keys",
                title="With and without smeared keys",
                caption="In-context-learning score (top) and prefix matching of the best head "
                "(bottom), one thin line a model.",
                draw=lambda: _smeared(nursery),
            ),
        ),
    )


def _smeared(nursery: Nursery) -> Drawing:
    names = ("one_layer", "two_layers", "one_layer_smeared", "two_layers_smeared")
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(6.4, 4.6), sharex=True, layout="constrained"
    )
    draw_courses(top, nursery, names, "icl")
    draw_courses(bottom, nursery, names, "matching")
    top.set_ylabel("ICL score (nats)")
    top.legend(loc="center right", bbox_to_anchor=(1, 0.42))
    bottom.set(xlabel="training step", ylabel="best head's matching", ylim=(-0.03, 1.0))
    return figure


def ablation_chapter(found: list[Ablated], nursery: Nursery) -> Section:
    """Argument 3."""
    rows = tuple(
        (
            bars[0][0],
            ", ".join(str(heads) for _, heads, _ in bars),
            _spread([removed.score for _, _, removed in bars]),
            _spread([removed.late for _, _, removed in bars]),
        )
        for bars in zip(*(_removals(model) for model in found), strict=True)
    )
    return Section(
        title="3. Without the heads",
        text="Heads are taken away in groups, because they stand in for each other: one alone is "
        "hardly missed. Patterns are kept as they were, as in the paper, so that a head counts for "
        "what it writes to the output and not for what others see through it. With patterns free, "
        "others matter too: among them are the previous-token heads that induction heads compose "
        "with.",
        items=(
            Figure(
                name="ablation",
                title="What goes with the heads",
                caption="Share of the gain over the 1-layer model that goes with all induction "
                "heads, with as many others, and with a single induction head; one dot a model.",
                draw=lambda: _ablation(found),
            ),
            Table(
                title="Ablations in numbers",
                columns=("taken away", "heads", "of the score", "of late words"),
                rows=rows,
                caption="Shares of the gain over the 1-layer model that saw the same texts, mean "
                "and range over models: of the in-context-learning score, and of the loss of late "
                "words alone. They part where early words suffer: the score counts that as "
                "learning. Over 1, a model is worse off than one that had a single layer from the "
                "start.",
            ),
        ),
    )


def _spread(values: list[float]) -> str:
    """Mean and range: `1.53 (1.46 to 1.59)`."""
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _removals(model: Ablated) -> list[tuple[str, int, Removed]]:
    """What was taken from a model, how many heads that were, and what went with them."""
    return [
        ("induction heads", len(model.heads), model.removed),
        ("as many others", model.num_others, model.by_others),
        ("one induction head", 1, model.singly),
        ("induction heads, patterns free", len(model.heads), model.freely),
        ("as many others, patterns free", model.num_others, model.freely_by_others),
    ]


def _ablation(found: list[Ablated]) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 3), layout="constrained")
    by_bar = list(zip(*(_removals(model) for model in found), strict=True))
    for place, bars in enumerate(by_bar):
        for shift, colour, values in (
            (-0.2, "C0", [removed.score for _, _, removed in bars]),
            (0.2, "C1", [removed.late for _, _, removed in bars]),
        ):
            axis.bar(place + shift, np.mean(values), color=colour, alpha=0.45, width=0.36)
            axis.plot([place + shift] * len(values), values, "o", color=colour, markersize=4)
    axis.axhline(0, color="grey", linewidth=0.8)
    names = [bars[0][0].replace(", ", ",\n").replace(" heads", "\nheads") for bars in by_bar]
    axis.set_xticks(range(len(by_bar)), names, fontsize=8)
    axis.set_ylabel("share of the gain removed")
    axis.plot([], [], "o", color="C0", label="of the score")
    axis.plot([], [], "o", color="C1", label="of late words")
    axis.legend()
    return figure


def fuzzy_chapter(found: dict[str, list[Fuzzy]], nursery: Nursery) -> Section:
    """Argument 4."""
    return Section(
        title="4. Matching what is only alike",
        text="In these texts every word can be written in two ways. In half of them a copy keeps "
        "the form of its original; in the other half each place draws its form anew, so that a "
        "reader must match words, not tokens. The question is whether the head that matches best "
        "where forms agree is at work where they do not. This is an analogue of the paper's "
        "translation and pattern-matching heads, not a reproduction of them.",
        items=(
            Figure(
                name="fuzzy-matching",
                title="A literal head at work on other forms",
                caption="Left: attention of the best literal head on one text with free forms; "
                "rings mark what followed a word seen only in its other form. Right: attention on "
                "such places as a multiple of chance, one dot a model.",
                draw=lambda: _fuzzy(found, nursery),
            ),
        ),
    )


def _fuzzy(found: dict[str, list[Fuzzy]], nursery: Nursery) -> Drawing:
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(6.4, 3.3), width_ratios=[1.3, 1], layout="constrained"
    )
    shown = found["loose"][0]
    left.imshow(shown.pattern, cmap="Blues", vmin=0, vmax=1)
    world = nursery.config.world(nursery.config.kinds.loose)
    rows, columns = np.nonzero(other_form_targets(world, shown.ids[None])[0])
    left.plot(columns, rows, "o", color="C1", markersize=4, fillstyle="none", linewidth=0.5)
    left.set(xlabel="place looked at", ylabel="place")
    left.set_title(f"head {shown.head[0]}.{shown.head[1]}", fontsize=9)
    left.grid(False)
    labels = {"loose": "both kinds\nof text", "literal": "literal\ntexts only"}
    for place, (name, label) in enumerate(labels.items()):
        values = [model.times_chance for model in found[name]]
        right.bar(place, np.mean(values) if values else 0, color=f"C{place}", alpha=0.45, width=0.6)
        right.plot([place] * len(values), values, "o", color=f"C{place}", label=label)
    right.axhline(1, color="grey", linewidth=0.8, linestyle=":")
    right.set_xticks(range(len(labels)), list(labels.values()), fontsize=8)
    right.set(ylabel="attention / chance", xlim=(-0.6, 1.6))
    return figure


def circuit_chapter(found: list[Circuit]) -> Section:
    """Argument 5."""
    return Section(
        title="5. What the weights say",
        text="An induction head is a circuit of two heads: one moves to each place what stood "
        "before it, the next one looks for its own word among what was moved (composition through "
        "keys) and copies. Both halves can be read from the weights: the composed matrix that "
        "scores word against word, and the matrix that takes an attended word to the output, have "
        "positive eigenvalues if the same word is what they favour. A circuit composed through "
        "queries, with a head that finds duplicates, would do as well; the claim says which it is.",
        items=(
            Figure(
                name="circuits",
                title="Matching and copying, by weights",
                caption="Each dot a head. Left: prefix matching as measured, against the positive "
                "share of the composed circuit's eigenvalues (0 in the first layer, which has "
                "nothing to compose with). Right: against that of the OV circuit.",
                draw=lambda: _circuits(found),
            ),
        ),
    )


def _circuits(found: list[Circuit]) -> Drawing:
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(6.4, 3.2), sharey=True, layout="constrained"
    )
    for i, name in enumerate(dict.fromkeys(circuit.name for circuit in found)):
        some = [circuit for circuit in found if circuit.name == name]
        matching = np.concatenate([circuit.matching.ravel() for circuit in some])
        for axis, values in (
            (left, [circuit.trace for circuit in some]),
            (right, [circuit.copying for circuit in some]),
        ):
            flat = np.concatenate([value.ravel() for value in values])
            axis.plot(
                flat, matching, "o", color=f"C{i}", markersize=4, alpha=0.7, label=KINDS[name]
            )
    left.set(xlabel="composed circuit, positive share", ylabel="prefix matching", ylim=(-0.03, 1))
    right.set_xlabel("OV circuit, positive share")
    left.legend(loc="upper left", fontsize=7)
    return figure


def size_chapter(nursery: Nursery) -> Section:
    """Argument 6."""
    return Section(
        title="6. From small to large",
        text="The paper follows the phase change from 13 million to 13 billion parameters and "
        "finds the same score at the end. Here widths differ threefold.",
        items=(
            Figure(
                name="sizes",
                title="The same change at three widths",
                caption="In-context-learning score (top) and prefix matching of the best head "
                "(bottom) of 2-layer models, one thin line a model.",
                draw=lambda: _sizes(nursery),
            ),
        ),
    )


def _sizes(nursery: Nursery) -> Drawing:
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(6.4, 4.4), sharex=True, layout="constrained"
    )
    labels = [f"width {getattr(nursery.config.kinds, name).d_model}" for name in WIDTHS]
    draw_courses(top, nursery, WIDTHS, "icl", labels=labels)
    draw_courses(bottom, nursery, WIDTHS, "matching", labels=labels)
    top.set_ylabel("ICL score (nats)")
    top.legend(loc="lower left")
    bottom.set(xlabel="training step", ylabel="best head's matching", ylim=(-0.03, 1.0))
    return figure
