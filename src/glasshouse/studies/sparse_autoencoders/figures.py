"""Chapters on explanations, penalties and dead latents, and what they draw."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.sparse_autoencoders.interpretable import (
    BASELINES,
    SAE,
    TOPK,
    LayerScores,
    moments,
)
from glasshouse.studies.sparse_autoencoders.more_figures import (
    follower_chapter,
    patching_chapter,
    toy_chapter,
)
from glasshouse.studies.sparse_autoencoders.overcomplete import AT, DEADLY
from glasshouse.studies.sparse_autoencoders.scoring import RULES
from glasshouse.studies.sparse_autoencoders.seen import Seen
from glasshouse.studies.study import Figure, Section, Table

_COLOURS = {SAE: "C0", "pca": "C1", "ica": "C2", "nmf": "C3", "random": "C4", "axes": "C5"}
_LABELS = {"pca": "PCA", "ica": "ICA", "nmf": "NMF", "pca top-k": "PCA top-k"} | {
    "ica top-k": "ICA top-k"
}


def chapters(seen: Seen) -> tuple[Section, ...]:
    """All chapters, in the paper's order; those that need a truth only where there is one."""
    given = (_score_chapter(seen), _tradeoff_chapter(seen), _dead_chapter(seen))
    if seen.config.model:
        return given
    return (*given, toy_chapter(seen), patching_chapter(seen), follower_chapter(seen))


def _subject(seen: Seen) -> str:
    config = seen.config
    if config.model:
        return (
            f"The model is {config.model}, reading {config.text}; the text is cut into "
            f"{config.grow.models} parts, and intervals are over these. No truth is known, so that "
            "rules speak of tokens only."
        )
    grow = config.grow
    return (
        f"{grow.models} models of {grow.layers} layers and width {grow.d_model} were grown on "
        f"{grow.steps:,} batches of {grow.batch} texts about {config.topics} topics. Of every "
        "token the topic of its sentence and of its text and its place in the frame are known; "
        "models and dictionaries never see that, and rules may name it."
    )


def _score_chapter(seen: Seen) -> Section:
    learn = seen.config.learn
    d = seen.tradeoff[0].d
    return Section(
        title="Which directions can be explained",
        text=f"{_subject(seen)}\n\n"
        "An explanation is a rule found by counting: up to five tokens, up to five tokens before, "
        "up to five pairs, or one feature of what the world knows. It is found on every other "
        "text; on the rest, the score is the correlation of what it foretells (the mean activation "
        "where it holds, else 0) with what was, over five strong and five random passages. This "
        "is not the paper's automatic interpretation by language models: it asks less of words, "
        "and it can name nothing that is not on its list.\n\n"
        f"Dictionaries are tied, with {learn.ratio} latents a dimension and a penalty of "
        f"{learn.penalty:g} on values scaled to a mean squared length of their width, errors "
        "summed over dimensions. In the form of the authors' code, which averages over dimensions, "
        f"that is {learn.penalty / d:.2g}; theirs is 8.6e-4 at width 512, or 0.44 summed. PCA, ICA "
        "and axes come both ways round, so that all have as many directions. Controls are the same "
        "networks with the numbers of every weight in another order, and new ones.",
        items=(
            *_growing(seen),
            Figure(
                name="scores",
                title="Scores by layer",
                caption="Mean score of explained latents, one dot a model, by output of which "
                "block. Left: the trained network; right: the same network with shuffled weights.",
                draw=lambda: _scores(seen),
            ),
            Figure(
                name="random-passages",
                title="Strong and random passages against random ones alone",
                caption="First layer, mean over models; bars of one standard error. Filled: strong "
                "and random passages; open: random ones alone.",
                draw=lambda: _random_passages(seen),
            ),
            Figure(
                name="moments",
                title="Score and the shape of activations",
                caption="One dot an explained latent of the dictionaries of all layers and models. "
                f"Rank correlations of each model: {_moments_said(seen)}.",
                draw=lambda: _moments(seen),
            ),
            _score_table(seen),
        ),
    )


def _growing(seen: Seen) -> tuple[Figure, ...]:
    if seen.config.model:
        return ()
    return (
        Figure(
            name="growing",
            title="Growing the models",
            caption="Loss of each training step, one line a model: on texts about topics and on "
            "sentences about giving.",
            draw=lambda: _losses(seen),
        ),
    )


def _losses(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.4), layout="constrained")
    given = [one.model.losses for one in seen.patching]
    for axis, runs, title in zip(
        axes, (seen.losses, given), ("about topics", "about giving"), strict=True
    ):
        for number, losses in enumerate(runs):
            axis.plot(np.arange(1, len(losses) + 1), losses, color=f"C{number % 7}", linewidth=1)
        axis.set(xlabel="step", title=title)
    axes[0].set_ylabel("loss (nats a token)")
    return figure


