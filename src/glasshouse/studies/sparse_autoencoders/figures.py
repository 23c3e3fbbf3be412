"""The chapter on explanations and what it draws; all chapters in their order."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.sparse_autoencoders.cost_figures import dead_chapter, tradeoff_chapter
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
from glasshouse.studies.sparse_autoencoders.scoring import RULES
from glasshouse.studies.sparse_autoencoders.seen import Seen
from glasshouse.studies.study import Figure, Section, Table

_COLOURS = {SAE: "C0", "pca": "C1", "ica": "C2", "nmf": "C3", "random": "C4", "axes": "C5"}
_LABELS = {"pca": "PCA", "ica": "ICA", "nmf": "NMF", "pca top-k": "PCA top-k"} | {
    "ica top-k": "ICA top-k"
}


def chapters(seen: Seen) -> tuple[Section, ...]:
    """All chapters, in the paper's order; those that need a truth only where there is one."""
    given = (_score_chapter(seen), tradeoff_chapter(seen), dead_chapter(seen))
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
                "block. Left: the trained network; right: the same network with shuffled weights, "
                "whose baselines are scored at the first block only.",
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
            means = np.array(
                [[at.scores[name].mean for at in unit if name in at.scores] for unit in by_unit]
            )
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
        axis.set_xlim(-0.5, len(by_unit[0]) - 0.5)
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
