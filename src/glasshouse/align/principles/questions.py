"""Questions and pairs of replies that models write themselves.

A model is shown a few examples of a list and writes the next one; what is well formed and new is
kept. Replies come two at a time from a policy at temperature 1, and a pair of equal ones says
nothing, so that how often they differ is worth knowing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.talks.dialogues import Dialogue, Layout
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, SamplingConfig

_ROUND = 64
"""Texts that are asked for at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expansion:
    """What a model added to a list."""

    texts: tuple[str, ...]
    """New entries, each once, in the order in which they were written."""
    written: int
    """How many it wrote, old, twice and malformed ones among them."""

    @property
    def yielded(self) -> float:
        """Share of what was written that was of use."""
        return len(self.texts) / max(1, self.written)


def expand(
    model: LanguageModel,
    seeds: Sequence[str],
    prompt: Callable[[Sequence[str]], str],
    *,
    num: int,
    shots: int = 3,
    keep: Callable[[str], bool] = lambda text: bool(text),
    end: str = "<end>",
    max_new_tokens: int = 24,
    temperature: float = 1.0,
    tries: int = 4,
    seed: int = 0,
) -> Expansion:
    """Let a model lengthen a list of questions, or of traits, from a few examples.

    Args:
        model: Who writes.
        seeds: What stands there already; examples are drawn from it.
        prompt: What the model reads, from some examples; the next entry follows.
        num: How many new entries are wanted.
        shots: Examples in a prompt.
        keep: Whether an entry is well formed.
        end: What ends an entry.
        max_new_tokens: The longest entry.
        temperature: Of the samples.
        tries: For each entry that is wanted, so many may be written before it is given up.
        seed: Of examples and samples.

    Raises:
        InputError: If there are fewer seeds than shots, or nothing is wanted.

    Source:
        Kundu et al. 2023 (2310.13798), section 2.1 and appendix C: questions and traits written
        from few-shot prompts.
    """
    if not 1 <= shots <= len(seeds) or num < 1:
        raise InputError(
            f"shots={shots} must lie in [1, {len(seeds)} seeds], and num={num} be at least 1"
        )
    chance = np.random.default_rng([seed, 2310])
    sampling = SamplingConfig(
        max_new_tokens=max_new_tokens, temperature=temperature, stop_strings=(end,)
    )
    found: dict[str, None] = {}
    known, written = set(seeds), 0
    while len(found) < num and written < tries * num:
        asked = [
            prompt([seeds[int(place)] for place in chance.permutation(len(seeds))[:shots].tolist()])
            for _ in range(min(_ROUND, tries * num - written))
        ]
        for one in model.generate(asked, sampling, seed=seed + written):
            text = one.text.strip()
            if one.finish == "stop" and text not in known and keep(text):
                found.setdefault(text)
        written += len(asked)
    return Expansion(texts=tuple(found)[:num], written=written)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Replies two at a time, not yet judged."""

    comparisons: tuple[Comparison, ...]
    """Pairs of different replies; their `p_first` of a half is nobody's opinion."""
    places: tuple[int, ...]
    """Of each pair, the place of its prompt among those given."""
    diversity: float
    """How often two replies to one prompt differ, on the first try."""


def sample_pairs(
    policy: LanguageModel,
    prompts: Sequence[Dialogue],
    layout: Layout,
    *,
    sampling: SamplingConfig,
    differ: Callable[[Dialogue, str, str], bool] = lambda prompt, one, other: one != other,
    tries: int = 3,
    seed: int = 0,
) -> Pairs:
    """Have a policy reply to each prompt twice; prompts whose replies never differ are left out.

    Args:
        policy: Who replies.
        prompts: Dialogues that end with a human's turn.
        layout: In which the policy reads them.
        sampling: Temperature 1 in the paper; its stop ids end a reply.
        differ: Whether two replies to a prompt are worth comparing; equal ones never are.
        tries: How often another reply is drawn until it differs from one before it.
        seed: Of the samples.

    Raises:
        InputError: If there are no prompts, or no pair came about.

    Source:
        Kundu et al. 2023 (2310.13798), section 2.1: pairs from a partially trained policy at
        temperature 1, whose replies still differ.
    """
    if not prompts:
        raise InputError("there are no prompts to reply to")
    opened = [layout(prompt, opens_reply=True).ids for prompt in prompts]

    def replies(places: Sequence[int], turn: int) -> list[str]:
        done = policy.generate(
            [opened[place] for place in places],
            sampling,
            seed=[_seed_of(seed, turn, place) for place in places],
        )
        return [one.text.strip() if one.finish == "stop" else "" for one in done]

    open_ = list(range(len(prompts)))
    said: list[list[str]] = [[] for _ in prompts]
    found: dict[int, tuple[str, str]] = {}
    differed = 0
    for turn in range(tries + 1):
        for place, text in zip(open_, replies(open_, turn), strict=True):
            if not text:
                continue
            for earlier in said[place]:
                if earlier != text and differ(prompts[place], earlier, text):
                    found[place] = (earlier, text)
                    break
            said[place].append(text)
        if turn == 1:
            differed = len(found)
        open_ = [place for place in open_ if place not in found]
        if not open_:
            break
    if not found:
        raise InputError(f"of {len(prompts)} prompts none got two different replies; train less")
    places = tuple(sorted(found))
    return Pairs(
        comparisons=tuple(
            Comparison(
                prompt=prompts[place], first=found[place][0], second=found[place][1], p_first=0.5
            )
            for place in places
        ),
        places=places,
        diversity=differed / len(prompts),
    )


def _seed_of(*numbers: int) -> int:
    """One seed from several numbers, the same everywhere."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
