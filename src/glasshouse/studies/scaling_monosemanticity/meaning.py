"""What latents stand for: topics by degrees, not neurons, and in words of a rule (claims 5, 9)."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from glasshouse.interpret.autointerp import draw_passages, explain_by_rule, simulation_score
from glasshouse.interpret.dictionaries import Coder, Dictionary, LinearCoder, fit_baseline
from glasshouse.interpret.dictionaries.metrics import score_against_ledger, sparse_codes
from glasshouse.interpret.features import LatentEntries, collect_entries, neuron_correlation
from glasshouse.studies.claims import ClaimResult, Evidence, judge_control
from glasshouse.studies.intervals import rank_correlation
from glasshouse.studies.scaling_monosemanticity.claims import (
    INTERPRETABLE,
    NOT_NEURONS,
    SPECIFICITY_RISES,
    TOP_RIGHT,
)
from glasshouse.studies.scaling_monosemanticity.evidence import (
    control_of,
    over_units,
    percentiles,
    untested,
)
from glasshouse.studies.scaling_monosemanticity.grow import NAME, number
from glasshouse.studies.scaling_monosemanticity.reading import Subject
from glasshouse.world.streams import stream

TENTHS = 10
"""Equal parts of a latent's active tokens, by activation."""

ALIKE = 0.3
"""Correlation up to which a latent is not a neuron; the paper's."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Bearers:
    """For each topic, the latent that fits it best, found on texts with even numbers."""

    latents: Int[np.ndarray, " topic"]
    """That latent."""
    f1: Float[np.ndarray, " topic"]
    """How well it fits on texts with odd numbers."""
    tenths: Float[np.ndarray, "topic tenth"]
    """Share of tokens of the topic, by tenth of activation, on texts with odd numbers; NaN where
    the latent is active on too few."""
    dealt: Float[np.ndarray, "topic tenth"]
    """The same with activations dealt anew to the active tokens."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Explained:
    """How well the best mechanical rules foretell some directions."""

    scores: Float[np.ndarray, " direction"]
    """Correlation with activations on passages that no rule was made from."""
    rules: tuple[tuple[int, str, float], ...]
    """Number, rule and score of the directions, best first."""
    tried: int
    """Directions that were looked at; those active in too few texts have no score."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Meaning:
    """What single latents of one dictionary stand for."""

    bearers: Bearers
    """Of topics, among latents."""
    random_bearers: Bearers
    """The same among as many random directions."""
    likeness: Float[np.ndarray, " latent"]
    """Largest correlation in size of each living latent with a neuron."""
    likeness_of_latents: Float[np.ndarray, " latent"]
    """The same with a latent of another dictionary."""
    explained: dict[str, Explained]
    """Of latents, neurons, random directions and the value's own axes."""


def measure(subject: Subject, dictionary: Dictionary, other: Dictionary) -> Meaning:
    """Read one dictionary.

    Args:
        subject: The model with its values.
        dictionary: Whose latents are read.
        other: Another one, in which its latents should be found again.
    """
    rows, neurons = subject.close[subject.value], subject.close_neurons
    codes = dictionary.encode(rows)
    alive = (codes > 0).any(dim=0)
    count = dictionary.num_latents
    random = fit_baseline(
        "random", subject.learn, count, seed=number(subject.seed, "random directions")
    )
    axes = torch.eye(neurons.shape[1], device=neurons.device)
    units = LinearCoder(
        name="neurons", readers=axes, writers=axes, mean=neurons.new_zeros(neurons.shape[1])
    )
    return Meaning(
        bearers=bearers(subject, dictionary),
        random_bearers=bearers(subject, random),
        likeness=neuron_correlation(codes[:, alive], neurons).cpu().numpy(),
        likeness_of_latents=neuron_correlation(codes[:, alive], other.encode(rows)).cpu().numpy(),
        explained={
            name: explain(subject, collect_entries(coder, values), name)
            for name, coder, values in (
                ("latents", dictionary, rows),
                ("neurons", units, neurons),
                ("random directions", random, rows),
                ("axes", fit_baseline("axes", subject.learn, count), rows),
            )
        },
    )


def bearers(subject: Subject, coder: Coder) -> Bearers:
    """Find each topic's latent on half of the texts, and read it on the other half."""
    rows, document = subject.close[subject.value], subject.close.document
    truth = subject.close_truth()[:, : subject.config.topics]
    names = [f"topic={topic}" for topic in range(subject.config.topics)]
    ledger = score_against_ledger(sparse_codes(coder, rows), truth, names, document, min_count=2)
    entries = collect_entries(coder, rows)
    odd = (document % 2 == 1).cpu().numpy()
    latents = np.full(len(names), -1)
    f1 = np.zeros(len(names))
    parts, dealt = (np.full((len(names), TENTHS), np.nan) for _ in range(2))
    rng = subject.rng("dealt activations")
    for place, name in enumerate(ledger.names):
        topic = names.index(name)
        latents[topic], f1[topic] = ledger.f1_latent[place], ledger.f1[place]
        has = subject.close_topic == topic
        parts[topic] = tenths(entries, int(latents[topic]), has, odd)
        dealt[topic] = tenths(entries, int(latents[topic]), has, odd, rng)
    return Bearers(latents=latents, f1=f1, tenths=parts, dealt=dealt)


