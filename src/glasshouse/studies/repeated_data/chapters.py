"""The chapters of the report."""

from functools import partial

import numpy as np

from glasshouse.studies.repeated_data import figures
from glasshouse.studies.repeated_data.evidence import matched
from glasshouse.studies.repeated_data.seen import Seen
from glasshouse.studies.study import Figure, Section, Table


def chapters(seen: Seen) -> tuple[Section, ...]:
    """What was read, what it cost, and where."""
    config = seen.config
    return (
        Section(
            title="How often is worst",
            text=f"Every run reads {config.steps * config.rows:,} documents. In some, a share of "
            "the places is filled by a small subset, read again and again; all other documents are "
            "read once. Losses are those on documents that nobody has read.",
            items=(
                Figure(
                    name="by-count",
                    title="Loss on fresh documents",
                    caption="A dot a run, lines through their means. Dotted on the left: clean "
                    "runs of each size; dashed: what so few different documents are worth by "
                    "themselves.",
                    draw=partial(figures.by_count, seen),
                ),
                Figure(
                    name="courses",
                    title="In training, and by heart",
                    caption=f"Left: the largest size, {config.much:.0%} of its documents "
                    "repeated. Right: loss at the end on the repeated documents; where it comes "
                    "down to nothing they are known by heart.",
                    draw=partial(figures.courses, seen),
                ),
            ),
        ),
        Section(
            title="What it costs copying",
            text="Each document says something and says it again, so that from the third token of "
            "the echo on, whoever looks back knows what comes.",
            items=(
                Figure(
                    name="heads",
                    title="Heads that look back",
                    caption="A dot a run of the largest size; larger dots read their subset more "
                    "often. Attention is read off the graph on tokens without meaning.",
                    draw=partial(figures.heads, seen),
                ),
                _table(seen),
            ),
        ),
    )


def _table(seen: Seen) -> Table:
    config, width = seen.config, seen.largest
    rows = []
    for share, counts in (
        (0.0, (1,)),
        (config.little, config.little_repeats),
        (config.much, config.much_repeats),
    ):
        for count in counts:
            runs = seen.cell(width, share, count)
            tuned = [run.elsewhere for run in runs if run.elsewhere is not None]
            rows.append(
                (
                    f"{share:.0%}",
                    count,
                    config.plan(share, count).subset,
                    round(float(np.mean([run.loss for run in runs])), 3),
                    round(float(np.mean([run.copied for run in runs])), 3),
                    round(float(np.mean([run.subset for run in runs])), 3) if share else "—",
                    round(float(np.mean(matched(runs))), 3),
                    round(float(np.mean(tuned)), 3) if tuned else "—",
                )
            )
    return Table(
        title="The largest size",
        columns=(
            "share",
            "repeats",
            "documents repeated",
            "loss, fresh",
            "copied tokens",
            "repeated documents",
            "prefix matching",
            "another language",
        ),
        rows=tuple(rows),
        caption="Means over runs, in nats a token; prefix matching is a share of attention.",
    )
