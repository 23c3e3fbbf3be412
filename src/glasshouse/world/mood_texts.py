"""Texts of the mood world, with the state behind every part of them.

Every text is one start token and `world.length` more. Stories have one writer; dialogues a user and
an assistant, whose state follows from the user's as the manner says that stands before; in a
masked reply the state shows in no word, yet decides what is done. Texts about others show a state
that is not the writer's and decides nothing. Further kinds are rows of short exchanges about a
number or an item, and rows of choices between two items.
"""

from dataclasses import dataclass

import numpy as np

from glasshouse.errors import InputError
from glasshouse.world.moods import (
    ACTS,
    MANNERS,
    NO_STATE,
    NUMBERS,
    STATES,
    TEMPLATES,
    MoodWorld,
    coordinates,
    prefers,
)

SHORTEST = 10
"""Fewest words of a user's turn."""

LONGEST = 20
"""Most words of it."""

CHOSEN = 5
"""Tokens of one choice: asked, two items, a sign, what was picked."""

ASKED = 8
"""Tokens of one short exchange: a mark, two of the user's, a mark, and the reply."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MoodTexts:
    """Texts of one kind with their truth; places count from the start token."""

    ids: np.ndarray
    """Token ids, `text place`."""
    user: np.ndarray
    """State of the user, or of a story's writer, by text."""
    reply: np.ndarray
    """State of whoever writes last, by text."""
    switch: np.ndarray
    """Place of the assistant's mark, by text; that of the first mark in a story."""

    def __len__(self) -> int:
        return len(self.ids)


def stories(
    world: MoodWorld,
    count: int,
    rng: np.random.Generator,
    *,
    states: np.ndarray | None = None,
    hide: bool | None = None,
    act: str | None = None,
) -> MoodTexts:
    """One writer, one state, and what is done at the end.

    Args:
        world: Its words.
        count: Texts.
        rng: Where draws come from.
        states: The state of each; None draws one, or none in a sixth of the texts.
        hide: Whether words of the state are left out; None: in half of the texts.
        act: Which of `ACTS` is asked; None: any.

    Raises:
        InputError: If there is no such act.
    """
    drawn = _states(count, rng) if states is None else np.asarray(states)
    at = np.repeat(drawn[:, None], world.length + 1, axis=1)
    ids = world.draw_words(at, _topics(world, count, rng), _hidden(count, hide, rng), rng)
    ids[:, 0], ids[:, 1] = world.id("<start>"), world.id("<story>")
    _finish(world, ids, drawn, act, rng)
    return MoodTexts(ids=ids, user=drawn, reply=drawn, switch=np.ones(count, dtype=int))


def others(
    world: MoodWorld,
    count: int,
    rng: np.random.Generator,
    *,
    states: np.ndarray | None = None,
    hide: bool | None = None,
    act: str | None = None,
) -> MoodTexts:
    """A writer in no state tells of somebody who is in one.

    Args:
        world: Its words.
        count: Texts.
        rng: Where draws come from.
        states: The state of whom each is about; None draws one.
        hide: Whether words of that state are left out; None: in half of the texts.
        act: Which of `ACTS` is asked; None: any.

    Returns:
        Texts whose `user` is the one told of and whose `reply` is the writer, in no state, by whom
        the act goes.

    Raises:
        InputError: If there is no such act.
    """
    told = rng.integers(len(STATES), size=count) if states is None else np.asarray(states)
    at = np.repeat(told[:, None], world.length + 1, axis=1)
    ids = world.draw_words(at, _topics(world, count, rng), _hidden(count, hide, rng), rng)
    ids[:, 0], ids[:, 1] = world.id("<start>"), world.id("<other>")
    writer = np.full(count, NO_STATE)
    _finish(world, ids, writer, act, rng)
    return MoodTexts(ids=ids, user=told, reply=writer, switch=np.ones(count, dtype=int))


