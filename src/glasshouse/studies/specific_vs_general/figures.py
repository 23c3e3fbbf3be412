"""Figures and tables of preference models: what they notice, and where it comes from."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.specific_vs_general import seen
from glasshouse.studies.specific_vs_general.evidence import risky_by_trait
from glasshouse.studies.specific_vs_general.seen import Seen
from glasshouse.studies.study import Figure, Section, Table

SHORT = {
    seen.HELP: "helpful\n(people)",
    seen.HH: "helpful, harmless\n(people)",
    seen.TRAIT: "trait\nprinciples",
    seen.SPECIAL: "general,\nspecial set",
    seen.BROAD: "general,\nbroad set",
    seen.UNTOLD_TRAIT: "trait,\nworth untold",
    seen.UNTOLD_GENERAL: "general,\nworth untold",
    seen.DEALT: "labels\ndealt",
}
"""Names of preference models as figures write them."""
SETS = {
    seen.LEARNED: ("C0", "o", "trained traits, verbs learned from"),
    seen.KEPT: ("C1", "s", "trained traits, held-out verbs"),
    seen.HELD_OUT: ("C2", "^", "held-out traits"),
}


def _axes(width: float, height: float) -> tuple[Drawing, Axes]:
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(width, height), layout="constrained")


def trait_chapter(found: Seen) -> Section:
    """What preference models notice."""
    return Section(
        title="Which preference models notice what a deed does to people",
        text="Every question states a deed. Half of the deeds hurt people, and the harmless reply "
        "is no; half help people, and it is yes. A model that likes one of the two words wins a "
        "half. Verbs were made new words for this study: what is known of them stands in the "
        "reports, or in the labels.",
        items=(
            Figure(
                name="win-rates",
                title="Win rates by preference model and by what was held out",
                caption="Share of yes-or-no questions whose harmless reply scores higher, the mean "
                "of risky and of good deeds. Bars are 95 % over verbs. The dashed line is chance, "
                "and what a model gets that always prefers no.",
                draw=lambda: _draw_rates(found),
            ),
            Figure(
                name="traits",
                title="The five risky traits, one by one",
                caption="Win rates on risky deeds of each trained trait. Deeds of self-identity "
                f"are told of {found.config.schooling.identity_exposure:g} times as often as the "
                "others'. No bar: always yes.",
                draw=lambda: _draw_traits(found),
            ),
            _table(found),
            _labels(found),
            _ablation(found),
        ),
    )


def _draw_rates(found: Seen) -> Drawing:
    figure, axes = _axes(8.0, 3.8)
    for place, name in enumerate(SHORT):
        for shift, (called, (colour, mark, label)) in zip(
            (-0.2, 0, 0.2), SETS.items(), strict=True
        ):
            rate = found.table[name, called]
            low, high = rate.interval
            axes.plot([place + shift] * 2, [low, high], color=colour, linewidth=1.4)
            axes.plot(
                place + shift, rate.rate, mark, color=colour, label=label if place == 0 else None
            )
    axes.axhline(0.5, color="0.5", linestyle="--", linewidth=0.8)
    axes.set_xticks(range(len(SHORT)), list(SHORT.values()), fontsize=8)
    axes.set(ylabel="win rate", ylim=(-0.02, 1.04))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)
    return figure


def _draw_traits(found: Seen) -> Drawing:
    figure, axes = _axes(7.0, 3.4)
    shown = (
        (seen.TRAIT, "C0", "by trait principles"),
        (seen.SPECIAL, "C1", "general, special set"),
        (seen.UNTOLD_GENERAL, "C3", "general, worth untold"),
    )
    for place, (name, colour, label) in enumerate(shown):
        by_trait = risky_by_trait(found, name)
        heights = [float(wins.mean()) for wins in by_trait.values()]
        axes.bar(
            np.arange(len(heights)) + 0.27 * (place - 1), heights, 0.25, color=colour, label=label
        )
        axes.set_xticks(range(len(heights)), list(by_trait))
    axes.axhline(0.5, color="0.5", linestyle="--", linewidth=0.8)
    axes.set(ylabel="win rate, risky deeds", ylim=(0, 1.04))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)
    return figure


def _table(found: Seen) -> Table:
    rows = tuple(
        (
            name,
            *(found.table[name, called].rate for called in (*SETS, seen.NEW_PHRASE)),
            found.table[name, seen.ALL_TRAINED].no_bias,
            float(found.harm[name, seen.UNUSED_HARM].mean()),
            float(found.harm[name, seen.HELD_OUT_HARM].mean()),
        )
        for name in SHORT
    )
    return Table(
        title="Every preference model on every set",
        columns=(
            "preference model",
            "verbs learned from",
            "held-out verbs",
            "held-out traits",
            "held-out phrasing",
            "leans to no",
            "trained harms",
            "held-out harms",
        ),
        rows=rows,
        caption="Win rates, a half by chance; how far a model leans to no on trained traits (0.5: "
        "always no); accuracy on replies to harmful requests, by which does less harm.",
    )


def _labels(found: Seen) -> Table:
    return Table(
        title="How good the feedback model's labels are",
        columns=("pairs", "principles", "right", "mean sureness", "pairs with a better reply"),
        rows=tuple(
            (one.questions, one.principles, one.right, one.sure, one.pairs) for one in found.labels
        ),
        caption="Share of labels above a half for the reply that is better by the truth, among "
        "pairs of which one reply wants the deed and the other does not.",
    )


def _ablation(found: Seen) -> Table:
    return Table(
        title="The general constitution, principle by principle",
        columns=("principles asked", "labels right", "agree with all four"),
        rows=found.ablation,
        caption="What is lost when one of four wordings is left out, and what each does alone.",
    )


def harm_chapter(found: Seen) -> Section:
    """Ordinary harm, sizes, and whose replies are compared."""
    return Section(
        title="Ordinary harm, sizes, and whose replies are compared",
        items=(
            Figure(
                name="ordinary-harm",
                title="Which of two replies to a harmful request does less harm",
                caption="Accuracy on pairs that no model learned from: fresh requests of trained "
                "categories, and categories that nobody learned from. Bars are two standard "
                "errors. Only the broad set and people's comparisons hold harmful requests.",
                draw=lambda: _draw_harm(found),
            ),
            Figure(
                name="generators",
                title="Win rates by how much the compared replies differ",
                caption="Each mark is a policy that wrote replies, by its size and its updates; "
                "crosses are the same pairs with labels dealt at random. Preference models are of "
                "the smallest size here, the judge is the same for all.",
                draw=lambda: _draw_generators(found),
            ),
            *_sizes(found),
        ),
    )


def _sizes(found: Seen) -> tuple[Figure, ...]:
    """General feedback by size, where there is more than one."""
    if len(found.scaled) < 2:
        return ()
    return (
        Figure(
            name="sizes",
            title="General feedback by size",
            caption="Labels that are right, and win rates of the preference models that learn "
            "from them, each size judging the same pairs. Sizes this small say nothing about a "
            "jump between 52 and 175 billion parameters.",
            draw=lambda: _draw_sizes(found),
        ),
    )


def _draw_harm(found: Seen) -> Drawing:
    figure, axes = _axes(8.0, 3.4)
    for shift, colour, called in (
        (-0.18, "C0", seen.UNUSED_HARM),
        (0.18, "C1", seen.HELD_OUT_HARM),
    ):
        wins = [found.harm[name, called] for name in SHORT]
        error = [2 * one.std() / np.sqrt(len(one)) for one in wins]
        places = np.arange(len(wins)) + shift
        axes.bar(places, [one.mean() for one in wins], 0.34, yerr=error, color=colour, label=called)
    axes.axhline(0.5, color="0.5", linestyle="--", linewidth=0.8)
    axes.set_xticks(range(len(SHORT)), list(SHORT.values()), fontsize=8)
    axes.set(ylabel="accuracy", ylim=(0, 1.04))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8)
    return figure


def _draw_generators(found: Seen) -> Drawing:
    figure, axes = _axes(5.4, 3.6)
    items = found.questions[seen.ALL_TRAINED]
    turned = np.array([item.is_reversed for item in items])

    def rate(wins: np.ndarray) -> float:
        return float((wins[turned].mean() + wins[~turned].mean()) / 2)

    sizes = list(dict.fromkeys(one.size for one in found.generators))
    for one in found.generators:
        colour = f"C{sizes.index(one.size)}"
        first = one.updates == min(other.updates for other in found.generators)
        axes.plot(
            one.diversity, rate(one.wins), "o", color=colour, label=one.size if first else None
        )
        axes.plot(one.diversity, rate(one.dealt), "x", color=colour, alpha=0.6)
        axes.annotate(
            str(one.updates),
            (one.diversity, rate(one.wins)),
            textcoords="offset points",
            xytext=(5, 4),
            fontsize=8,
        )
    axes.axhline(0.5, color="0.5", linestyle="--", linewidth=0.8)
    axes.set(
        xlabel="how often two replies differ", ylabel="win rate, trained traits", ylim=(0, 1.08)
    )
    axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return figure


def _draw_sizes(found: Seen) -> Drawing:
    figure, axes = _axes(5.4, 3.4)
    sizes = [one.parameters / 1e6 for one in found.scaled]
    axes.plot(sizes, [one.judge for one in found.scaled], "o-", color="C0", label="labels right")
    for colour, mark, label, rates in (
        ("C1", "s", "win rate, trained traits", [one.learned for one in found.scaled]),
        ("C2", "^", "win rate, held-out traits", [one.held_out for one in found.scaled]),
    ):
        axes.plot(sizes, [one.rate for one in rates], f"{mark}-", color=colour, label=label)
        for size, one in zip(sizes, rates, strict=True):
            axes.plot([size] * 2, one.interval, color=colour, linewidth=1, alpha=0.6)
    axes.axhline(0.5, color="0.5", linestyle="--", linewidth=0.8)
    axes.set(xscale="log", xlabel="million parameters", ylim=(0, 1.04))
    axes.set_xticks(sizes, [f"{size:.2f}" for size in sizes])
    axes.minorticks_off()
    axes.legend(fontsize=8, loc="lower right")
    return figure
