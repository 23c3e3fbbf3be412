"""Push a model along a direction, or set a latent, while it reads or writes.

What is made here are changes: functions from a value to what stands in its place. They are fed to
a run, `graph.run(ids, fetch="logits", feed={"blocks.2.resid_post": change})`, or to a text that
grows, `model.generate(prompts, feed={...})`, and go inside `from_token`, `during` and `on_rows` of
`glasshouse.models.steering`, which say where and when.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from glasshouse.dataflow.feeds import Change
from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.coder import Coder, unit_effects
from glasshouse.interpret.subject import Subject, graph_of, token_ids


@torch.no_grad()
def mean_norm(subject: Subject, ids: Int[Tensor, "batch seq"], name: str) -> float:
    """The average length of a value on some texts, in whose units pushes are measured.

    The first token of a text is left out, whose value is often of a size of its own.

    Raises:
        InputError: If texts have one token only.
    """
    ids = token_ids(subject, ids)
    if ids.shape[1] < 2:
        raise InputError("texts of one token have no value besides the first; give longer ones")
    value = graph_of(subject).run(ids, fetch=name)[name]
    return float(value[:, 1:].norm(dim=-1).mean())


def add_share(direction: Float[Tensor, " d_model"], strength: float, norm: float) -> Change:
    """Add a direction, at a strength that is a share of the value's usual length.

    Args:
        direction: Only where it points counts.
        strength: 0.1 adds a tenth of `norm`; negative pushes the other way.
        norm: From `mean_norm`.

    Raises:
        InputError: If the direction is zero or the length is not positive.

    Source:
        2604.07729, "Steering": strengths are shares of the average residual norm of the layer.
    """
    if not direction.norm() > 0:
        raise InputError("the direction to push along is zero, or not a number")
    if not norm > 0:
        raise InputError(f"norm={norm} must be positive; measure it with mean_norm")
    shift = normalize(direction, dim=0) * (strength * norm)

    def change(value: Tensor) -> Tensor:
        _check_width(shift, value)
        return value + shift.to(value)

    return change


def at_tokens(change: Change, which: Bool[Tensor, "batch seq"]) -> Change:
    """Change a value at some tokens of given texts, and leave it at the others.

    Args:
        change: What is done to the value.
        which: True at the tokens of the texts that will be run.
    """

    def only_there(value: Tensor) -> Tensor:
        if value.shape[:2] != which.shape:
            raise InputError(
                f"tokens are chosen of texts of shape {tuple(which.shape)}, and the value has "
                f"{tuple(value.shape[:2])}; run the texts that they were chosen of"
            )
        shape = (*which.shape, *[1] * (value.ndim - 2))
        return torch.where(which.to(value.device).view(shape), change(value), value)

    return only_there


def set_latents(
    coder: Coder,
    to: Mapping[int, float],
    *,
    kind: Literal["set", "add", "scale"] = "set",
) -> Change:
    """Set a dictionary's latents to given activations, and leave all else of the value.

    What the dictionary misses of the value stays, so that a latent set to what it is anyway changes
    nothing.

    Args:
        coder: The dictionary.
        to: Activation by latent, in the units of its codes; 0 takes the latent away.
        kind: Whether numbers take the activation's place, are added to it, or multiply it.

    Raises:
        InputError: If the dictionary has no such latent.

    Source:
        Templeton et al. 2024, "Scaling monosemanticity", "Methodological details: steering".
    """
    wrong = [latent for latent in to if not 0 <= latent < coder.num_latents]
    if wrong:
        raise InputError(
            f"the dictionary has no latent {wrong[0]}; it has 0 to {coder.num_latents - 1}"
        )
    latents, numbers = list(to), torch.tensor(list(to.values()))
    effects: list[Tensor] = []

    def change(value: Tensor) -> Tensor:
        rows = value.flatten(2)
        now = coder.encode(rows)[..., latents]
        if not effects:
            effects.append(unit_effects(coder, now.detach())[latents])
        given = numbers.to(now)
        wanted = {"set": given.expand_as(now), "add": now + given, "scale": now * given}[kind]
        return (rows + (wanted - now) @ effects[0]).view_as(value).to(value)

    return change


def random_directions(
    like: Float[Tensor, "vector d_model"],
    count: int,
    *,
    kind: Literal["permuted", "gaussian"] = "permuted",
    seed: int = 0,
) -> Float[Tensor, "count d_model"]:
    """Directions that mean nothing, of the lengths of some that do: what a push does by itself.

    Args:
        like: Vectors that are used; they are taken in turn.
        count: How many to make.
        kind: Coordinates of a vector in another order, which keeps their sizes; or normal draws.
        seed: Of the draws.

    Raises:
        InputError: If none is asked for.
    """
    if count < 1:
        raise InputError(f"count={count} random directions control nothing; ask for 5 or more")
    # A seed of its own: who drew the vectors themselves with the same number would meet them again.
    own = sha256(f"random directions {seed}".encode()).digest()
    chance = torch.Generator().manual_seed(int.from_bytes(own[:7], "big"))
    made = []
    for number in range(count):
        vector = like[number % len(like)]
        if kind == "permuted":
            made.append(vector[torch.randperm(len(vector), generator=chance).to(vector.device)])
        else:
            drawn = torch.randn(len(vector), generator=chance).to(vector)
            made.append(normalize(drawn, dim=0) * vector.norm())
    return torch.stack(made)


def _check_width(vector: Tensor, value: Tensor) -> None:
    if vector.shape[-1] != value.shape[-1]:
        raise InputError(
            f"a direction of width {vector.shape[-1]} does not fit a value of shape "
            f"{tuple(value.shape)}; its last axis must be as wide"
        )