def _scores(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.2), sharey=True, layout="constrained")
    names = (SAE, *BASELINES)
    for axis, kind in zip(axes, ("layers", "shuffled"), strict=True):
        by_unit = [getattr(one, kind) for one in seen.interpretable]
        for place, name in enumerate(names):
            means = np.array([[at.scores[name].mean for at in unit] for unit in by_unit])
            x = np.arange(means.shape[1]) + (place - 2.5) * 0.13
            axis.bar(
                x,
                means.mean(axis=0),
                width=0.12,
                color=_COLOURS[name],
                alpha=0.45,
                label=_LABELS.get(name, name),
            )
            for row in means:
                axis.plot(x, row, "o", color=_COLOURS[name], markersize=3)
        axis.set_xticks(
            range(len(by_unit[0])), [f"block {at.layer}" for at in by_unit[0]], fontsize=8
        )
        axis.set_title("trained" if kind == "layers" else "weights shuffled")
    axes[0].set_ylabel("score of explanations")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=8
    )
    return figure


def _random_passages(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(7, 2.9), layout="constrained")
    names = (SAE, *BASELINES, *TOPK)
    first = [one.layers[0] for one in seen.interpretable]
    for place, name in enumerate(names):
        for shift, part, style in ((-0.12, "together", "full"), (0.12, "alone", "none")):
            sides = [getattr(one.scores[name], part) for one in first]
            known = [side[~np.isnan(side)] for side in sides]
            means = [side.mean() for side in known if len(side)]
            errors = [side.std() / np.sqrt(len(side)) for side in known if len(side)]
            axis.errorbar(
                place + shift,
                np.mean(means),
                np.mean(errors),
                marker="o",
                color="C0" if name == SAE else "C1",
                fillstyle=style,
            )
    axis.set_xticks(range(len(names)), [_LABELS.get(name, name) for name in names], fontsize=8)
    axis.set_ylabel("score")
    return figure


def _moments(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.7), sharey=True, layout="constrained")
    for number, one in enumerate(seen.interpretable):
        for axis, part in zip(axes, ("skew", "kurtosis"), strict=True):
            for at in one.layers:
                axis.plot(
                    getattr(at.sae, part),
                    at.sae.together,
                    "o",
                    markersize=2.5,
                    color=f"C{number % 7}",
                    alpha=0.6,
                )
            axis.set(xlabel=f"{part} of activations", xscale="symlog")
    axes[0].set_ylabel("score")
    return figure


def _moments_said(seen: Seen) -> str:
    pairs = [moments(one.layers) for one in seen.interpretable]
    return "; ".join(
        f"{skew:.2f} with skew and {kurtosis:.2f} with kurtosis" for skew, kurtosis in pairs
    )


def _score_table(seen: Seen) -> Table:
    rows = []
    for one in seen.interpretable[:1]:
        for at in one.layers:
            rows += _score_rows(at, "trained")
        rows += _score_rows(one.shuffled[0], "shuffled")
        rows += [] if one.untrained is None else _score_rows(one.untrained, "untrained")
    return Table(
        title="All coders of the first model",
        columns=(
            *("network", "block", "coder", "score", "random only", "L0", "FVU", "dead"),
            *("latents", "rules of " + ", ".join(RULES), "best rule"),
        ),
        rows=tuple(rows),
        caption="Mean scores over the latents that were explained, drawn at random among those "
        "active often enough. Of NMF and random directions one number scales all codes.",
    )


def _score_rows(at: LayerScores, network: str) -> list[tuple[str | int | float, ...]]:
    return [
        (
            network,
            at.layer,
            _LABELS.get(name, name),
            round(one.mean, 2),
            round(one.mean_alone, 2),
            round(one.quality.l0, 1),
            round(one.quality.fvu, 2),
            f"{one.quality.dead:.0%}",
            len(one.together),
            ", ".join(map(str, one.rules)),
            one.example,
        )
        for name, one in at.scores.items()
    ]


def _tradeoff_chapter(seen: Seen) -> Section:
    first = seen.tradeoff[0]
    alike = ", ".join(f"{one.across_starts:.2f}" for one in seen.tradeoff)
    chance = np.mean([one.across_random for one in seen.tradeoff])
    return Section(
        title="What sparsity costs",
        text=f"Dictionaries of the output of block {first.layer} with penalties from "
        f"{first.penalties[0]:g} to {first.penalties[-1]:g} (summed form), all from one start. "
        "Each is spliced in: the model goes on with the reconstruction. What the value is worth "
        "is the rise of the loss when its mean stands in its place.\n\n"
        "Two dictionaries of the scored penalty from two starts: the mean largest cosine between "
        f"their directions is {alike} (one number a model; {chance:.2f} with random directions).",
        items=(
            Figure(
                name="tradeoff",
                title="Unexplained variance against active latents",
                caption="One line a model, one dot a penalty; the dotted line is a quarter of the "
                "width. Right: perplexity with the reconstruction in the value's place, and "
                "clean (dashed).",
                draw=lambda: _tradeoff(seen),
            ),
            _tradeoff_table(seen),
        ),
    )


