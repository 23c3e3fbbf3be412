"""The phase change as a picture, and the heads that make it."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.induction_heads.config import KINDS
from glasshouse.studies.induction_heads.course import Course
from glasshouse.studies.induction_heads.grow import Nursery
from glasshouse.studies.induction_heads.measures import icl, principal_paths, window_of
from glasshouse.studies.induction_heads.patterns import Patterns
from glasshouse.studies.study import Figure, Section

PLAIN = ("one_layer", "two_layers", "three_layers")
WITH_MLP = ("one_layer_mlp", "two_layers_mlp", "three_layers_mlp")


def chapter(nursery: Nursery, patterns: Patterns | None, best_icl: float) -> Section:
    """Argument 1: what happens, when, and who does it."""
    texts = nursery.config.texts
    items = [
        Figure(
            name="phase-change",
            title="The phase change",
            caption="Top: in-context-learning score (late loss less early loss; down is better) of "
            "every model, a thick line the mean of a kind, dotted what the best possible reader "
            "reaches. Middle: prefix matching of each head of one 2-layer model. Bottom: loss. "
            "Shaded: where that model's score changes fastest. One layer learns which words a text "
            "uses and no more; with two, the score falls as the heads form.",
            draw=lambda: _phase_change(nursery, best_icl),
        )
    ]
    if patterns is not None:
        items.append(
            Figure(
                name="heads-that-make-it",
                title="The heads that make it",
                caption=f"Attention on one text, from each place (down) to each earlier place "
                f"(across). Left: head {_named(patterns.previous_head)}, which looks back one "
                f"place. Then head {_named(patterns.induction_head)}, which matches prefixes best, "
                "before the change, in it and after. The stripes are its targets: what followed "
                "earlier copies of the present word.",
                draw=lambda: _patterns(patterns),
            )
        )
    items.append(
        Figure(
            name="loss-by-position",
            title="Where in a text the loss falls",
            caption="Mean loss of each place at some looks, early ones dark. Left 1 layer, right "
            "2: before the change both fall alike; after it, late words cost little.",
            draw=lambda: _by_position(nursery),
        )
    )
    items.append(
        Figure(
            name="trajectories",
            title="Losses on single tokens, in two principal components",
            caption="Each line is one model's path through training, each dot a look; the ring "
            "marks where its window opens. Models of one seed, drawn in one plane.",
            draw=lambda: _trajectories(nursery),
        )
    )
    if nursery.of(*WITH_MLP):
        items.append(
            Figure(
                name="phase-change-mlp",
                title="The same with feed-forward layers",
                caption="In-context-learning score (top) and prefix matching of the best head "
                "(bottom) of models with feed-forward parts; a thick line is the mean of a kind.",
                draw=lambda: _with_mlp(nursery),
            )
        )
    return Section(
        title="1. The phase change, and the heads that form in it",
        text=f"Texts of {texts.words} equally likely words, in which a block of {texts.shortest} "
        f"to {texts.longest} words repeats: nothing but copying predicts them. Length and phase of "
        "the block differ from text to text, so no head can copy by position. A model of one layer "
        "still improves along a text, by learning which words it uses; what two layers add to that "
        "is what counts here.",
        items=tuple(items),
    )


def _named(head: tuple[int, int]) -> str:
    return f"{head[0]}.{head[1]}"


def draw_courses(
    axis: Axes, nursery: Nursery, names: Sequence[str], of: str, *, labels: Sequence[str] = ()
) -> None:
    """One thin line a model and a thick one a kind: `icl`, `loss` or `matching` by step."""
    grown = [name for name in names if nursery.has(name)]
    for i, name in enumerate(names):
        if name not in grown:
            continue
        courses = nursery.courses[name]
        values = [_values(course, of, nursery) for course in courses]
        colour = f"C{i}"
        for value in values:
            axis.plot(courses[0].steps, value, color=colour, alpha=0.35, linewidth=0.8)
        label = labels[i] if labels else KINDS[name]
        axis.plot(courses[0].steps, np.mean(values, axis=0), color=colour, label=label)


def _values(course: Course, of: str, nursery: Nursery) -> np.ndarray:
    if of == "icl":
        return icl(course.losses, nursery.config)
    return course.loss if of == "loss" else course.best_matching


def _phase_change(nursery: Nursery, best_icl: float) -> Drawing:
    figure, (top, middle, bottom) = plt.subplots(
        3, 1, figsize=(6.4, 6.2), sharex=True, height_ratios=[1.4, 1.1, 1], layout="constrained"
    )
    draw_courses(top, nursery, PLAIN, "icl")
    top.axhline(best_icl, color="grey", linestyle=":", linewidth=1)
    top.set_ylabel("ICL score (nats)")
    top.legend(loc="lower left")
    draw_courses(bottom, nursery, PLAIN, "loss")
    bottom.set(ylabel="loss (nats)", xlabel="training step")
    if nursery.has("two_layers"):
        course = nursery.courses["two_layers"][0]
        for layer, heads in enumerate(course.matching.transpose(1, 2, 0)):
            for number, head in enumerate(heads):
                label = f"layer {layer}" if number == 0 else None
                middle.plot(course.steps, head, color=f"C{3 + layer}", label=label, linewidth=1.1)
        window = window_of(course, nursery.config)
        for axis in (top, middle, bottom):
            axis.axvspan(window.start, window.end, color="grey", alpha=0.15, linewidth=0)
    middle.set(ylabel="prefix matching", ylim=(-0.03, 1.0))
    middle.legend(loc="upper left")
    return figure


def _patterns(patterns: Patterns) -> Drawing:
    shown = [(f"{_named(patterns.previous_head)}, end", patterns.previous)]
    shown += [
        (f"{_named(patterns.induction_head)}, step {step}", pattern)
        for step, pattern in patterns.induction
    ]
    figure, axes = plt.subplots(1, len(shown), figsize=(6.4, 2.2), layout="constrained")
    for axis, (title, pattern) in zip(axes, shown, strict=True):
        axis.imshow(pattern, cmap="Blues", vmin=0, vmax=1)
        axis.set_title(f"head {title}", fontsize=8)
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
    axes[0].set(xlabel="looked at", ylabel="place")
    return figure


def _by_position(nursery: Nursery) -> Drawing:
    figure, axes = plt.subplots(
        1, 2, figsize=(6.4, 3), sharey=True, sharex=True, layout="constrained"
    )
    for axis, name in zip(axes, ("one_layer", "two_layers"), strict=True):
        axis.set_title(KINDS[name], fontsize=9)
        axis.set_xlabel("place in the text")
        if not nursery.has(name):
            continue
        course = nursery.courses[name][0]
        looks = np.linspace(1, len(course.steps) - 1, 7).round().astype(int)
        for look in looks:
            colour = plt.get_cmap("viridis")(look / len(course.steps))
            axis.plot(course.losses[look], color=colour, label=f"{course.steps[look]}")
    axes[0].set(ylabel="loss (nats)", ylim=(0, None))
    axes[0].legend(title="step", fontsize=7, title_fontsize=8, loc="lower left")
    return figure


def _trajectories(nursery: Nursery) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    names = [name for name in PLAIN if nursery.has(name)]
    courses = [nursery.courses[name][0] for name in names]
    if not courses:
        return figure
    paths, share = principal_paths(*(course.single for course in courses))
    for name, course, part in zip(names, courses, paths, strict=True):
        colour = f"C{PLAIN.index(name)}"
        axis.plot(*part.T, "-o", color=colour, markersize=3, linewidth=1, label=KINDS[name])
        if name != "one_layer":
            start = window_of(course, nursery.config).start
            ring = [np.interp(start, course.steps, values) for values in part.T]
            axis.plot(*ring, "o", color=colour, markersize=10, fillstyle="none")
    axis.set_aspect("equal", adjustable="datalim")  # or angles would mislead
    axis.set(xlabel="first component", ylabel=f"second ({share:.0%} of variance in both)")
    axis.legend()
    return figure


def _with_mlp(nursery: Nursery) -> Drawing:
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(6.4, 4.4), sharex=True, layout="constrained"
    )
    draw_courses(top, nursery, WITH_MLP, "icl")
    draw_courses(bottom, nursery, WITH_MLP, "matching")
    top.set_ylabel("ICL score (nats)")
    top.legend(loc="lower left")
    bottom.set(xlabel="training step", ylabel="best head's matching", ylim=(-0.03, 1.0))
    return figure
