"""Comparisons from people, simulated or on file: two replies to a request, and which one is better.

There are two interfaces, as in the paper. Who helps is asked for the more helpful reply; who
attacks is asked for the more *harmful* one, and what they press is what the assistant should not
say. What was pressed is kept as it was, and `preferred` alone turns it round.

Source:
    Bai et al. 2022 (2204.05862), sections 2.2 and 2.3.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

from glasshouse.align.pairs.comparisons import Comparison, read_comparisons, write_comparisons
from glasshouse.align.talks.dialogues import Dialogue, Role, Turn
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, SamplingConfig
from glasshouse.world import World
from glasshouse.world.crowd import Crowd
from glasshouse.world.requests import Request
from glasshouse.world.streams import Dice, stream

Interface = Literal["helpful", "red-team"]
"""Asked which reply is more helpful, or which is more harmful."""
Pressed = Literal["first", "second"]


@runtime_checkable
class Writer(Protocol):
    """Answers requests: a model, a scripted person, whoever plays in a tournament."""

    def __call__(self, requests: Sequence[Request], *, seed: int) -> list[str]:
        """Return one reply a request; an empty one where none was brought to its end."""
        ...


def model_writer(
    model: LanguageModel, *, max_new_tokens: int = 40, temperature: float = 1.0
) -> Writer:
    """A model of the world's words that answers; a reply that does not end is none.

    Args:
        model: Whose vocabulary is the world's.
        max_new_tokens: Most tokens of a reply, its end among them.
        temperature: Of the samples.
    """
    stop_ids = tuple(model.tokenizer.id_of(token) for token in ("<end>", "<eoc>"))
    config = SamplingConfig(
        max_new_tokens=max_new_tokens, temperature=temperature, stop_ids=stop_ids
    )

    def write(requests: Sequence[Request], *, seed: int) -> list[str]:
        completions = model.generate([request.prompt for request in requests], config, seed=seed)
        return [one.text.strip() if one.finish == "stop" else "" for one in completions]

    return write


def persona_writer(world: World, name: str) -> Writer:
    """One of the world's scripted personas, as "kind": a person who writes the replies."""

    def write(requests: Sequence[Request], *, seed: int) -> list[str]:
        return [world.answer(request, name, seed) for request in requests]

    return write


def dialogue_of(request: Request) -> Dialogue:
    """A request as turns, its history first."""
    roles: tuple[Role, Role] = ("human", "assistant")
    said = (*request.history, request.text)
    return tuple(Turn(roles[place % 2], text) for place, text in enumerate(said))


def preferred(pressed: Pressed, interface: Interface) -> Pressed:
    """Which reply the assistant should rather give, after what was pressed.

    Raises:
        InputError: If there is no such interface.
    """
    if interface not in get_args(Interface):
        raise InputError(f"interface={interface!r} must be one of {', '.join(get_args(Interface))}")
    if interface == "helpful":
        return pressed
    return "second" if pressed == "first" else "first"


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """A comparison and how it came about."""

    comparison: Comparison
    """Prompt, both replies, and which one is *better*: turned round where harm was asked for."""
    request: Request
    """What was asked, with its truth."""
    interface: Interface
    """What the annotator was asked."""
    pressed: Pressed
    """What the annotator pressed, before anything was turned round."""
    strength: int
    """0 (hardly) to 3: how sure the annotator was."""
    annotator: int
    """Number of the annotator."""
    p_true: float
    """Probability with which this annotator finds the first reply the better one."""
    p_crowd: float
    """The same for an annotator drawn at random: the best that a preference model could say."""
    writers: tuple[str, str]
    """Who wrote the first reply and the second."""
    gold: tuple[float, float]
    """Gold reward of both; for measuring, never for training."""


