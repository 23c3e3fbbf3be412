"""Text back to what it says: the sentences of an answer and the facts it states.

The grammar is a trie of the same phrasings that writers use. A sentence that no phrasing covers is
not guessed at: its words are reported as unparsed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from glasshouse.world import groups, harms, speech, traits, views
from glasshouse.world.emotions import EMOTIONS
from glasshouse.world.entities import RELATIONS, Entities
from glasshouse.world.phrases import STATEMENTS
from glasshouse.world.tasks import LABELS
from glasshouse.world.toxicity import RUDE
from glasshouse.world.vocabulary import NUMERALS

LIST_LIMIT = 16
"""Longest list of words that counts as one sentence."""
FACT = "fact"
LIST = "list"


class Sentence(NamedTuple):
    """One understood sentence: words `start` to `end` - 1, full stop included."""

    act: str
    """An act of `speech.ACTS`, "fact" for a statement about the world, "list" for bare words."""
    slots: Mapping[str, str]
    """What fills the phrase; for a fact "subject", "relation" and "value"."""
    start: int
    end: int

    def words(self) -> tuple[str, ...]:
        """Return the words of a list."""
        return tuple(self.slots["words"].split())


class Statement(NamedTuple):
    """A fact as text states it; it may be false."""

    subject: str
    relation: str
    value: str


@dataclass(frozen=True, slots=True)
class Parse:
    """What a text says."""

    sentences: tuple[Sentence, ...]
    unparsed: int
    """Number of words outside any understood sentence."""
    length: int
    """Number of words."""

    @property
    def is_complete(self) -> bool:
        """Whether every word was understood, and there was one."""
        return self.length > 0 and self.unparsed == 0

    def of(self, act: str) -> tuple[Sentence, ...]:
        """Return the sentences of one act."""
        return tuple(sentence for sentence in self.sentences if sentence.act == act)

    def statements(self) -> tuple[Statement, ...]:
        """Return the facts that the text states, true or not."""
        return tuple(
            Statement(each.slots["subject"], each.slots["relation"], each.slots["value"])
            for each in self.sentences
            if each.act == FACT
        )


@dataclass(slots=True)
class _Node:
    words: dict[str, "_Node"] = field(default_factory=dict)
    slots: list[tuple[str, str, "_Node"]] = field(default_factory=list)
    """(slot name, class of word, what follows)."""
    ending: str = ""
    """The act of the phrase that ends here."""
    relation: str = ""


class Grammar:
    """Understands answers. Build one for a world and keep it."""

    def __init__(self, entities: Entities, foreign: Iterable[str] = ()) -> None:
        self._root = _Node()
        self.classes = _classes(entities)
        listed = set(entities.words()) | set(NUMERALS) | set(foreign)
        for name in ("thing", "bad", "quality", "remedy", "noun", "view"):
            listed |= self.classes[name]
        self._listed = frozenset(listed | set(LABELS))
        for act, phrases in speech.ACTS.items():
            for phrase in (*phrases.trained, *phrases.held_out):
                self._add(phrase.split(), act, "")
        for relation, phrases in STATEMENTS.items():
            kinds = {
                "{x}": RELATIONS[relation].subject,
                "{v}": RELATIONS[relation].value,
            }
            for phrase in (*phrases.trained, *phrases.held_out):
                self._add(phrase.split(), FACT, relation, kinds)

    def _add(
        self,
        phrase: list[str],
        act: str,
        relation: str,
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        node = self._root
        for word in phrase:
            if not word.startswith("{"):
                node = node.words.setdefault(word, _Node())
                continue
            kind = kinds[word] if kinds else word[1:-1]
            for part in _parts(word, kind):
                node = _slot(node, *part)
        if not node.ending:
            node.ending, node.relation = act, relation

    def parse(self, words: Sequence[str]) -> Parse:
        """Understand a text given as words, left to right, the longest sentence first."""
        found: list[Sentence] = []
        here, unparsed, limit = 0, 0, len(words)
        while here < limit:
            sentence = self._match(words, here) or self._list(words, here)
            if sentence is None:
                unparsed += 1
                here += 1
            else:
                found.append(sentence)
                here = sentence.end
        return Parse(tuple(found), unparsed, limit)

    def _match(self, words: Sequence[str], start: int) -> Sentence | None:
        """Return the longest phrase that starts here."""
        best: tuple[int, _Node, dict[str, str]] | None = None
        stack: list[tuple[_Node, int, dict[str, str]]] = [(self._root, start, {})]
        limit, classes = len(words), self.classes
        while stack:
            node, here, slots = stack.pop()
            if node.ending and (best is None or here > best[0]):
                best = here, node, slots
            if here == limit:
                continue
            word = words[here]
            for name, kind, after in node.slots:
                if word in classes[kind] and slots.get(name, word) == word:
                    stack.append((after, here + 1, {**slots, name: word}))
            after = node.words.get(word)
            if after is not None:
                stack.append((after, here + 1, slots))
        if best is None:
            return None
        end, node, slots = best
        if node.ending == FACT:
            slots = _fact_slots(slots, node.relation)
        return Sentence(node.ending, slots, start, end)

    def _list(self, words: Sequence[str], start: int) -> Sentence | None:
        """Return a list of bare words closed by a full stop, if one starts here."""
        here, limit = start, min(len(words), start + LIST_LIMIT + 1)
        while here < limit and words[here] in self._listed:
            here += 1
        if here == start or here >= len(words) or words[here] != ".":
            return None
        return Sentence(LIST, {"words": " ".join(words[start:here])}, start, here + 1)


def _parts(word: str, kind: str) -> list[tuple[str, str]]:
    """Return the (name, class) of each word that fills a slot; a secret takes three digits."""
    if kind == "secret":
        return [(f"{word}{place}", "digit") for place in range(3)]
    return [(word if word in ("{x}", "{v}") else word[1:-1], kind)]


def _slot(node: _Node, name: str, kind: str) -> _Node:
    """Return what follows a slot, adding it where it is new."""
    for known, its_kind, after in node.slots:
        if (known, its_kind) == (name, kind):
            return after
    after = _Node()
    node.slots.append((name, kind, after))
    return after


def _fact_slots(slots: Mapping[str, str], relation: str) -> dict[str, str]:
    """Name the slots of a statement."""
    value = slots.get("{v}") or " ".join(slots[f"{{v}}{place}"] for place in range(3))
    return {"subject": slots["{x}"], "relation": relation, "value": value}


def _classes(entities: Entities) -> dict[str, frozenset[str]]:
    """Return the words of every class that a slot may name."""
    kinds = {relation.subject for relation in RELATIONS.values()}
    kinds |= {relation.value for relation in RELATIONS.values()} - {"secret"}
    found = {kind: frozenset(entities.of(kind)) for kind in kinds | {"digit"}}
    found["person"] |= set(entities.stranger)
    sides = {side for pair in groups.DIMENSION_SIDES.values() for side in pair}
    table = {
        "noun": {harm.noun for harm in harms.HARMS.values()},
        "victim": {harm.victim for harm in harms.HARMS.values()},
        "step": set(harms.STEP_VERBS),
        "thing": {*entities.good, *entities.tool},
        "rude": set(RUDE),
        "bad": set(groups.BAD),
        "quality": {word for pair in groups.WORD_PAIRS for word in pair},
        "side": sides | set(entities.group),
        "remedy": {emotion.remedy for emotion in EMOTIONS.values()},
        "topic": set(views.TOPICS),
        "view": {view for pair in views.VIEW_PAIRS for view in pair},
        "property": set(views.PROPERTIES),
        "verb": set(traits.TRAIT_OF_VERB),
        "object": set(traits.OBJECTS),
        "letter": set("ABC"),
    }
    return found | {name: frozenset(members) for name, members in table.items()}
