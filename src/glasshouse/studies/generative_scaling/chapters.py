"""The chapters of the report."""

from collections.abc import Sequence
from functools import partial

from glasshouse.studies.generative_scaling import figures
from glasshouse.studies.generative_scaling.fits import DomainFits
from glasshouse.studies.generative_scaling.seen import Seen
from glasshouse.studies.study import Figure, Section, Table


def chapters(seen: Seen, fits: Sequence[DomainFits]) -> tuple[Section, ...]:
    """Constants and entropies, what is left to lose, labels, and what lies beyond size."""
    config = seen.config
    sums, classifier = config.further.sums, config.further.classifier
    return (
        Section(
            title="Constants and entropies",
            text="Sequences are drawn from processes whose odds are known, so that what the best "
            "possible reader loses is known too. A constant is only named where the runs show it: "
            "an interval that reaches down to nothing, or a lowest loss of which half is still "
            "to be lost, leave it a guess of the form.",
            items=(
                Figure(
                    name="losses",
                    title="Loss over size",
                    caption=f"Runs of {config.steps[-1]} steps, a dot each, with laws fitted to "
                    "them; the black line is what the best possible reader loses on the same "
                    "sequences, which no fit has seen.",
                    draw=partial(figures.losses, seen, fits),
                ),
                _table(fits),
            ),
        ),
        Section(
            title="What is left to lose",
            items=(
                Figure(
                    name="reducible",
                    title="Beyond the best possible reader",
                    caption="Left: loss less what the same held-out sequences cost the best "
                    "possible reader. Right: the same of single images, by that cost.",
                    draw=partial(figures.reducible, seen, fits),
                ),
            ),
        ),
        Section(
            title="What a label tells",
            text="A model's loss on an image whose label is blank, less that with the label, is "
            "what it makes of the label. A model that never read a blank does not know what to "
            "make of one.",
            items=(
                Figure(
                    name="labels",
                    title="Information of labels",
                    caption="A dot a run; the black line is the true mutual information of label "
                    "and image.",
                    draw=partial(figures.labels, seen),
                ),
            ),
        ),
        Section(
            title="Harder sums, classifiers, shapes",
            text=f"Sums of up to {sums.digits} digits are trained on, and a digit more is asked "
            "for, in the same writing. Models of images learn to name the class behind an image "
            f"from {classifier.images} images, read again and again; others of the same first "
            "weights learn it from scratch. Models of the chain with about as many weights are "
            "flat or deep.",
            items=(
                Figure(
                    name="further",
                    title="Beyond size",
                    caption="A dot a run. Left: loss on answers of sums harder than any in "
                    "training, over that on fresh ones as in training. Middle: error of "
                    "classifiers. Right: width over number of blocks, from deep to flat.",
                    draw=partial(figures.further, seen),
                ),
            ),
        ),
    )


def _table(fits: Sequence[DomainFits]) -> Table:
    rows = []
    for fit in fits:
        of_size = fit.by_size.estimates
        constant = str(of_size["E"]) + (" *" if fit.no_constant else "")
        compute = "—" if fit.by_compute is None else str(fit.by_compute.estimates["E"])
        rows.append(
            (
                fit.domain.name,
                f"{fit.domain.entropy:.4f} ± {fit.domain.entropy_error:.4f}",
                round(fit.domain.best_loss, 4),
                constant,
                compute,
                str(of_size["alpha"]),
                "—" if fit.best_size is None else str(fit.best_size),
                round(fit.pure_misses, 2),
            )
        )
    return Table(
        title="Laws by domain",
        columns=(
            "domain",
            "entropy, nats a token",
            "on what is held out",
            "E of L(N)",
            "E of L(C)",
            "alpha of L(N)",
            "exponent of N_opt(C)",
            "miss without constant",
        ),
        rows=tuple(rows),
        caption="Intervals are 95 %, over runs. *: the runs do not show this constant, and no "
        "claim uses it. Misses are root mean squares, over those with a constant.",
    )
