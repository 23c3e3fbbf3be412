"""Claims 4 and 9 of the models of giving: patches judged, and what words make follow."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glasshouse.interpret.dictionaries import Dictionary
from glasshouse.interpret.dictionaries.metrics import without_latents
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.sparse_autoencoders.claims import (
    FEWER_PATCHES,
    FOLLOWER,
    HIGHER_FLOOR,
)
from glasshouse.studies.sparse_autoencoders.config import DictionariesConfig
from glasshouse.studies.sparse_autoencoders.evidence import over_units
from glasshouse.studies.sparse_autoencoders.patching import (
    AGAIN,
    LARGER,
    PCA,
    RANDOM,
    SAE,
    ZERO,
    Patching,
    enough,
)
from glasshouse.studies.sparse_autoencoders.reading import resid
from glasshouse.world.giving import Givings, GivingWorld
from glasshouse.world.streams import stream

_TEXTS = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Follower:
    """One word that only one word can follow."""

    word: str
    """The word."""
    follower: str
    """What must come."""
    latent: int
    """The word's top feature: whose activations go best with its presence."""
    correlation: float
    """How well, on texts that nothing is measured on."""
    lowered: str
    """The token whose logit falls most when the feature is ablated."""
    lowered_by_other: str
    """The same for another feature that is active there."""

    @property
    def is_named(self) -> bool:
        """Whether the follower falls most."""
        return self.lowered == self.follower


@torch.no_grad()
def followers(one: Patching, config: DictionariesConfig, *, seed: int) -> tuple[Follower, ...]:
    """Ablate the top feature of every word with one follower, at the word, and see what falls."""
    world = GivingWorld()
    names = ("sparse-autoencoders", "followers", one.number)
    choose, measured = (
        world.sample(_TEXTS, stream(seed, *names, part)) for part in ("choose", "measure")
    )
    rng = stream(seed, *names, "others")
    name = resid(config.giving.layer)
    graph, words = one.model.model.graph(), world.vocabulary
    device = next(one.model.model.network.parameters()).device
    codes, there = _codes(one, choose, name)
    ids = torch.from_numpy(measured.ids).to(device)
    run = graph.run(ids, fetch=[name, "logits"])
    active = one.dictionary.encode(run[name].float()) > 0
    found = []
    for word, follower in world.followers.items():
        token = words.index(word)
        fits = _correlation(codes, there == token)
        top = int(fits.argmax())
        at = ids == token
        often = (active[at].float().mean(dim=0) > 0.5).nonzero().flatten().tolist()
        others = [latent for latent in often if latent != top] or [top]
        lowered = [
            _lowered(one.dictionary, graph, ids, name, run["logits"], at, latent)
            for latent in (top, int(rng.choice(others)))
        ]
        found.append(
            Follower(
                word=word,
                follower=follower,
                latent=top,
                correlation=float(fits[top]),
                lowered=words[lowered[0]],
                lowered_by_other=words[lowered[1]],
            )
        )
    return tuple(found)


def _codes(
    one: Patching, texts: Givings, name: str
) -> tuple[Float[Tensor, "token latent"], Tensor]:
    ids = torch.from_numpy(texts.ids).to(next(one.model.model.network.parameters()).device)
    value = one.model.model.graph().run(ids, fetch=name)[name]
    return one.dictionary.encode(value.float()).flatten(0, 1), ids.flatten()


def _correlation(
    codes: Float[Tensor, "token latent"], there: Bool[Tensor, " token"]
) -> Float[Tensor, " latent"]:
    """Of every latent with the presence of a word; 0 for one that never changes."""
    centred = codes - codes.mean(dim=0)
    presence = there.float() - there.float().mean()
    size = centred.norm(dim=0) * presence.norm()
    return (centred.T @ presence) / size.clamp(min=1e-12)


def _lowered(
    dictionary: Dictionary,
    graph,
    ids: Tensor,
    name: str,
    clean: Tensor,
    at: Bool[Tensor, "text pos"],
    latent: int,
) -> int:
    """The token whose logit falls most on average where a latent is ablated at its word."""
    change = without_latents(dictionary, [latent])

    def at_word(value: Tensor) -> Tensor:
        return torch.where(at[..., None], change(value), value)

    ablated = graph.run(ids, fetch="logits", feed={name: at_word})["logits"]
    return int((ablated - clean)[at].mean(dim=0).argmin())


def claims(
    found: Sequence[Patching], words: Sequence[tuple[Follower, ...]], *, seed: int
) -> list[ClaimResult]:
    """Judge claims 4 and 9."""
    gate = enough(found)
    halved = {
        name: np.mean([one.curves[name].halved for one in found])
        for name in (SAE, PCA, ZERO, RANDOM)
    }
    wins = sum(one.ratio(SAE) < 1 for one in found)
    floors = {name: np.mean([one.curves[name].left[-1] for one in found]) for name in (SAE, LARGER)}
    return [
        over_units(
            FEWER_PATCHES,
            [one.ratio(SAE) for one in found],
            seed=seed,
            text=f"{halved[SAE]:.1f} features, {halved[PCA]:.1f} of PCA, {halved[ZERO]:.1f} "
            f"without a penalty; fewer than both in {wins} of {len(found)} models; share of the "
            "better rival",
            control=[one.ratio(RANDOM) for one in found],
            control_text="random directions in the dictionary's place",
            gate=gate,
        ),
        over_units(
            HIGHER_FLOOR,
            [one.floor(LARGER) for one in found],
            seed=seed,
            text=f"{floors[LARGER]:.2f} of the KL left against {floors[SAE]:.2f}",
            control=[one.floor(AGAIN) for one in found],
            control_text="the same penalty from another start",
            gate=gate,
        ),
        over_units(
            FOLLOWER,
            [float(np.mean([one.is_named for one in some])) for some in words],
            seed=seed,
            text=f"share of {len(words[0])} words whose follower falls most",
            control=[
                float(np.mean([one.lowered_by_other == one.follower for one in some]))
                for some in words
            ],
            control_text="another feature that is active on the word",
            gate=gate,
        ),
    ]
