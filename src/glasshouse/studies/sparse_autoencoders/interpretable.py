"""Claims 1, 7 and 8: are a dictionary's features easier to explain, and was that learned?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glasshouse.interpret.activations import Activations
from glasshouse.interpret.dictionaries import Coder, Dictionary, fit_baseline
from glasshouse.interpret.dictionaries.metrics.ledger import Sparse
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.intervals import rank_correlation
from glasshouse.studies.sparse_autoencoders.claims import (
    INTERPRETABLE,
    MOMENTS,
    RANDOM_ORDER,
    TOPK_GAP,
)
from glasshouse.studies.sparse_autoencoders.evidence import over_units
from glasshouse.studies.sparse_autoencoders.learning import Plan, learn
from glasshouse.studies.sparse_autoencoders.reading import (
    Reader,
    resid,
    shuffled_twin,
    untrained_twin,
)
from glasshouse.studies.sparse_autoencoders.scoring import CoderScores, above, score_coder

SAE = "dictionary"
BASELINES = ("pca", "ica", "nmf", "random", "axes")
TOPK = ("pca top-k", "ica top-k")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LayerScores:
    """Everything that was scored at one layer of one network."""

    layer: int
    """Which block's output."""
    scores: dict[str, CoderScores]
    """By name of the coder."""

    @property
    def sae(self) -> CoderScores:
        """Of the dictionary."""
        return self.scores[SAE]

    @property
    def best(self) -> str:
        """The baseline with the highest mean."""
        return max(BASELINES, key=lambda name: _known(self.scores[name].mean))

    @property
    def best_alone(self) -> str:
        """The baseline with the highest mean on random passages."""
        return max(BASELINES, key=lambda name: _known(self.scores[name].mean_alone))

    @property
    def gain(self) -> float:
        """Claim 1: standard errors above the best baseline."""
        return above(self.sae.together, self.scores[self.best].together)

    @property
    def order_at_random(self) -> float:
        """Claim 8: the same on random passages, or the fall from all to random if that is less."""
        order = above(self.sae.alone, self.scores[self.best_alone].alone)
        return _least(order, above(self.sae.together, self.sae.alone))

    @property
    def over_topk(self) -> float:
        """Claim 8: standard errors above the better of the components made as sparse."""
        best = max(TOPK, key=lambda name: _known(self.scores[name].mean))
        return above(self.sae.together, self.scores[best].together)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Interpretable:
    """The scores of one unit."""

    layers: tuple[LayerScores, ...]
    """Of the trained network, first layer first."""
    shuffled: tuple[LayerScores, ...]
    """Of the same network with its weights shuffled; baselines at the first layer alone."""
    untrained: LayerScores | None
    """Of a network that has learned nothing, at the first layer; None where none can be made."""


def measure(reader: Reader, known: dict[str, Dictionary]) -> Interpretable:
    """Score dictionaries and baselines at every layer, of the trained network and of controls.

    Args:
        reader: Who is looked into.
        known: Dictionaries of the trained network by the name of their value.
    """
    shuffled = shuffled_twin(reader)
    layers = reader.layers
    untrained = untrained_twin(reader)
    return Interpretable(
        layers=_at(reader, layers, known),
        shuffled=_at(shuffled, layers, learn_main(shuffled, layers), rivals_to=1),
        untrained=None
        if untrained is None
        else _at(untrained, layers[:1], learn_main(untrained, layers[:1]))[0],
    )


def learn_main(reader: Reader, layers: Sequence[int], start: int = 0) -> dict[str, Dictionary]:
    """The dictionaries that are scored, one a layer, by the name of their value."""
    how = reader.config.learn
    names = [resid(layer) for layer in layers]
    rows = reader.rows(names)
    return {
        name: learn(
            rows[name],
            [
                Plan(
                    latents=how.ratio * rows[name].shape[1],
                    penalty=how.penalty,
                    start=seed_of(reader, name, start),
                )
            ],
            how.training(seed_of(reader, name, "batches")),
            batch_rows=how.batch_rows,
        )[0]
        for name in names
    }


def seed_of(reader: Reader, *names: str | int) -> int:
    """A seed for what takes none of our own generators."""
    return int(reader.rng(*names).integers(1 << 31))


