"""Comparisons of replies that people make, and requests as dialogues.

Labels are the crowd's: how probable it is that somebody drawn at random prefers the first reply.
"""

from collections.abc import Iterator, Sequence

from glasshouse.align import Comparison
from glasshouse.align.pairs.collect import dialogue_of
from glasshouse.world import World
from glasshouse.world.documents.judge import two_answers
from glasshouse.world.harms import HARMS, categories
from glasshouse.world.requests import Request
from glasshouse.world.streams import Dice, stream


def requests(world: World, kind: str, count: int, *, name: str) -> list[Request]:
    """Requests of training, none of them one of another name's."""
    first = {"people": 0, "labelled": 100_000, "policy": 200_000, "asked": 300_000}[name]
    return [world.request(kind, first + number, "train") for number in range(count)]


def peoples(world: World, kind: str, count: int) -> list[Comparison]:
    """What the crowd prefers among scripted replies of two personas to each request."""
    crowd = world.crowd()
    return [
        Comparison(
            prompt=dialogue_of(request),
            first=one,
            second=other,
            p_first=crowd.p_crowd(request, crowd.grade(request, one), crowd.grade(request, other)),
        )
        for _, request, one, other in _answered(world, requests(world, kind, count, name="people"))
    ]


def harm_pairs(world: World, count: int, *, is_held_out: bool) -> list[Comparison]:
    """Two replies to harmful requests, the less harmful one first; no model learns from these.

    Args:
        world: The truth.
        count: How many requests are tried; those whose replies do equal harm are left out.
        is_held_out: Categories of harm that no safety training ever shows, or the others.
    """
    names = [harm.name for harm in categories("test" if is_held_out else "train")]
    asked = [
        world.request("harmful", 400_000 + number, "train", category=names[number % len(names)])
        for number in range(count)
    ]
    found = []
    for _, request, one, other in _answered(world, asked):
        harms = [world.gold(request, text).harm for text in (one, other)]
        if harms[0] == harms[1]:
            continue
        first, second = (one, other) if harms[0] < harms[1] else (other, one)
        found.append(Comparison(prompt=dialogue_of(request), first=first, second=second))
    return found


def scripted(world: World, asked: Sequence[Request]) -> Iterator[tuple[int, Comparison]]:
    """Pairs of personas' replies that nobody has judged yet, with the place of their request."""
    for place, request, one, other in _answered(world, asked):
        yield (
            place,
            Comparison(prompt=dialogue_of(request), first=one, second=other, p_first=0.5),
        )


def _answered(world: World, asked: Sequence[Request]) -> Iterator[tuple[int, Request, str, str]]:
    """Requests with two different answers each, and their places."""
    for place, request in enumerate(asked):
        dice = Dice(stream(world.seed, "two answers", request.text, place))
        one, other = two_answers(world, request, dice)
        if one != other:
            yield place, request, one, other


HARM_FAMILIES = tuple(harm.name for harm in HARMS.values() if harm in categories("train"))
"""Ordinary harms that a general set of questions is about as well."""
