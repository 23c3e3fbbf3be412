"""Pushes of several strengths with all that keeps them honest: controls, fluency, what is written.

A push is along a latent of a dictionary, in multiples of its largest activation, or along a
contrast between texts, in shares of the value's usual length. Beside it go pushes of the same size
along directions that mean nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from glasshouse.dataflow.feeds import Change
from glasshouse.errors import InputError
from glasshouse.interpret.activations import harvest_all
from glasshouse.interpret.concepts import (
    DoseResponse,
    add_share,
    contrast_vector,
    dose_response,
    fluency,
    random_directions,
    set_latents,
    text_means,
)
from glasshouse.interpret.dictionaries import Coder, unit_effects
from glasshouse.models import LanguageModel, SamplingConfig
from glasshouse.models.language_model import Prompt
from glasshouse.models.steering import Steering

Push = Callable[[float], Change]
"""What stands in the value's place, at a strength."""

_WRITTEN = 16
"""Texts that are written at each strength, at least, to see whether they still read well."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Direction:
    """Something to push along, and the same with directions that mean nothing."""

    vector: Float[Tensor, " d_model"]
    """Where it points."""
    push: Push
    """Pushes along it."""
    random: tuple[Push, ...]
    """Push as far along directions that mean nothing."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pushed:
    """What a push did."""

    response: DoseResponse
    """Effect, control and fluency at every strength."""
    written: tuple[tuple[str, ...], ...]
    """What the model writes behind each prompt, at every strength."""


def latent_direction(
    coder: Coder, latent: int, maximum: float, *, num_random: int = 3, seed: int = 0
) -> Direction:
    """Push along a latent, by setting it to multiples of its largest activation.

    Args:
        coder: The dictionary.
        latent: Which.
        maximum: Its largest activation; 1 for strengths in the units of its codes.
        num_random: Directions that mean nothing.
        seed: Of these.

    Raises:
        InputError: If there is no such latent, or it is never active.

    Source:
        Templeton et al. 2024, "Scaling monosemanticity", "Influence on behavior".
    """
    if not 0 <= latent < coder.num_latents:
        raise InputError(
            f"the dictionary has no latent {latent}; it has 0 to {coder.num_latents - 1}"
        )
    if not maximum > 0:
        raise InputError(
            f"latent {latent} is active on none of the texts, so it has no largest activation; "
            "give a number in the units of its codes, or take another latent"
        )
    vector = unit_effects(coder, coder.directions[:1])[latent]

    def push(strength: float) -> Change:
        return set_latents(coder, {latent: strength * maximum})

    def instead(other: Tensor) -> Push:
        return lambda strength: elsewhere(push(strength), vector, other)

    rivals = random_directions(vector[None], num_random, seed=seed)
    return Direction(vector=vector, push=push, random=tuple(instead(one) for one in rivals))


def contrast_direction(
    model: LanguageModel,
    value: str,
    towards: Sequence[Prompt],
    against: Sequence[Prompt],
    *,
    num_random: int = 3,
    seed: int = 0,
) -> Direction:
    """Push from some texts towards others, in shares of the value's usual length.

    Args:
        model: Who is looked into.
        value: Where.
        towards: Texts that have more of it.
        against: Texts that have less.
        num_random: Directions that mean nothing.
        seed: Of these.

    Raises:
        InputError: If both sides are alike, or a text is empty.
    """
    sides = [harvest_all(model, list(texts), value) for texts in (towards, against)]
    means = []
    for side in sides:
        # The first token's value is of a size of its own; texts of one token have no other.
        longer = int(torch.bincount(side.document).min()) > 1
        means.append(text_means(side, value, skip=1 if longer else 0)[0])
    vector = contrast_vector(means[0], means[1])
    if not bool(vector.isfinite().all()) or not float(vector.norm()) > 0:
        raise InputError("both sides have the same value there, so there is nothing to push along")
    norm = float(torch.cat([side[value] for side in sides]).norm(dim=1).mean())

    def along(one: Tensor) -> Push:
        return lambda strength: add_share(one, strength, norm)

    rivals = random_directions(vector[None], num_random, seed=seed)
    return Direction(vector=vector, push=along(vector), random=tuple(along(one) for one in rivals))


def elsewhere(
    change: Change, vector: Float[Tensor, " d_model"], instead: Float[Tensor, " d_model"]
) -> Change:
    """The same change, token by token, along another direction."""

    def changed(value: Tensor) -> Tensor:
        rows = value.flatten(2)
        moved = change(value).flatten(2) - rows
        size = moved @ normalize(vector, dim=0).to(moved)
        shift = size[..., None] * normalize(instead, dim=0).to(moved)
        return (rows + shift).view_as(value)

    return changed


def push_and_measure(
    model: LanguageModel,
    value: str,
    direction: Direction,
    prompts: Sequence[Prompt],
    watched: Sequence[int],
    strengths: Sequence[float],
    *,
    tokens: int = 24,
    seed: int = 0,
) -> Pushed:
    """Push at several strengths: how likely some tokens become, and what becomes of the text.

    Args:
        model: Who is pushed.
        value: Where.
        direction: From `latent_direction` or `contrast_direction`.
        prompts: What it reads, and goes on from.
        watched: Tokens whose probability of coming next, together, is the effect.
        strengths: In rising order; 0 is the model as it is.
        tokens: How much it writes behind each prompt.
        seed: Of what it draws.

    Raises:
        InputError: If strengths do not rise, or a prompt is empty.
    """
    ids = [model.encode(prompt) for prompt in prompts]
    chosen = torch.as_tensor(sorted(set(watched)))

    @torch.no_grad()
    def measure(fed: Steering) -> Float[Tensor, " sample"]:
        # A measure is fed what a push makes, which is the same at every token.
        changes = cast(dict[str, Change], dict(fed))
        graph = model.graph()
        found = []
        for row in ids:
            given = torch.as_tensor([row]).to(next(model.network.parameters()).device)
            logits = graph.run(given, fetch="logits", feed=changes)["logits"][0, -1].float()
            found.append(logits.softmax(dim=-1).cpu()[chosen].sum())
        return torch.stack(found)

    def fed(push: Push) -> Callable[[float], Steering]:
        return lambda strength: {value: push(strength)}

    many = [row for row in ids for _ in range(-(-_WRITTEN // len(ids)))]
    response = dose_response(
        strengths,
        fed(direction.push),
        measure,
        fluency=fluency(model, many, tokens=tokens, seed=seed),
        random=[fed(one) for one in direction.random],
    )
    sampling = SamplingConfig(max_new_tokens=tokens)
    written = []
    for strength in strengths:
        feed = fed(direction.push)(strength) if strength else None
        texts = model.generate(ids, sampling, seed=seed, feed=feed)
        written.append(tuple(one.text for one in texts))
    return Pushed(response=response, written=tuple(written))
