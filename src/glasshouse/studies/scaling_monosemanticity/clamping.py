"""Set a topic's latent to multiples of its maximum, and see what is written (claim 6)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.interpret.concepts import Dose, DoseResponse, dose_response, fluency
from glasshouse.interpret.dictionaries import Dictionary
from glasshouse.interpret.pushes import Direction, Push, latent_direction
from glasshouse.models import SamplingConfig
from glasshouse.models.steering import Steering
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.scaling_monosemanticity.claims import CLAMPS, DOSE
from glasshouse.studies.scaling_monosemanticity.evidence import (
    control_of,
    over_units,
    ratio_over_units,
    untested,
)
from glasshouse.studies.scaling_monosemanticity.grow import number
from glasshouse.studies.scaling_monosemanticity.reading import Subject

PLACE = 20
"""Tokens of a prompt: behind it, a word of a topic is to come."""

WRITTEN = 12
"""Tokens that are written to see whether a text holds."""

JUDGED = 16
"""Texts that are written."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Clamped:
    """One latent, pushed."""

    topic: int
    """What it stands for."""
    latent: int
    """Which."""
    maximum: float
    """Its largest activation."""
    response: DoseResponse
    """Probability that the next word is of the topic, by multiple of the maximum."""
    written: tuple[str, ...]
    """What the model writes behind one prompt, by multiple."""
    elsewhere: float
    """What words of another topic gain by the same push."""
    direction: Direction
    """Where the push goes, and where those go that mean nothing."""
    prompts: Int[np.ndarray, "text place"]
    """Texts on which effects were measured."""

    @property
    def gain(self) -> float:
        """What words of the topic gain at the strongest multiple at which the text holds."""
        best = self.response.strongest
        return best.effect - self.response.doses[0].effect if best else 0.0

    @property
    def random_gain(self) -> float:
        """By how much pushes along random directions move them there, on average; 0: it broke."""
        best, base = self.response.strongest, self.response.doses[0].effect
        return float(np.mean(np.abs(np.array(best.random) - base))) if best else 0.0

    def steps(self) -> list[float]:
        """1 for each step from a multiple to the next at which words gain, while the text holds."""
        return _steps([dose.effect for dose in self.whole()])

    def random_steps(self) -> list[float]:
        """The same along random directions."""
        base = self.response.doses[0].effect
        rows = [dose.random for dose in self.whole() if dose.random]
        return [x for one in zip(*rows, strict=True) for x in _steps([base, *one])]

    def whole(self) -> list[Dose]:
        """Doses at which the text holds, up to the first at which it does not."""
        doses = list(self.response.doses)
        broken = [place for place, dose in enumerate(doses) if dose.is_broken]
        return doses[: broken[0]] if broken else doses


def clamp(subject: Subject, dictionary: Dictionary, latent: int, topic: int) -> Clamped | None:
    """Push one latent in texts that have nothing of its topic.

    Args:
        subject: The model.
        dictionary: In which the latent is.
        latent: Which.
        topic: What it stands for.

    Returns:
        None for a latent that is never active.
    """
    push = subject.config.push
    maximum = float(dictionary.encode(subject.close[subject.value])[:, latent].max())
    if not maximum > 0:
        return None
    ids = neutral_prompts(subject, topic)
    direction = latent_direction(
        dictionary,
        latent,
        maximum,
        num_random=push.random,
        seed=number(subject.seed, "clamped", topic),
    )
    watched = torch.as_tensor(subject.topic_words(topic))
    begun = ids[:JUDGED].tolist()
    model = subject.grown.model

    def fed(one: Push) -> Callable[[float], Steering]:
        return lambda strength: {subject.value: one(strength)}

    response = dose_response(
        push.multiples,
        fed(direction.push),
        lambda steering: chances(subject, ids, watched, steering),
        fluency=fluency(model, begun, tokens=WRITTEN, seed=0),
        random=[fed(one) for one in direction.random],
    )
    sampling = SamplingConfig(max_new_tokens=WRITTEN)
    written = [
        model.generate(
            begun[:1], sampling, seed=0, feed=fed(direction.push)(strength) if strength else None
        )[0].ids
        for strength in push.multiples
    ]
    return Clamped(
        topic=topic,
        latent=latent,
        maximum=maximum,
        response=response,
        elsewhere=_elsewhere(subject, ids, topic, direction, response),
        written=tuple(" ".join(subject.word(token) for token in one) for one in written),
        direction=direction,
        prompts=ids,
    )


