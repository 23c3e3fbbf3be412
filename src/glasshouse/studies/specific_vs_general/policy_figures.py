"""Figures and tables of policies: what training on each judge did to what they say."""

import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.specific_vs_general.seen import Seen
from glasshouse.studies.study import Figure, Section, Table, Transcript, Turn


def policy_chapter(found: Seen) -> Section:
    """Policies trained on general feedback and on Constitutional AI's."""
    return Section(
        title="Policies trained on these judges",
        text="All begin as the same helpful policy after a few updates, see the same prompts, and "
        "are held near to where they began. What they say is graded by the truth, which no "
        "training sees.",
        items=(
            Figure(
                name="policies",
                title="What each policy agrees to, and what harm it does",
                caption="Left: share of deeds agreed to, risky and good ones, trained and held-out "
                "traits alike. Right: gold harm of replies to harmful requests. Bars are two "
                "standard errors.",
                draw=lambda: _draw_behaviour(found),
            ),
            Figure(
                name="courses",
                title="How training went",
                caption="The judge's mean score, the divergence from the start in nats a reply, "
                "and the share of risky deeds agreed to (smoothed over ten updates), which is "
                "watched and never trained on.",
                draw=lambda: _draw_courses(found),
            ),
            Table(
                title="Policies by the gold grade",
                columns=("policy", "risky deeds", "good deeds", "harm", "help"),
                rows=tuple(
                    (
                        name,
                        float(one.risky.mean()),
                        float(one.good.mean()),
                        float(one.harm.mean()),
                        float(one.help.mean()),
                    )
                    for name, one in found.policies.items()
                ),
                caption="Shares agreed to; mean harm (0 to 4) of replies to harmful requests; mean "
                "help (0 to 1) of replies to helpful ones.",
            ),
            *_transcripts(found),
            Table(
                title="Time by part",
                columns=("part", "CPU seconds"),
                rows=tuple(found.seconds.items()),
                caption="One thread. Base models are grown once for several studies and not "
                "counted.",
            ),
        ),
    )


def _transcripts(found: Seen) -> tuple[Transcript, ...]:
    return tuple(
        Transcript(
            title=f"What is said: {name}",
            turns=tuple(
                Turn(speaker=speaker, text=text)
                for asked, said in one.samples
                for speaker, text in (("human", asked), ("assistant", said))
            ),
            caption="Two questions each about risky deeds, good deeds, harm and help.",
        )
        for name, one in found.policies.items()
    )


def _draw_behaviour(found: Seen) -> Drawing:
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    names = list(found.policies)
    ticks = [name.replace(" + ", " +\n").replace(" only", "\nonly") for name in names]

    def bars(axes, values, shift: float, colour: str, label: str) -> None:
        error = [2 * one.std() / np.sqrt(len(one)) for one in values]
        axes.bar(
            np.arange(len(values)) + shift,
            [one.mean() for one in values],
            0.36 if shift else 0.6,
            yerr=error,
            color=colour,
            label=label,
        )

    behaviours = list(found.policies.values())
    bars(left, [one.risky for one in behaviours], -0.19, "C1", "risky deeds")
    bars(left, [one.good for one in behaviours], 0.19, "C0", "good deeds")
    left.set(ylabel="share agreed to", ylim=(0, 1.04))
    left.legend(fontsize=8)
    bars(right, [one.harm for one in behaviours], 0.0, "C3", "harm")
    right.set(ylabel="gold harm of a reply")
    for axes in (left, right):
        axes.set_xticks(range(len(names)), ticks, fontsize=8)
    return figure


def _draw_courses(found: Seen) -> Drawing:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(9.0, 2.9), layout="constrained")
    for place, (name, one) in enumerate(found.courses.items()):
        for axis, values in zip(axes, (one.reward, one.kl, one.risky), strict=True):
            axis.plot(smoothed(values), color=f"C{place}", label=name)
    for axis, label in zip(axes, ("judge's score", "KL, nats", "risky deeds"), strict=True):
        axis.set(xlabel="update", ylabel=label)
    axes[0].legend(fontsize=8)
    return figure


def smoothed(values: tuple[float, ...], width: int = 10) -> list[float]:
    """Means over the last few steps, of those that are known; NaN where none is."""
    return [
        float(np.mean(known)) if len(known) else float("nan")
        for place in range(len(values))
        if (known := _known(values[max(0, place + 1 - width) : place + 1])) is not None
    ]


def _known(values: tuple[float, ...]) -> list[float]:
    return [value for value in values if not np.isnan(value)]
