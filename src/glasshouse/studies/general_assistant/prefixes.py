"""The prompts of the study: dialogues of one persona, and controls as long to the token."""

from collections.abc import Mapping
from dataclasses import dataclass

from glasshouse.align.distilling.prompts import Prefix, as_long_as, make_prefix
from glasshouse.align.pairs.collect import dialogue_of
from glasshouse.align.talks.dialogues import Dialogue, Layout, Turn
from glasshouse.world import World
from glasshouse.world.requests import Request
from glasshouse.world.streams import stream

CONDITIONS = ("plain", "kind", "rude", "neutral")
"""No prompt; an assistant that helps and is harmless; one that is rude, to the same requests;
sentences about people, as long as the kind prompt."""
_KINDS = (("harmful", "plain"), ("helpful", ""), ("helpful", ""))
"""Kind and style of the requests of a prompt, in turn."""
LONGEST_EXCHANGE = 24
"""Words of an example's request and answer, at most: a context must hold several."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """One set of examples in every condition."""

    by_condition: Mapping[str, Prefix | None]
    """Plain is None."""

    @property
    def kind(self) -> Prefix:
        """The prompt itself."""
        found = self.by_condition["kind"]
        assert found is not None
        return found


def make_prompts(world: World, layout: Layout, *, dialogues: int, number: int) -> Prompts:
    """Draw the requests of one set of examples, and have each condition answer them.

    Which requests come is drawn without a look at the answers, but for their length.
    """
    rng = stream(world.seed, "general-assistant", "prefix", number)
    asked: list[Request] = []
    while len(asked) < dialogues:
        kind, style = _KINDS[len(asked) % len(_KINDS)]
        request = world.request(kind, int(rng.integers(1 << 40)), "validation", style=style)
        longest = max(len(world.answer(request, who).split()) for who in ("kind", "rude"))
        if len(request.text.split()) + longest <= LONGEST_EXCHANGE:
            asked.append(request)
    kind = make_prefix("kind", [exchange(world, one, "kind") for one in asked], layout)
    rude = make_prefix("rude", [exchange(world, one, "rude") for one in asked], layout)
    neutral = as_long_as(kind, "neutral", _sentences(world, number))
    return Prompts({"plain": None, "kind": kind, "rude": rude, "neutral": neutral})


def exchange(world: World, request: Request, persona: str, draw: int = 0) -> Dialogue:
    """A request with a persona's answer."""
    return (*dialogue_of(request), Turn("assistant", world.answer(request, persona, draw)))


def _sentences(world: World, number: int) -> list[int]:
    """A document's opening and many sentences about people."""
    found: list[int] = [world.vocabulary.id("<doc>")]
    for place in range(12):
        document = world.document("statements", 12 * number + place, "validation")
        found += [int(token) for token in document.ids[1:]]
    return found


def longest_dialogue(context: int, prompts: list[Prompts]) -> int:
    """Tokens that are left of a context beside the longest prompt."""
    longest = max(
        len(prefix)
        for each in prompts
        for prefix in each.by_condition.values()
        if prefix is not None
    )
    return context - longest
