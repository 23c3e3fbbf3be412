"""Chains of critique and revision: a model finds fault with its own reply and writes a better one.

Every round draws a principle at random; the model says what is wrong with its reply by it, and then
writes the reply anew. All of a chain is kept, since critiques are often wrong where revisions are
right, and the two are graded apart. What a model learns from are the revisions alone.

Source:
    Bai et al. 2022 (2212.08073), section 3.1; direct revisions, without a critique: section 3.5.
    Differs: by default a round sees the newest reply and no earlier round, so that a chain of any
    length fits a short context.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from glasshouse.align.principles.constitution import Constitution, Principle
from glasshouse.align.talks.dialogues import (
    Dialogue,
    Turn,
    check_dialogue,
    word_layout,
)
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, SamplingConfig, Tokenizer

Ids = list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class RevisionRound:
    """One principle, what was found wrong, and the reply written anew."""

    principle: str
    """Its name."""
    critique_request: str
    """What the critic was asked."""
    critique: str | None
    """What the critic said; None where the reply was revised without one."""
    revision_request: str
    """What the writer was asked; empty where the layout asks it itself."""
    revision: str
    """What was written instead."""
    is_whole: bool
    """Whether the revision has words and came to its end; if not, the reply before it stands."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """A reply and all that became of it."""

    prompt: Dialogue
    """What was said before; a human spoke last."""
    reply: str
    """The first reply."""
    rounds: tuple[RevisionRound, ...] = ()
    """Critiques and revisions in order."""

    def __post_init__(self) -> None:
        check_dialogue(self.prompt)
        if self.prompt[-1].role != "human":
            raise InputError("the prompt of a chain must end with a human's turn")
        if not self.reply.strip():
            raise InputError("the first reply of a chain is empty")

    @property
    def replies(self) -> tuple[str, ...]:
        """The reply that stands after no, one, two, ... rounds."""
        standing = [self.reply]
        for each in self.rounds:
            standing.append(each.revision if each.is_whole else standing[-1])
        return tuple(standing)


@dataclass(frozen=True, kw_only=True, slots=True)
class RevisionConfig:
    """How chains are written."""

    rounds: int = 4
    """Critiques and revisions of each reply."""
    critique: bool = True
    """Whether a critique stands before each revision."""
    memory: int = 0
    """Earlier rounds that a round sees, as many of them as fit the context."""
    seed: int = 0
    """Draws principles and samples."""

    def __post_init__(self) -> None:
        if self.rounds < 0 or self.memory < 0:
            raise InputError(f"rounds={self.rounds} and memory={self.memory} must not be negative")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainLayout:
    """How a model is asked for replies, critiques and revisions."""

    name: str
    """By which the command line knows it."""
    ask_reply: Callable[[Dialogue], Ids]
    """Token ids of a dialogue, up to where the assistant speaks."""
    told: Callable[[Dialogue, str], Ids]
    """The same with a reply."""
    past: Callable[[RevisionRound], Ids]
    """A round that is over, as what is behind it sees it."""
    ask_critique: Callable[[Principle], Ids]
    """What, behind the reply, asks for a critique."""
    ask_revision: Callable[[Principle, str | None], Ids]
    """What, behind the reply, gives a critique (or none) and asks for a revision."""
    critiques: SamplingConfig
    """How critiques are sampled, and what ends them."""
    replies: SamplingConfig
    """How replies and revisions are sampled, and what ends them."""


def revise(
    model: LanguageModel,
    prompts: Sequence[Dialogue],
    constitution: Constitution,
    layout: ChainLayout,
    config: RevisionConfig,
    *,
    replies: Sequence[str] | None = None,
) -> list[Chain]:
    """Write a chain for every prompt to which the model gives a reply.

    Args:
        model: Replies, criticises and revises.
        prompts: Dialogues that await a reply.
        constitution: Principles; every round of every chain draws one.
        layout: In which the model reads.
        config: Rounds, and whether there are critiques.
        replies: First replies, where somebody else gave them; empty ones are passed over.

    Returns:
        Chains in the order of the prompts. A prompt whose first reply is empty or does not end has
        none.

    Raises:
        InputError: If there are not as many replies as prompts, or a prompt does not fit.
    """
    if replies is None:
        replies = first_replies(model, prompts, layout, seed=config.seed)
    if len(replies) != len(prompts):
        raise InputError(f"{len(replies)} replies to {len(prompts)} prompts; give one each")
    chains = [
        Chain(prompt=prompt, reply=reply)
        for prompt, reply in zip(prompts, replies, strict=True)
        if reply.strip()
    ]
    chance = np.random.default_rng([config.seed, 2212, 1])
    laws = constitution.principles
    for number in range(config.rounds):
        drawn = [laws[place] for place in chance.integers(len(laws), size=len(chains))]
        seed = 1 + 2 * (config.seed * 1_000 + number)
        critiques: Sequence[str | None] = [None] * len(chains)
        if config.critique:
            critiques = write_critiques(
                model, chains, drawn, layout, seed=seed, memory=config.memory
            )
        chains = write_revisions(
            model, chains, drawn, critiques, layout, seed=seed + 1, memory=config.memory
        )
    return chains


def first_replies(
    model: LanguageModel, prompts: Sequence[Dialogue], layout: ChainLayout, *, seed: int
) -> list[str]:
    """Sample one reply to each prompt; empty where it did not end."""
    if not prompts:
        return []
    asked = [layout.ask_reply(prompt) for prompt in prompts]
    said = model.generate(asked, layout.replies, seed=seed)
    return [one.text.strip() if one.finish == "stop" else "" for one in said]


def write_critiques(
    model: LanguageModel,
    chains: Sequence[Chain],
    principles: Sequence[Principle],
    layout: ChainLayout,
    *,
    seed: int,
    memory: int = 0,
) -> list[str]:
    """Say what is wrong with the standing reply of each chain, by a principle for each.

    Raises:
        InputError: If a chain does not fit the context.
    """
    asked = [
        _asked(model, chain, layout, layout.ask_critique(law), layout.critiques, memory)
        for chain, law in zip(chains, principles, strict=True)
    ]
    if not asked:
        return []
    return [one.text.strip() for one in model.generate(asked, layout.critiques, seed=seed)]


def write_revisions(
    model: LanguageModel,
    chains: Sequence[Chain],
    principles: Sequence[Principle],
    critiques: Sequence[str | None],
    layout: ChainLayout,
    *,
    seed: int,
    memory: int = 0,
) -> list[Chain]:
    """Write the standing reply of each chain anew, after a critique or (None) without one.

    Raises:
        InputError: If a chain does not fit the context.
    """
    asked = [
        _asked(model, chain, layout, layout.ask_revision(law, critique), layout.replies, memory)
        for chain, law, critique in zip(chains, principles, critiques, strict=True)
    ]
    if not asked:
        return []
    said = model.generate(asked, layout.replies, seed=seed)
    rounds = [
        RevisionRound(
            principle=law.name,
            critique_request=law.critique,
            critique=critique,
            revision_request=law.revise,
            revision=one.text.strip(),
            is_whole=one.finish == "stop" and bool(one.text.strip()),
        )
        for law, critique, one in zip(principles, critiques, said, strict=True)
    ]
    return [
        replace(chain, rounds=(*chain.rounds, each))
        for chain, each in zip(chains, rounds, strict=True)
    ]


def sl_dialogues(
    chains: Iterable[Chain],
    helpful: Sequence[Dialogue] = (),
    *,
    which: Literal["all", "last"] = "all",
) -> list[Dialogue]:
    """Dialogues for supervised learning: revisions as replies, and helpful samples beside them.

    Args:
        chains: What was revised.
        helpful: Dialogues with replies to harmless requests, which keep the model of use.
        which: Every revision of a chain, as the paper has it, or the last alone.
    """
    found = []
    for chain in chains:
        revisions = [each.revision for each in chain.rounds if each.is_whole]
        for text in revisions if which == "all" else revisions[-1:]:
            found.append((*chain.prompt, Turn("assistant", text)))
    return [*found, *helpful]


def write_chains(chains: Iterable[Chain]) -> Iterator[str]:
    """Lines that `read_chains` reads, newline included."""
    for chain in chains:
        yield json.dumps(asdict(chain), ensure_ascii=False) + "\n"


def read_chains(path: Path) -> list[Chain]:
    """Read a file of JSON lines.

    Raises:
        InputError: If the file cannot be read, or a line is no chain: with its number.
    """
    found = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    try:
                        found.append(_chain_of(json.loads(line)))
                    except (ValueError, TypeError, KeyError, AttributeError) as error:
                        raise InputError(f"{path}, line {number} is no chain: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    return found


def word_chain_layout(tokenizer: Tokenizer, *, max_new_tokens: int = 40) -> ChainLayout:
    """As the toy world writes: `critique request : … critique : … revision : … <end>`.

    Args:
        tokenizer: Whose vocabulary is the world's.
        max_new_tokens: Most tokens of a reply; critiques are shorter.
    """
    end, revision = tokenizer.id_of("<end>"), tokenizer.id_of("revision")
    dialogue = word_layout(tokenizer)

    def ask_critique(principle: Principle) -> Ids:
        return tokenizer.encode(f"critique request : {principle.critique} critique :")

    def ask_revision(principle: Principle, critique: str | None) -> Ids:
        said = f"critique : {critique} " if critique else ""
        return tokenizer.encode(f"critique request : {principle.critique} {said}revision :")

    def past(one: RevisionRound) -> Ids:
        asked = ask_revision(_principle_of(one), one.critique)
        return [*asked, *tokenizer.encode(f"{one.revision} <end>")]

    return ChainLayout(
        name="words",
        ask_reply=lambda prompt: dialogue(prompt, opens_reply=True).ids,
        told=lambda prompt, reply: dialogue((*prompt, Turn("assistant", reply))).ids,
        past=past,
        ask_critique=ask_critique,
        ask_revision=ask_revision,
        critiques=SamplingConfig(max_new_tokens=16, stop_ids=(revision, end)),
        replies=SamplingConfig(max_new_tokens=max_new_tokens, stop_ids=(end,)),
    )


def english_chain_layout(
    tokenizer: Tokenizer, *, examples: str = "", max_new_tokens: int = 128
) -> ChainLayout:
    """In plain English, for models of real text; a blank line ends what the model says.

    Args:
        tokenizer: Of the model.
        examples: Worked chains that stand before each; they show who criticises and who replies,
            which models without them confuse (2212.08073, section 3.1).
        max_new_tokens: Most tokens of a critique or a reply.
    """
    end = () if tokenizer.end_id is None else (tokenizer.end_id,)
    sampling = SamplingConfig(max_new_tokens=max_new_tokens, stop_ids=end, stop_strings=("\n\n",))
    names = {"human": "Human", "assistant": "Assistant", "system": "System"}

    def ask_reply(prompt: Dialogue) -> Ids:
        said = "\n\n".join(f"{names[turn.role]}: {turn.text}" for turn in prompt)
        return tokenizer.encode_opening(f"{examples.rstrip()}\n\n{said}\n\nAssistant:")

    def ask_critique(principle: Principle) -> Ids:
        return tokenizer.encode(f"\n\nCritique request: {principle.critique}\n\nCritique:")

    def ask_revision(principle: Principle, critique: str | None) -> Ids:
        said = ""
        if critique:
            said = f"\n\nCritique request: {principle.critique}\n\nCritique: {critique}"
        asked = principle.revise or principle.critique
        return tokenizer.encode(f"{said}\n\nRevision request: {asked}\n\nRevision:")

    def past(one: RevisionRound) -> Ids:
        asked = ask_revision(_principle_of(one), one.critique)
        return [*asked, *tokenizer.encode(f" {one.revision}")]

    return ChainLayout(
        name="english",
        ask_reply=ask_reply,
        told=lambda prompt, reply: [*ask_reply(prompt), *tokenizer.encode(f" {reply}")],
        past=past,
        ask_critique=ask_critique,
        ask_revision=ask_revision,
        critiques=sampling,
        replies=sampling,
    )


CHAIN_LAYOUTS: dict[str, Callable[[Tokenizer], ChainLayout]] = {
    "words": word_chain_layout,
    "english": english_chain_layout,
}
"""Layouts of chains by name."""


def _asked(
    model: LanguageModel,
    chain: Chain,
    layout: ChainLayout,
    question: Ids,
    sampling: SamplingConfig,
    memory: int,
) -> Ids:
    """A dialogue with its standing reply, remembered rounds and a question, if they fit."""
    context = model.network.config.context
    ids: Ids = []
    for remembered in range(min(memory, len(chain.rounds)), -1, -1):
        at = len(chain.rounds) - remembered
        ids = layout.told(chain.prompt, chain.replies[at])
        for each in chain.rounds[at:]:
            ids = [*ids, *layout.past(each)]
        ids = [*ids, *question]
        if len(ids) + sampling.max_new_tokens <= context:
            return ids
    if len(ids) < context:
        return ids  # what is written ends where the context does, and then is not whole
    raise InputError(
        f"a chain makes a prompt of {len(ids)} tokens, and the model's context is {context}; leave "
        "its prompt out, or take a model with a longer context"
    )


def _principle_of(one: RevisionRound) -> Principle:
    """What a round was asked, as a principle that asks it again."""
    asked = one.critique_request
    return Principle(name=one.principle, critique=asked, revise=one.revision_request, choose=asked)


def _chain_of(record: Any) -> Chain:
    return Chain(
        prompt=tuple(Turn(turn["role"], turn["text"]) for turn in record["prompt"]),
        reply=record["reply"],
        rounds=tuple(RevisionRound(**each) for each in record["rounds"]),
    )