def collect(
    writers: Mapping[str, Writer],
    requests: Sequence[Request],
    crowd: Crowd,
    *,
    interface: Interface,
    seed: int,
    stronger_than: int = -1,
) -> list[Collected]:
    """Have two replies to each request written and compared.

    Requests to which a reply is missing, or both replies are the same, are left out.

    Args:
        writers: One, who writes both replies, or two, who write one each, in random order.
        requests: What is asked, one comparison each.
        crowd: Whose members compare.
        interface: What they are asked.
        seed: Names all chance.
        stronger_than: Keep comparisons whose strength is greater; 0 leaves out the weakest, as the
            paper does.

    Raises:
        InputError: If there are no requests, or not one or two writers.
    """
    if not requests or len(writers) not in (1, 2):
        raise InputError(
            f"{len(requests)} requests and {len(writers)} writers; give requests, and one writer "
            "or two"
        )
    names = list(writers)
    pair = (names[0], names[-1])
    written = [writers[name](requests, seed=2 * seed + place) for place, name in enumerate(pair)]
    dice = Dice(stream(crowd.world.seed, "collect", interface, *names, seed))
    found = []
    for request, one, two in zip(requests, *written, strict=True):
        swap = dice.chance(0.5)
        replies = (two, one) if swap else (one, two)
        if not one or not two or one == two:
            continue
        by = (pair[1], pair[0]) if swap else pair
        collected = ask(crowd, request, replies, interface=interface, dice=dice)
        if collected.strength > stronger_than:
            found.append(replace(collected, writers=by))
    return found


def ask(
    crowd: Crowd, request: Request, replies: tuple[str, str], *, interface: Interface, dice: Dice
) -> Collected:
    """Have a member of a crowd compare two replies.

    Raises:
        InputError: If a reply is empty, or both are the same.
    """
    answer = crowd.compare(request, *replies, dice)
    better: Pressed = "first" if answer.label else "second"
    # Turning round is its own inverse: whoever finds the first better presses the second if asked
    # for harm.
    pressed = preferred(better, interface)
    golds = tuple(crowd.world.gold(request, reply) for reply in replies)
    judged = [crowd.grade(request, reply) for reply in replies]
    return Collected(
        comparison=Comparison(
            prompt=dialogue_of(request),
            first=replies[0],
            second=replies[1],
            p_first=float(preferred(pressed, interface) == "first"),
        ),
        request=request,
        interface=interface,
        pressed=pressed,
        strength=answer.strength,
        annotator=answer.annotator,
        p_true=answer.p_true,
        p_crowd=crowd.p_crowd(request, judged[0], judged[1]),
        writers=("", ""),
        gold=(golds[0].reward, golds[1].reward),
    )


def comparisons_from_file(path: Path, *, interface: Interface) -> list[Comparison]:
    """Read comparisons that people made, and turn round those that were asked for harm.

    Args:
        path: JSON lines, as `read_comparisons` reads them.
        interface: What people were asked. With "red-team" the file's `chosen` (or `p_first`) names
            the more harmful reply, as it was pressed. Files whose `chosen` is already the better
            reply, as Anthropic/hh-rlhf's harmless-base, are read as "helpful".

    Raises:
        InputError: If the file cannot be read or a line is no comparison.
    """
    is_pressed_better = preferred("first", interface) == "first"
    return [
        one if is_pressed_better else replace(one, p_first=1 - one.p_first)
        for one in read_comparisons(path)
    ]


def write_collected(found: Sequence[Collected]) -> Iterator[str]:
    """Lines that `read_comparisons` and `glasshouse elo` read, with who wrote what."""
    lines = write_comparisons(one.comparison for one in found)
    for one, line in zip(found, lines, strict=True):
        record = json.loads(line)
        record |= {
            "first_by": one.writers[0],
            "second_by": one.writers[1],
            "interface": one.interface,
            "pressed": one.pressed,
            "strength": one.strength,
            "annotator": one.annotator,
        }
        yield json.dumps(record, ensure_ascii=False) + "\n"
