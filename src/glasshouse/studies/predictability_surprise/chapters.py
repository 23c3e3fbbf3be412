"""The chapters of the report: what each shows, and its tables."""

import numpy as np

from glasshouse.scaling.predictability import (
    METRICS,
    Foretold,
    foretell,
    foretell_loss,
    foretell_whole,
    minus_log_loss,
    rise_factor,
    share_left,
    sharpness,
)
from glasshouse.studies.predictability_surprise import figures, people_figures
from glasshouse.studies.predictability_surprise.seen import BIASED, FAIR, Curve, Seen
from glasshouse.studies.study import Cell, Figure, Section, Table


def chapters(seen: Seen) -> tuple[Section, ...]:
    """All chapters, in the paper's order."""
    return (_loss(seen), _skills(seen), _foretold(seen), _court(seen), _shop(seen))


def tasks(seen: Seen) -> dict[str, Curve]:
    """The tasks with answers of several tokens, by what they are called."""
    return {
        "facts, several an answer": seen.facts,
        "sums": seen.sums,
        "echoes": seen.echoes,
    }


def _loss(seen: Seen) -> Section:
    config = seen.config
    return Section(
        title="The loss",
        text=f"{len(config.mixture.widths)} sizes of one family, {config.replicas} models each, "
        f"read {config.mixture.steps:,} batches of {config.mixture.rows} rows: a third of them "
        f"facts ({config.tasks * config.keys} of uneven use, which stand for text in general), the "
        f"rest sums of numbers of {config.digits} digits. A tenth of all sums is held out. "
        "N counts the weights of blocks, without embeddings.",
        items=(
            Figure(
                name="loss",
                title="Loss and size",
                caption="Held-out loss on facts, one dot a model, with the straight line through "
                "the means; and the last training loss of the mixture, in which sums have the "
                "larger part.",
                draw=lambda: figures.losses(seen),
            ),
        ),
    )


def _skills(seen: Seen) -> Section:
    return Section(
        title="Skills under several metrics",
        text="The same answers under metrics of the whole answer and of its tokens. Sharpness is "
        "the steepest slope over log size by the mean slope: 1 is a straight climb, and with "
        f"{len(seen.sums.params)} sizes that are evenly spaced {len(seen.sums.params) - 1} is a "
        "single step. What is left is the sharpness beyond 1 of tokens, by that of exact match; "
        "tokens are credited by minus the logarithm of their loss, in which a power law is "
        "straight. (A log-probability ends at 0: a smooth law that gets there looks like a jump "
        "followed by rest.)\n\n"
        f"Two jumps are planted. {seen.facts.length} facts count as one answer, so that knowledge "
        "that grows evenly is multiplied: that jump is the metric's. Echoes ask for what stood "
        f"{seen.echoes.length} tokens before, and the smaller half of that family looks back less "
        "far: that jump is the skill's.",
        items=(
            Figure(
                name="skills",
                title="Whole answers and tokens",
                caption="Exact match of whole answers, and minus the log loss of their tokens, "
                "each scaled to its own range; means over models. The dashed line is a straight "
                "climb.",
                draw=lambda: figures.skills(seen),
            ),
            Figure(
                name="replicas",
                title="Models of one size differ",
                caption="Exact match of sums, one dot a model, with the mean. Where some models of "
                "a size can add and others cannot, the mean climbs while every model jumps.",
                draw=lambda: figures.replicas(seen),
            ),
            _abruptness_table(seen),
            _metrics_table(seen),
        ),
    )


def _abruptness_table(seen: Seen) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, curve in tasks(seen).items():
        metrics = {metric.replace("_", " "): curve.mean(metric) for metric in METRICS}
        metrics["minus log loss of a token"] = minus_log_loss(curve.mean("token_logprob"))
        for metric, values in metrics.items():
            rows.append(
                (
                    name,
                    metric,
                    round(float(values[0]), 3),
                    round(float(values[-1]), 3),
                    round(sharpness(curve.params, values), 2),
                    round(rise_factor(curve.params, values), 1),
                    round(share_left(curve.params, curve.mean("exact_match"), values), 2),
                )
            )
    return Table(
        title="How abruptly each task comes",
        columns=(
            *("task", "metric", "smallest", "largest", "sharpness"),
            *("factor of N from 10% to 90%", "left of the jump"),
        ),
        rows=tuple(rows),
        caption="Left of the jump: sharpness beyond 1, by that of exact match.",
    )


def _metrics_table(seen: Seen) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, curve in tasks(seen).items():
        for place, params in enumerate(curve.params):
            exact = curve.values["exact_match"][place]
            rows.append(
                (
                    name,
                    f"{params:,}",
                    " ".join(f"{one:.2f}" for one in exact),
                    round(float(curve.mean("token_accuracy")[place]), 3),
                    round(float(-curve.mean("token_logprob")[place]), 3),
                )
            )
    return Table(
        title="Every size",
        columns=("task", "N", "exact match of each model", "tokens right", "nats a token"),
        rows=tuple(rows),
        caption="Means over models, but for exact match.",
    )


