"""The report's chapters."""

from glasshouse.studies.study import Figure, Section, Table, Text
from glasshouse.studies.transfer_scaling import figures
from glasshouse.studies.transfer_scaling.measure import Missing, Seen
from glasshouse.studies.transfer_scaling.worth import Worth


def chapters(seen: Seen) -> tuple[Section, ...]:
    """All chapters, in reading order."""
    return (_losses(seen), _transferred(seen), _steps(seen), _ossification(seen), _unified(seen))


def _losses(seen: Seen) -> Section:
    learned = seen.learned
    sizes = learned.sizes
    return Section(
        title="Losses",
        text="Models of several sizes learn Python code: from nothing, after prose, or after prose "
        "and the code of another language in equal parts. Each run counts where its loss on one "
        "half of the held-out windows is lowest, and is measured on the other half.",
        items=(
            Figure(
                name="losses",
                title="Loss against code",
                caption="A panel a size. A pretrained model's D_E is the code at which the grey "
                "curve has its loss.",
                draw=lambda: figures.draw_losses(seen),
            ),
            Text(
                title="The text",
                paragraphs=(
                    f"{learned.origin}. {sizes['prose']:,} characters of prose (help topics and "
                    f"docstrings), {sizes['code']:,} of code without comments and docstrings, "
                    f"{sizes['other']:,} of C++ without comments; digest {learned.digest}. Losses "
                    "are not to be compared across versions.",
                    f"Log losses of replicas differ by {learned.noise:.4f} (standard deviation). "
                    f"All trainings took {learned.seconds:.0f} s of processor time.",
                ),
            ),
        ),
    )


def _transferred(seen: Seen) -> Section:
    return Section(
        title="Data transferred",
        text="D_T = D_E - D_F is what pretraining was worth, in characters of code. Cells beyond "
        "the scratch curve are censored: marked, and not fitted; nor are cells above a tenth of "
        "D(N), the code at which a model from scratch comes within 1% of its best.",
        items=(
            Figure(
                name="transferred",
                title="D_T against D_F",
                caption="Points are measured, lines are k · D_F^alpha · N^beta fitted to all "
                "filled points of a panel. Negative D_T cannot be drawn.",
                draw=lambda: figures.draw_transferred(seen),
            ),
            _laws(seen),
            Figure(
                name="multipliers",
                title="Multipliers",
                caption="How many times its code a model of each size would have needed without "
                "prose; triangles are at least so many. Dotted: prose with characters dealt anew.",
                draw=lambda: figures.draw_multipliers(seen),
            ),
            Table(
                title="Every cell",
                columns=("past", "parameters", "D_F", "loss (nats)", "D_E", "D_T", "D_E / D_F", ""),
                rows=tuple(_row(one) for one in seen.cells),
                caption="D in characters.",
            ),
        ),
    )


def _laws(seen: Seen) -> Table:
    rows: list[tuple[str, str, str, str, str, int]] = []
    for arm, law in seen.laws.items():
        if isinstance(law, Missing):
            continue
        told = law.estimates
        rows.append(
            (
                figures.ARM_NAMES[arm],
                str(told["k"]),
                str(told["alpha"]),
                str(told["beta"]),
                f"{law.r2.value:.3f}",
                len(law.cells),
            )
        )
    paper = (
        ("the paper, after text", "1.9e4", "0.18", "0.38", "—", "—"),
        ("the paper, after text and other code", "2.1e5", "0.096", "0.38", "—", "—"),
    )
    return Table(
        title="The power law",
        columns=("past", "k", "alpha", "beta", "R²", "cells"),
        rows=(*rows, *paper),
        caption="95% intervals from resampled cells.",
    )


def _row(one: Worth) -> tuple[str | int | float, ...]:
    marks = [
        {"": "", "above": "at least", "below": "at most"}[one.censored],
        "" if one.is_low_data else "beyond the low-data regime",
    ]
    return (
        figures.ARM_NAMES[one.arm],
        one.params,
        one.characters,
        round(one.loss, 3),
        round(one.effective),
        round(one.transferred),
        round(one.multiplier, 2),
        ", ".join(mark for mark in marks if mark),
    )


def _steps(seen: Seen) -> Section:
    return Section(
        title="Compute",
        text="Pretraining itself is not counted here, as in the paper.",
        items=(
            Figure(
                name="steps",
                title="Steps to the scratch model's best loss",
                caption="Steps of the model pretrained on prose, as a share of those that the "
                "model from scratch took to its own best on the same code.",
                draw=lambda: figures.draw_steps(seen),
            ),
        ),
    )


def _ossification(seen: Seen) -> Section:
    return Section(
        title="Ossification",
        text="Once code is plenty, what is left of pretraining is where it leaves a model's "
        "weights. The smallest size is trained several times over for longer.",
        items=(
            Figure(
                name="ossification",
                title="What pretraining gains, and what is left of it",
                caption="Left, loss after prose against that from scratch on the same code; above "
                "0, pretraining hurts. On the most code both learn at one rate. Right, every long "
                "run of the smallest size.",
                draw=lambda: figures.draw_ossification(seen),
            ),
        ),
    )


def _unified(seen: Seen) -> Section:
    return Section(
        title="The unified law",
        text="L(N, D) fitted to models from scratch of all other sizes, with D_T in the place of "
        "D, itself fitted to the other sizes.",
        items=(
            Figure(
                name="foretold",
                title="Foretold and measured",
                caption="Losses after prose of sizes held out in turn, in the low-data regime. "
                "Crosses: D_F in the place of D.",
                draw=lambda: figures.draw_foretold(seen),
            ),
        ),
    )