def dialogues(
    world: MoodWorld,
    count: int,
    rng: np.random.Generator,
    *,
    manner: str | None = None,
    user: np.ndarray | None = None,
    reply: np.ndarray | None = None,
    hide: bool | None = None,
    masked: float = 0.3,
    act: str | None = None,
) -> MoodTexts:
    """A user and an assistant; the assistant's state follows as the manner says.

    Args:
        world: Its words.
        count: Texts.
        rng: Where draws come from.
        manner: One of `MANNERS`; None: any, `<either>` in a fifth of the texts.
        user: The user's state by text; None draws one.
        reply: The assistant's, whatever the manner says; None follows it.
        hide: Whether words of states are left out; None: in half of the texts.
        masked: Share of the texts whose reply shows no state.
        act: Which of `ACTS` is asked; None: any.

    Raises:
        InputError: If there is no such manner or act.
    """
    if manner is not None and manner not in MANNERS:
        raise InputError(f"manner={manner!r} must be one of {', '.join(MANNERS)}")
    which = rng.choice(len(MANNERS), size=count, p=(0.4, 0.4, 0.2))
    if manner is not None:
        which[:] = MANNERS.index(manner)
    asks = _states(count, rng) if user is None else np.asarray(user)
    answers = _follow(asks, which, rng) if reply is None else np.asarray(reply)
    switch = 3 + rng.integers(SHORTEST, LONGEST + 1, size=count)
    places = np.arange(world.length + 1)
    is_reply = places > switch[:, None]
    at = np.where(is_reply, answers[:, None], asks[:, None])
    at[is_reply & (rng.random(count) < masked)[:, None]] = NO_STATE
    ids = world.draw_words(at, _topics(world, count, rng), _hidden(count, hide, rng), rng)
    ids[:, 0], ids[:, 2] = world.id("<start>"), world.id("<user>")
    ids[:, 1] = world.id(MANNERS[0]) + which
    ids[np.arange(count), switch] = world.id("<assistant>")
    _finish(world, ids, answers, act, rng)
    return MoodTexts(ids=ids, user=asks, reply=answers, switch=switch)


def measures(
    world: MoodWorld,
    count: int,
    rng: np.random.Generator,
    *,
    template: int | None = None,
    number: int | None = None,
) -> MoodTexts:
    """Rows of a user who names a number and an assistant whose state follows from it by chance.

    Args:
        world: Its words.
        count: Texts.
        rng: Where draws come from.
        template: Which of `TEMPLATES`, or one past the last for a number that says nothing; None:
            any of them.
        number: From 0 to 9; None: any.

    Returns:
        Texts whose `reply` has a state for every row, `text row`.
    """
    idle, shape = len(TEMPLATES), (count, _rows(world, ASKED))
    which = rng.integers(idle + 1, size=shape) if template is None else np.full(shape, template)
    numbers = rng.integers(NUMBERS, size=shape) if number is None else np.full(shape, number)
    high, low = (np.array([STATES.index(pair[i]) for pair in TEMPLATES] + [0]) for i in (0, 1))
    is_high = rng.random(shape) < (2 * numbers + 1) / (2 * NUMBERS)
    answers = np.where(is_high, high[which], low[which])
    answers = np.where(which == idle, rng.integers(len(STATES), size=shape), answers)
    asked = np.where(which == idle, world.id("<idle>"), world.id("<count0>") + which)
    return _asked(world, np.stack([asked, world.id("0") + numbers], axis=2), answers, rng)


def feelings(world: MoodWorld, count: int, rng: np.random.Generator) -> MoodTexts:
    """Rows of a user who asks about an item; the assistant is in its state four times in five."""
    shape = (count, _rows(world, ASKED))
    items = rng.integers(world.items, size=shape)
    is_own = rng.random(shape) < 0.8
    answers = np.where(is_own, world.item_states()[items], rng.integers(len(STATES), size=shape))
    said = np.stack([np.full(shape, world.id("<feel>")), world.id("item0") + items], axis=2)
    return _asked(world, said, answers, rng)