def foretold_of(seen: Seen) -> dict[str, tuple[Foretold, ...]]:
    """What each law foretells of text and of the two tasks of the mixture."""
    params = seen.facts.params
    found: dict[str, tuple[Foretold, ...]] = {}
    found["loss on facts"] = (foretell_loss(params, seen.text_losses.mean(axis=1)),)
    for name, curve in (("facts, several an answer", seen.facts), ("sums", seen.sums)):
        exact = curve.mean("exact_match")
        tokens = -curve.mean("token_logprob")
        found[name] = (
            *foretell(params, exact),
            foretell_whole(params, tokens, exact, length=curve.length),
        )
    return found


def _foretold(seen: Seen) -> Section:
    params = seen.facts.params
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            law.form,
            f"{params[place]:,}",
            round(float(law.predicted[number]), 3),
            round(float(law.measured[number]), 3),
        )
        for name, laws in foretold_of(seen).items()
        for law in laws
        for number, place in enumerate(law.places)
    ]
    return Section(
        title="What smaller models foretell",
        text="From the fourth size on, each is predicted from those before it: the loss by a power "
        "law, exact match by a straight line and by a logistic in log size. The product of tokens "
        "foretells a whole answer from a power law of the loss of its tokens: right where tokens "
        "are about as hard as each other and their loss is smooth.",
        items=(
            Figure(
                name="foretold",
                title="Foretold and measured",
                caption="Dots are measured means; crosses are predictions from all smaller sizes.",
                draw=lambda: figures.foretold(seen, foretold_of(seen)),
            ),
            Table(
                title="Predictions",
                columns=("what", "law", "N", "foretold", "measured"),
                rows=tuple(rows),
                caption="Loss in nats a token, exact match as a share.",
            ),
        ),
    )


def _court(seen: Seen) -> Section:
    court = seen.court
    rows: list[tuple[Cell, ...]] = []
    for where, name in ((BIASED, "biased"), (FAIR, "fair")):
        for place, params in enumerate(court.params):
            means = [
                table[place, :, :, where].mean(axis=0)
                for table in (
                    court.false_positives,
                    court.hard_false_positives,
                    court.false_negatives,
                    court.calibration,
                )
            ]
            rows.append(
                (
                    name,
                    f"{params:,}",
                    round(float(court.loss[place].mean()), 3),
                    *(" / ".join(f"{one:.2f}" for one in mean) for mean in means),
                )
            )
        best = court.best_false_positives[:, where]
        said = " / ".join(f"{one:.2f}" for one in best)
        rows.append((name, "best reader", round(court.best_loss, 3), said, None, None, None))
    return Section(
        title="Records",
        text="A record tells a court, a group, four features and a label. Guilt depends on the "
        "features alone and is alike in both groups; in the biased court "
        f"{seen.config.bias:.0%} of the innocent of group 1 are written down as guilty. Models see "
        "what was written, never who is guilty. A false positive is the probability of guilty that "
        "is given to an innocent person.",
        items=(
            Figure(
                name="records",
                title="Ratio of false positives between the groups",
                caption="One dot a model; dashed, the best reader of what was written. Right: the "
                "loss of the label.",
                draw=lambda: people_figures.court(seen),
            ),
            Table(
                title="Errors by group",
                columns=(
                    *("court", "N", "nats a label", "false positives", "over a half"),
                    *("false negatives", "said minus written"),
                ),
                rows=tuple(rows),
                caption="Group 0 / group 1, means over models. Said minus written: mean "
                "probability of guilty less the share written down as guilty, 0 where a model is "
                "calibrated to what was written.",
            ),
        ),
    )


def _shop(seen: Seen) -> Section:
    shop = seen.shop

    def said(squares: np.ndarray) -> float:
        return round(float(np.mean(shop.rmse(squares))), 3)

    rows: list[tuple[Cell, ...]] = [
        (f"N = {params:,}", said(shop.squares[place]), round(float(shop.gain[place].mean()), 3))
        for place, params in enumerate(shop.params)
    ]
    item = said(shop.item_squares)
    for name, squares in (
        ("mean of all ratings", shop.global_squares),
        ("the item's mean", shop.item_squares),
        ("best linear guess", shop.best_squares),
    ):
        rows.append((name, said(squares), round(1 - said(squares) / item, 3)))
    return Section(
        title="Ratings",
        text="A row tells a user's ratings of items, and a model guesses each from those before: "
        "the mean of its probabilities of one to five stars. Nothing tells it what users are; the "
        "best linear guess knows the items' vectors and infers the user's.",
        items=(
            Figure(
                name="ratings",
                title="Error by how much of a user is known",
                caption="Root mean squared error, means over models, by ratings known before the "
                "guess; lines end where rows do.",
                draw=lambda: people_figures.shop(seen),
            ),
            Table(
                title=f"With {shop.told} or more known ratings",
                columns=("who guesses", "error in stars", "below the item's mean"),
                rows=tuple(rows),
                caption=f"Behind the first {shop.told} ratings of another user the largest size is "
                f"{float(shop.foreign_gain[-1].mean()):.2f} below the item's mean (negative: "
                "above).",
            ),
        ),
    )
