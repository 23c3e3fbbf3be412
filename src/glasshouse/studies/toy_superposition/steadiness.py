"""Where one seed can mislead: what three seeds of `small` said when the study was written."""

from glasshouse.studies.study import Section, Table

_ROWS = (
    (
        "linear-no-superposition",
        "0.12 (0.00, 0.38) reproduced",
        "0.12 (0.00, 0.38) reproduced",
        "0.25 (0.00, 0.50) trend",
        "below 0.5",
    ),
    (
        "sticky-half",
        "0.31 (0.24, 0.52) trend",
        "0.30 (0.22, 0.34) reproduced",
        "0.24 (0.17, 0.35) reproduced",
        "below 0.5",
    ),
    (
        "features-on-lines",
        "2.01 (1.89, 2.15) trend",
        "2.12 (2.00, 2.22) reproduced",
        "2.10 (1.97, 2.20) trend",
        "above 2",
    ),
    (
        "pairs-collapse",
        "3 (2, 3) trend",
        "3 (2, 3) trend",
        "3 (1, 3) trend",
        "above 2.5",
    ),
    (
        "energy-levels",
        "0.30 (-0.02, 0.62) not seen",
        "0.08 (-0.17, 0.44) not seen",
        "0.38 (0.06, 0.72) trend",
        "above 1",
    ),
    (
        "examples-form-polygons",
        "0.07 (0.01, 0.19) trend",
        "0.01 (0.01, 0.02) reproduced",
        "0.01 (0.01, 0.02) reproduced",
        "below 0.1",
    ),
)
"""Claim, then measurement, interval and verdict of seeds 0, 1 and 7, then the threshold."""


def chapter() -> Section:
    """Which verdicts hang on the seed."""
    return Section(
        title="Where one seed can mislead",
        text="Each interval speaks of the models of this run; another seed draws other models and "
        "other data. The claims below are those whose verdict changed among three seeds of the "
        "`small` preset, or came close. Read a verdict on them as the middle of what several seeds "
        "would say. All other claims were reproduced wherever they were run; `phase-change` and "
        "`phase-boundaries` were judged on seed 1 alone after their last change.",
        items=(
            Table(
                title="Verdicts that hang on the seed",
                columns=("claim", "seed 0", "seed 1", "seed 7", "threshold"),
                rows=_ROWS,
                caption="Measured with `small` in November 2026, once each; not by this run.",
            ),
        ),
    )