def _at(
    reader: Reader,
    layers: Sequence[int],
    known: dict[str, Dictionary],
    *,
    rivals_to: int | None = None,
) -> tuple[LayerScores, ...]:
    """Scores at some layers; baselines at the first `rivals_to` of them, or at all."""
    names = [resid(layer) for layer in layers]
    rows, held = reader.rows(names), reader.measured(names)
    truth = reader.truth_of(held)
    found = []
    for place, (layer, name) in enumerate(zip(layers, names, strict=True)):
        coders: dict[str, Coder] = {SAE: known[name]}
        if rivals_to is None or place < rivals_to:
            fit = rows[name][: reader.config.score.fit_rows]
            coders |= _rivals(reader, known[name], fit, held, name)
        scores = {
            label: score(reader, layer, label, coder, held, name, truth)
            for label, coder in coders.items()
        }
        found.append(LayerScores(layer=layer, scores=scores))
    return tuple(found)


def score(
    reader: Reader,
    layer: int,
    label: str,
    coder: Coder,
    held: Activations,
    name: str,
    truth: Sparse | None,
) -> CoderScores:
    """Score one coder on held-out rows of a value."""
    return score_coder(
        coder,
        held,
        name,
        reader.config.score,
        words=reader.words,
        truth=truth,
        names=reader.names,
        rng=reader.rng("score", layer, label),
    )


def _rivals(
    reader: Reader, dictionary: Dictionary, fit, held: Activations, name: str
) -> dict[str, Coder]:
    """Baselines of as many directions as the dictionary; components also made as sparse."""
    count = dictionary.num_latents
    active = (dictionary.encode(held[name].float()) > 0).float().sum(dim=1).mean()
    k = min(max(1, round(float(active))), count)
    coders: dict[str, Coder] = {}
    for label in BASELINES:
        baseline = fit_baseline(label, fit, count, seed=seed_of(reader, name, label))
        coders[label] = baseline
        if f"{label} top-k" in TOPK:
            coders[f"{label} top-k"] = baseline.keeping(min(k, baseline.num_latents))
    return coders


def moments(layers: Sequence[LayerScores]) -> tuple[float, float]:
    """Claim 7: rank correlation of the score with skew and with kurtosis, over all layers."""
    score, skew, kurtosis = (
        np.concatenate([getattr(one.sae, part) for one in layers])
        for part in ("together", "skew", "kurtosis")
    )
    return rank_correlation(score, skew), rank_correlation(score, kurtosis)


def claims(found: Sequence[Interpretable], *, seed: int) -> list[ClaimResult]:
    """Judge claims 1, 7 and 8."""
    first = [one.layers[0] for one in found]
    twins = [one.shuffled[0] for one in found]
    control = "the same measured of the network with its weights shuffled"
    sae, best = (
        np.mean(values)
        for values in (
            [one.sae.mean for one in first],
            [one.scores[one.best].mean for one in first],
        )
    )
    correlations = np.mean([moments(one.layers) for one in found], axis=0)
    return [
        over_units(
            INTERPRETABLE,
            [one.gain for one in first],
            seed=seed,
            text=f"{sae:.2f} against {best:.2f} of the best baseline "
            f"({', '.join(sorted({one.best for one in first}))}), in standard errors",
            control=[one.gain for one in twins],
            control_text=control,
        ),
        over_units(
            MOMENTS,
            [min(moments(one.layers)) for one in found],
            seed=seed,
            text=f"{correlations[0]:.2f} with skew, {correlations[1]:.2f} with kurtosis; the "
            "smaller of each",
            control=[min(moments(one.shuffled)) for one in found],
            control_text=control,
        ),
        over_units(
            RANDOM_ORDER,
            [one.order_at_random for one in first],
            seed=seed,
            text=f"{np.mean([one.sae.mean_alone for one in first]):.2f} on random passages "
            f"against {sae:.2f} on all; the smaller of order and fall, in standard errors",
            control=[one.order_at_random for one in twins],
            control_text=control,
        ),
        over_units(
            TOPK_GAP,
            [one.over_topk for one in first],
            seed=seed,
            text=f"{sae:.2f} against "
            + " and ".join(
                f"{np.mean([one.scores[name].mean for one in first]):.2f} of {name}"
                for name in TOPK
            )
            + ", in standard errors",
            control=[one.over_topk for one in twins],
            control_text=control,
        ),
    ]


def _known(value: float) -> float:
    return -np.inf if np.isnan(value) else value


def _least(*values: float) -> float:
    """The smallest; NaN if one is."""
    return float(np.min(values))