def _tradeoff(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    for number, one in enumerate(seen.tradeoff):
        colour, l0 = f"C{number % 7}", [what.l0 for what in one.qualities]
        axes[0].plot(l0, [what.fvu for what in one.qualities], "o-", color=colour, markersize=4)
        spliced = [np.exp(what.spliced) for what in one.splices]
        axes[1].plot(l0, spliced, "o-", color=colour, markersize=4)
        axes[1].axhline(np.exp(one.splices[0].clean), color=colour, linestyle="--", linewidth=1)
        for axis in axes:
            axis.axvline(one.d / 4, color="grey", linestyle=":", linewidth=1)
    axes[0].set(xlabel="active latents of a token (L0)", ylabel="unexplained variance (FVU)")
    axes[1].set(xlabel="active latents of a token (L0)", ylabel="perplexity", yscale="log")
    return figure


def _tradeoff_table(seen: Seen) -> Table:
    rows = [
        (
            number,
            penalty,
            round(what.l0, 1),
            round(what.fvu, 3),
            f"{what.dead:.0%}",
            round(float(np.exp(splice.clean)), 2),
            round(float(np.exp(splice.spliced)), 2),
            round(splice.recovered, 3),
            round(said.mean, 2),
            len(said.together),
            "chosen" if one.chosen == place else "",
        )
        for number, one in enumerate(seen.tradeoff)
        for place, (penalty, what, splice, said) in enumerate(
            zip(one.penalties, one.qualities, one.splices, one.scores, strict=True)
        )
    ]
    rivals = [
        (
            *(number, f"{_LABELS.get(name, name)} top-k", None, None, None, None),
            *(round(float(np.exp(splice.spliced)), 2), round(splice.recovered, 3), None, None, ""),
        )
        for number, one in enumerate(seen.tradeoff)
        for name, splice in one.rivals.items()
    ]
    return Table(
        title="Every dictionary of the sweep",
        columns=(
            *("model", "penalty", "L0", "FVU", "dead", "perplexity", "spliced", "kept"),
            *("score", "latents", ""),
        ),
        rows=(*rows, *rivals),
        caption="Kept: the share of what the value is worth in loss. Score: of explanations, over "
        "latents active often enough; where a penalty leaves only the most frequent features, "
        "these are the easiest to explain. The chosen dictionary is the least sparse under a "
        "quarter of the width; PCA and random directions keep as many active.",
    )


def _dead_chapter(seen: Seen) -> Section:
    learn, first = seen.config.learn, seen.overcomplete[0]
    return Section(
        title="How far a dictionary can grow",
        text=f"Dictionaries of block {first.layer}, {learn.mlp_steps:,} steps each: tied ones of "
        "its output, untied ones with unit directions of its MLP's neurons, with a penalty of "
        f"{learn.size_penalty:g}. A latent is dead if "
        f"none of {first.residual[AT].tokens:,} held-out tokens makes it active.",
        items=(
            Figure(
                name="dead",
                title="Dead latents by size",
                caption="Share of latents that are dead, one line a model; crosses: without a "
                "penalty; dotted: a tenth.",
                draw=lambda: _dead(seen),
            ),
            Table(
                title="Sizes",
                columns=("model", "value", "latents a dimension", "penalty", "L0", "FVU", "dead"),
                rows=tuple(
                    row for n, _ in enumerate(seen.overcomplete) for row in _dead_rows(seen, n)
                ),
            ),
        ),
    )


def _dead(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(5.6, 2.8), layout="constrained")
    for number, one in enumerate(seen.overcomplete):
        for colour, label, sizes, free in (
            ("C0", "residual stream", one.residual, one.residual_free),
            ("C1", "neurons of the MLP", one.mlp, one.mlp_free),
        ):
            axis.plot(
                list(sizes),
                [what.dead for what in sizes.values()],
                "o-",
                color=colour,
                markersize=4,
                label="" if number else label,
            )
            axis.plot(AT, free.dead, "x", color=colour)
    axis.axhline(0.1, color="grey", linestyle=":", linewidth=1)
    axis.set(xlabel="latents a dimension", ylabel="share dead", xscale="log")
    ticks = sorted({*seen.config.learn.ratios, *seen.config.learn.mlp_ratios})
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.legend()
    return figure


def _dead_rows(seen: Seen, number: int) -> Sequence[tuple[str | int | float, ...]]:
    one, penalty = seen.overcomplete[number], seen.config.learn.size_penalty
    rows = [("residual", ratio, penalty, what) for ratio, what in one.residual.items()]
    rows += [
        ("residual", AT, 0.0, one.residual_free),
        ("residual, second start", AT, penalty, one.residual_again),
        ("residual", AT, DEADLY * penalty, one.residual_deadly),
    ]
    rows += [("neurons", ratio, penalty, what) for ratio, what in one.mlp.items()]
    rows += [("neurons", AT, 0.0, one.mlp_free)]
    return [
        (number, value, ratio, price, round(what.l0, 1), round(what.fvu, 3), f"{what.dead:.0%}")
        for value, ratio, price, what in rows
    ]