def tenths(
    entries: LatentEntries,
    latent: int,
    has: Bool[np.ndarray, " token"],
    among: Bool[np.ndarray, " token"],
    rng: np.random.Generator | None = None,
) -> Float[np.ndarray, " tenth"]:
    """Share of tokens that have a feature, by tenth of a latent's active tokens, weakest first.

    NaN for a latent that is active on fewer tokens than there are tenths.

    Args:
        entries: Where latents are active.
        latent: Which.
        has: Whether each token has the feature.
        among: Tokens that count.
        rng: Deals activations anew to the active tokens; None: they stay.
    """
    tokens, activations = entries.of(latent)
    kept = among[tokens]
    strength = activations[kept] if rng is None else rng.permutation(activations[kept])
    order = np.argsort(strength, kind="stable")
    if len(order) < TENTHS:
        return np.full(TENTHS, np.nan)
    right = has[tokens[kept]][order]
    return np.array([part.mean() for part in np.array_split(right, TENTHS)])


def explain(subject: Subject, entries: LatentEntries, name: str) -> Explained:
    """Explain some directions by rules, and score the rules on other texts."""
    words = [subject.word(token) for token in range(subject.world.vocab_size)]
    truth, features = subject.close_expectations()
    found = []
    tried = 0
    for latent in subject.rng("explained", name).permutation(entries.latents).tolist():
        if len(found) == subject.config.explained:
            break
        tried += 1
        passages = draw_passages(entries, subject.close, latent, seed=number(subject.seed, name))
        if passages is None:
            continue
        rule = explain_by_rule(
            entries, subject.close, latent, words=words, truth=truth, names=features
        )
        score, _ = simulation_score(rule, passages.scored)
        if np.isfinite(score):
            found.append((latent, rule.text, score))
    found.sort(key=lambda one: -one[2])
    return Explained(
        scores=np.array([score for _, _, score in found]), rules=tuple(found), tried=tried
    )


def claims(seen: Meaning, seed: int) -> list[ClaimResult]:
    """Judge specificity, neurons and rules."""
    top, other = (
        one.tenths[np.isfinite(one.tenths[:, -1]), -1].tolist()
        for one in (seen.bearers, seen.random_bearers)
    )
    rising, flat, weak = (
        _rising(rows)
        for rows in (seen.bearers.tenths, seen.bearers.dealt, seen.random_bearers.tenths)
    )
    neurons = (seen.likeness <= ALIKE).astype(float).tolist()
    again = (seen.likeness_of_latents <= ALIKE).astype(float).tolist()
    return [
        over_units(
            TOP_RIGHT,
            top,
            seed=seed,
            text=f"{np.mean(top):.2f} of the top tenth, over {len(top)} topics",
            control=control_of(
                TOP_RIGHT, other, seed=seed, text="best of as many random directions"
            ),
        ),
        over_units(
            SPECIFICITY_RISES,
            rising,
            seed=seed,
            text=f"rank correlation {np.mean(rising):.2f} over {len(rising)} topics; of the best "
            f"random directions {np.mean(weak):.2f}, which rise less steeply",
            control=control_of(
                SPECIFICITY_RISES,
                flat,
                seed=seed,
                text="activations dealt anew to the active tokens",
            ),
        ),
        over_units(
            NOT_NEURONS,
            neurons,
            seed=seed,
            text=f"{np.mean(neurons):.0%} of {len(neurons)} living latents; the median latent's "
            f"closest neuron correlates by {np.median(seen.likeness):.2f}",
            control=control_of(
                NOT_NEURONS,
                again,
                seed=seed,
                text="held against latents of a smaller dictionary instead of neurons",
            ),
        ),
        _interpretable(seen, seed),
    ]


def _interpretable(seen: Meaning, seed: int) -> ClaimResult:
    scores = {name: one.scores for name, one in seen.explained.items()}
    if min(map(len, scores.values())) < 2:
        return untested(INTERPRETABLE, "fewer than two directions could be explained")

    def lead(means: dict[str, np.ndarray], name: str) -> np.ndarray:
        rival = np.maximum(means["neurons"], means["random directions"])
        return np.asarray(means[name] - rival)

    rng = stream(seed, NAME, INTERPRETABLE.id)
    drawn = {
        name: one[rng.integers(len(one), size=(2_000, len(one)))].mean(axis=1)
        for name, one in scores.items()
    }
    means = {name: np.asarray(one.mean()) for name, one in scores.items()}
    axes = float(lead(means, "axes"))
    said = ", ".join(f"{name} {mean:.2f}" for name, mean in means.items())
    evidence = Evidence(
        measured=float(lead(means, "latents")),
        interval=percentiles(lead(drawn, "latents")),
        text=f"on average: {said}",
        control=judge_control(
            INTERPRETABLE, axes, text=f"the value's own axes in the latents' place: {axes:.2f}"
        ),
    )
    return ClaimResult(claim=INTERPRETABLE, evidence=evidence)


def _rising(rows: Float[np.ndarray, "topic tenth"]) -> list[float]:
    order = np.arange(TENTHS)
    return [rank_correlation(order, row) for row in rows if np.isfinite(row).all()]