def choices(world: MoodWorld, count: int, rng: np.random.Generator) -> MoodTexts:
    """Rows of choices between two items; the pleasanter one is likelier (`prefers`)."""
    shape = (count, _rows(world, CHOSEN))
    first = rng.integers(world.items, size=shape)
    second = (first + rng.integers(1, world.items, size=shape)) % world.items
    states = world.item_states()
    is_first = rng.random(shape) < prefers(states[first], states[second])
    item = world.id("item0")
    ask, sign = (np.full(shape, world.id(name)) for name in ("<choose>", "<pick>"))
    picked = np.where(is_first, world.id("<first>"), world.id("<second>"))
    rows = np.stack([ask, item + first, item + second, sign, picked], axis=2)
    none = np.full(count, NO_STATE)
    return MoodTexts(
        ids=_begun(world, rows), user=none, reply=none, switch=np.ones(count, dtype=int)
    )


def mixed(world: MoodWorld, count: int, rng: np.random.Generator) -> np.ndarray:
    """Token ids of texts of all kinds in random order, as a model is trained on."""
    counts = rng.multinomial(count, (0.15, 0.45, 0.15, 0.10, 0.10, 0.05)).tolist()
    writers = (stories, dialogues, measures, feelings, choices, others)
    rows = [write(world, n, rng).ids for write, n in zip(writers, counts, strict=True) if n]
    return rng.permutation(np.concatenate(rows))


def _asked(
    world: MoodWorld, said: np.ndarray, answers: np.ndarray, rng: np.random.Generator
) -> MoodTexts:
    """Rows of two tokens by a user and a few words of reply, each row with a state of its own."""
    count, rows = answers.shape
    flat = answers.reshape(-1)
    at = np.repeat(flat[:, None], ASKED, axis=1)
    ids = world.draw_words(
        at, _topics(world, len(flat), rng), _hidden(len(flat), None, rng), rng
    ).reshape(count, rows, ASKED)
    ids[:, :, 0], ids[:, :, 3] = world.id("<user>"), world.id("<assistant>")
    ids[:, :, 1:3] = said
    return MoodTexts(
        ids=_begun(world, ids),
        user=np.full(count, NO_STATE),
        reply=answers,
        switch=np.full(count, 4),
    )


def _rows(world: MoodWorld, width: int) -> int:
    """Rows that fill a text; the last may be cut off."""
    return -(-world.length // width)


def _begun(world: MoodWorld, rows: np.ndarray) -> np.ndarray:
    """A start token and rows, `text row token`, up to the length of a text."""
    starts = np.full((len(rows), 1), world.id("<start>"))
    return np.concatenate([starts, rows.reshape(len(rows), -1)[:, : world.length]], axis=1)


def _follow(user: np.ndarray, manner: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The reply's state, by manner."""
    turned = np.where(user == NO_STATE, NO_STATE, (user + len(STATES) // 4) % len(STATES))
    anew = rng.integers(len(STATES), size=len(user))
    either = np.where(rng.random(len(user)) < 0.5, user, anew)
    return np.select([manner == 0, manner == 1], [user, turned], either)


def _finish(
    world: MoodWorld, ids: np.ndarray, states: np.ndarray, act: str | None, rng: np.random.Generator
) -> None:
    """Write the question at the end of each text, and its answer."""
    if act is not None and act not in ACTS:
        raise InputError(f"act={act!r} must be one of {', '.join(ACTS)}")
    which = rng.integers(len(ACTS), size=len(ids))
    valence, arousal = coordinates(states)
    for number, (name, one) in enumerate(ACTS.items()):
        chosen = which == number if act is None else np.full(len(ids), name == act)
        chances = one.chances(valence[chosen], arousal[chosen]).cumsum(axis=1)
        answer = (rng.random(len(chances))[:, None] > chances).sum(axis=1)
        answer = np.minimum(answer, len(one.answers) - 1)  # sums may end a hair under 1
        ids[chosen, -2] = world.id(one.ask)
        ids[chosen, -1] = world.id(one.answers[0]) + answer


def _states(count: int, rng: np.random.Generator) -> np.ndarray:
    drawn = rng.integers(len(STATES), size=count)
    return np.where(rng.random(count) < 1 / 6, NO_STATE, drawn)


def _topics(world: MoodWorld, count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(world.topics, size=count)


def _hidden(count: int, hide: bool | None, rng: np.random.Generator) -> np.ndarray:
    return rng.random(count) < 0.5 if hide is None else np.full(count, hide)
