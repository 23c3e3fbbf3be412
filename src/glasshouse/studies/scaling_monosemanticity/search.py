"""Look for a planted harmful topic with the tools alone, and push what is found.

The search is given texts that somebody has flagged, and others; nobody says which tokens are meant.
What it names is then held against the truth.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from glasshouse.interpret.activations import harvest_all
from glasshouse.interpret.autointerp import explain_by_rule
from glasshouse.interpret.concepts import set_latents
from glasshouse.interpret.dictionaries import Dictionary
from glasshouse.interpret.features import collect_entries
from glasshouse.interpret.pushes import Push
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.scaling_monosemanticity.claims import SEARCH, UNSAFE_STEERS
from glasshouse.studies.scaling_monosemanticity.clamping import Clamped, chances, clamp, other_topic
from glasshouse.studies.scaling_monosemanticity.evidence import (
    control_of,
    over_units,
    ratio_over_units,
    untested,
)
from glasshouse.studies.scaling_monosemanticity.reading import Subject

_OTHERS = 64
"""Texts that nobody has flagged."""

_FORGOTTEN = 20
"""Other latents that are taken away beside the one that was found."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Search:
    """What was found, and what it does."""

    found: list[int]
    """The latent that each search names."""
    share: list[float]
    """Share of its activation, on other texts, in sentences of the planted topic."""
    by_chance: list[float]
    """The same where texts were flagged at random."""
    base_rate: float
    """Share of tokens in sentences of the planted topic."""
    latent: int
    """The one that most searches name."""
    rule: str
    """What foretells it best, of tokens and pairs of tokens; made without the truth."""
    clamped: Clamped | None
    """The latent, pushed; None: it is never active."""
    gains: Float[np.ndarray, " text"]
    """What words of the topic gain at the strongest multiple at which the text holds, by text."""
    gains_elsewhere: Float[np.ndarray, " text"]
    """What words of another topic gain by the same push, by text."""
    random_gains: Float[np.ndarray, " text"]
    """How far pushes along random directions move them, on average, by text."""
    said: float
    """Chance of a word of the topic where one comes, in texts of the topic."""
    said_without: float
    """The same with the latent set to 0."""
    said_without_others: list[float]
    """The same with another active latent set to 0 instead, one a latent."""


def measure(subject: Subject, dictionary: Dictionary) -> Search:
    """Search several times with texts of its own, then push what is found most."""
    push = subject.config.push
    codes = dictionary.encode(subject.close[subject.value]).cpu().numpy()
    is_unsafe = subject.close_topic == push.unsafe
    total = np.maximum(codes.sum(axis=0), 1e-12)
    inside = codes[is_unsafe].sum(axis=0) / total
    runs = [
        tuple(_search(subject, dictionary, turn, by_chance=flag) for flag in (False, True))
        for turn in range(push.searches)
    ]
    found, chance = ([pair[side] for pair in runs] for side in (0, 1))
    latent = Counter(found).most_common(1)[0][0]
    clamped = clamp(subject, dictionary, latent, push.unsafe)
    gains, elsewhere, random = _gains(subject, clamped)
    said, without, others = _forget(subject, dictionary, latent)
    return Search(
        found=found,
        share=[float(inside[one]) for one in found],
        by_chance=[float(inside[one]) for one in chance],
        base_rate=float(is_unsafe.mean()),
        latent=latent,
        rule=_rule(subject, dictionary, latent),
        clamped=clamped,
        gains=gains,
        gains_elsewhere=elsewhere,
        random_gains=random,
        said=said,
        said_without=without,
        said_without_others=others,
    )


def contrast(
    flagged: Float[np.ndarray, "flagged latent"], others: Float[np.ndarray, "other latent"]
) -> Int[np.ndarray, " latent"]:
    """Latents in the order in which they tell flagged texts from others, by mean activation.

    The difference of means is in units of the spread over all texts, so that loud latents are not
    preferred.
    """
    spread = np.concatenate([flagged, others]).std(axis=0)
    difference = flagged.mean(axis=0) - others.mean(axis=0)
    score = np.where(spread > 0, difference / np.maximum(spread, 1e-12), -np.inf)
    return np.argsort(-score, kind="stable")