def neutral_prompts(subject: Subject, topic: int) -> Int[np.ndarray, "text place"]:
    """Beginnings of held-out texts without a topic, behind which a word of another is to come."""
    texts, world = subject.texts, subject.world
    first = world.vocabulary.index("noun0-0")
    fit = ~texts.drawn[:, topic] & (texts.ids[:, PLACE] >= first)
    return texts.ids[fit][: subject.config.push.prompts, :PLACE]


def measure(
    subject: Subject, dictionary: Dictionary, latents: Int[np.ndarray, " topic"]
) -> list[Clamped]:
    """Push the latent of every topic that has one."""
    found = [
        clamp(subject, dictionary, latent, topic)
        for topic, latent in enumerate(latents.tolist())
        if latent >= 0
    ]
    return [one for one in found if one is not None]


def claims(seen: list[Clamped], seed: int) -> list[ClaimResult]:
    """Judge size and order of the effects."""
    if len(seen) < 2:
        return [untested(claim, "fewer than two topics have a latent") for claim in (CLAMPS, DOSE)]
    gains, random = [one.gain for one in seen], [one.random_gain for one in seen]
    limits = [best.strength for one in seen if (best := one.response.strongest)]
    at = ", ".join(f"{limits.count(limit)} at {limit:g}x" for limit in sorted(set(limits)))
    steps = [float(np.mean(one.steps())) for one in seen if one.steps()]
    aimless = [float(np.mean(one.random_steps())) for one in seen if one.random_steps()]
    least = float(np.mean(random)) or float("nan")
    return [
        ratio_over_units(
            CLAMPS,
            gains,
            random,
            seed=seed,
            text=f"words of the topic gain {np.mean(gains):.3f} of probability, random directions "
            f"move them by {np.mean(random):.3f}; {len(seen)} topics, text holds up to: {at}",
            control=control_of(
                CLAMPS,
                [one.elsewhere / least for one in seen],
                seed=seed,
                text="words of another topic under the same pushes",
            ),
        ),
        over_units(
            DOSE,
            steps,
            seed=seed,
            text=f"{np.mean(steps):.0%} of steps rise, over {len(steps)} topics",
            control=control_of(DOSE, aimless, seed=seed, text="steps along random directions"),
        ),
    ]


def other_topic(subject: Subject, topic: int) -> int:
    """The topic that shares least with one: half of all topics on."""
    return (topic + subject.config.topics // 2) % subject.config.topics


def _elsewhere(
    subject: Subject,
    ids: Int[np.ndarray, "text place"],
    topic: int,
    direction: Direction,
    response: DoseResponse,
) -> float:
    best = response.strongest
    if best is None:
        return 0.0
    watched = torch.as_tensor(subject.topic_words(other_topic(subject, topic)))
    pushed = chances(subject, ids, watched, {subject.value: direction.push(best.strength)})
    return float((pushed - chances(subject, ids, watched, {})).mean())


def _steps(effects: Sequence[float]) -> list[float]:
    return (np.diff(effects) > 0).astype(float).tolist()


@torch.no_grad()
def chances(
    subject: Subject,
    ids: Int[np.ndarray, "text place"],
    watched: Int[Tensor, " word"],
    steering: Steering,
) -> Float[Tensor, " text"]:
    """Probability that some words come next, together, by text."""
    model = subject.grown.model
    where = model.network.embed.weight.device
    logits = model.graph().run(
        torch.from_numpy(ids).to(where),
        fetch="logits[pos=-1]",
        feed=dict(steering),  # type: ignore[arg-type]
    )["logits[pos=-1]"]
    return logits.float().softmax(dim=-1).cpu()[:, watched].sum(dim=1)