def _search(subject: Subject, dictionary: Dictionary, turn: int, *, by_chance: bool) -> int:
    """Draw texts, flag some, and name the latent that tells them apart."""
    push, world = subject.config.push, subject.world
    rng = subject.rng("search", turn)
    texts = world.sample(40 * push.flagged + _OTHERS, rng)
    has = texts.drawn[:, push.unsafe]
    with_it, without = np.flatnonzero(has)[: push.flagged], np.flatnonzero(~has)
    if by_chance:
        with_it, without = without[: push.flagged], without[push.flagged :]
    chosen = np.concatenate([with_it, without[:_OTHERS]])
    rows = harvest_all(subject.grown.model, texts.ids[chosen].tolist(), subject.value, skip=1)
    codes = dictionary.encode(rows[subject.value])
    by_text = codes.reshape(len(chosen), -1, codes.shape[1]).mean(dim=1).cpu().numpy()
    return int(contrast(by_text[: len(with_it)], by_text[len(with_it) :])[0])


def _rule(subject: Subject, dictionary: Dictionary, latent: int) -> str:
    entries = collect_entries(dictionary, subject.close[subject.value], latents=[latent])
    words = [subject.word(token) for token in range(subject.world.vocab_size)]
    return explain_by_rule(entries, subject.close, latent, words=words).text


def _gains(
    subject: Subject, clamped: Clamped | None
) -> tuple[Float[np.ndarray, " text"], Float[np.ndarray, " text"], Float[np.ndarray, " text"]]:
    """Effects by text, at the strongest multiple at which the text holds: on words of the topic, on
    words of another, and of random directions on words of the topic."""
    if clamped is None or clamped.response.strongest is None:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    ids, strength = clamped.prompts, clamped.response.strongest.strength

    def change(topic: int, push: Push) -> Float[np.ndarray, " text"]:
        watched = torch.tensor(subject.topic_words(topic))
        pushed = chances(subject, ids, watched, {subject.value: push(strength)})
        return (pushed - chances(subject, ids, watched, {})).numpy()

    own, push = clamped.topic, clamped.direction.push
    moved = [np.abs(change(own, one)) for one in clamped.direction.random]
    return change(own, push), change(other_topic(subject, own), push), np.mean(moved, axis=0)


def _forget(
    subject: Subject, dictionary: Dictionary, latent: int
) -> tuple[float, float, list[float]]:
    """Chance of the topic's words where they come, without the latent, and without others."""
    topic = subject.config.push.unsafe
    watched = torch.tensor(subject.topic_words(topic))
    held = subject.texts
    which = held.drawn[:, topic]
    ids, its = held.ids[which], held.topic[which]
    comes = np.isin(ids[:, 1:], watched.numpy()) & (its[:, 1:] == topic)
    codes = dictionary.encode(subject.close[subject.value])
    active = (codes > 0).float().mean(dim=0).cpu().numpy()
    # Others of a like density: taking away what hardly speaks would do nothing.
    near = np.argsort(np.abs(active - active[latent]), kind="stable")
    others = [int(one) for one in near if one != latent and active[one] > 0][:_FORGOTTEN]

    def said(gone: int | None) -> float:
        fed = {} if gone is None else {subject.value: set_latents(dictionary, {gone: 0.0})}
        model = subject.grown.model
        where = model.network.embed.weight.device
        with torch.no_grad():
            logits = model.graph().run(
                torch.from_numpy(ids[:, :-1]).to(where), fetch="logits", feed=fed
            )["logits"]
        mass = logits.float().softmax(dim=-1).cpu()[..., watched].sum(dim=-1).numpy()
        return float(mass[comes].mean())

    return said(None), said(latent), [said(one) for one in others]


def claims(seen: Search, seed: int) -> list[ClaimResult]:
    """Judge the search, and the push."""
    found = over_units(
        SEARCH,
        seen.share,
        seed=seed,
        text=f"{np.mean(seen.share):.2f} of its activation on average over {len(seen.share)} "
        f"searches, which name {len(set(seen.found))} latents; {seen.base_rate:.3f} of all tokens "
        "are of the topic",
        control=control_of(SEARCH, seen.by_chance, seed=seed, text="texts flagged at random"),
    )
    if seen.clamped is None or len(seen.gains) < 2:
        return [found, untested(UNSAFE_STEERS, "no multiple leaves the text whole")]
    best = seen.clamped.response.strongest
    assert best is not None
    least = float(seen.random_gains.mean()) or float("nan")
    steers = ratio_over_units(
        UNSAFE_STEERS,
        seen.gains.tolist(),
        seen.random_gains.tolist(),
        seed=seed,
        text=f"at {best.strength:g} times the maximum its words gain {seen.gains.mean():.3f} of "
        f"probability, random directions move them by {seen.random_gains.mean():.3f}",
        control=control_of(
            UNSAFE_STEERS,
            (seen.gains_elsewhere / least).tolist(),
            seed=seed,
            text="words of another topic under the same push",
        ),
    )
    return [found, steers]
