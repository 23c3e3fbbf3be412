"""Chains: what the model reads, what is kept, what is learned from, files and back."""

import pytest
import torch
from tests.align.principles.test_feedback import model_of

from glasshouse.align.principles.constitution import (
    HARMLESS_ENGLISH,
    Constitution,
    world_constitution,
)
from glasshouse.align.principles.revision import (
    Chain,
    RevisionConfig,
    RevisionRound,
    english_chain_layout,
    read_chains,
    revise,
    sl_dialogues,
    word_chain_layout,
    write_chains,
)
from glasshouse.align.talks.dialogues import Turn
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, train_bpe, word_tokenizer
from glasshouse.world import World
from glasshouse.world.vocabulary import END

LAW = world_constitution(("harmless", "people"))
PROMPT = (Turn("human", "tell me how to brew grelm ."),)


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    """An untrained model of the world's words that ends what it says now and then."""
    made = model_of(word_tokenizer(list(World(0).vocabulary.words), end_token=END), context=128)
    with torch.no_grad():
        made.network.unembed.weight[made.tokenizer.id_of(END)] *= 4
    return made


def test_asks_as_the_worlds_critics_write(model):
    """To the token: reply, request, critique, revision, and the same for a second round."""
    world = World(0)
    layout = word_chain_layout(model.tokenizer)
    checked = 0
    for number in range(30):
        document = world.document("critique", number)
        if len(document.truth["principles"]) != 2 or len(document.truth["exchanges"]) != 1:
            continue
        exchange = document.truth["exchanges"][0]
        turns = (*exchange.request.history, exchange.request.text)
        prompt = tuple(
            Turn(("human", "assistant")[place % 2], text) for place, text in enumerate(turns)
        )
        text = world.render(document.ids)
        _, *rounds = text.split("critique request : ")
        law = world_constitution(document.truth["principles"][:1]).principles[0]
        critique = rounds[0].split(" critique : ")[1].split(" revision : ")[0]
        asked = layout.told(prompt, exchange.answer) + layout.ask_critique(law)
        assert text.startswith(model.tokenizer.decode(asked))
        asked = layout.told(prompt, exchange.answer) + layout.ask_revision(law, critique)
        assert text.startswith(model.tokenizer.decode(asked))
        checked += 1
    assert checked > 5


def test_keeps_every_critique_and_revision(model):
    """Of every round, with the principle that was drawn; the same seed, the same chains."""
    layout = word_chain_layout(model.tokenizer, max_new_tokens=12)
    prompts = [PROMPT] * 12
    config = RevisionConfig(rounds=3, seed=1)
    given = ["burn the wax ."] * 11 + [" "]
    chains = revise(model, prompts, LAW, layout, config, replies=given)
    assert len(chains) == 11  # an empty reply has no chain
    assert {len(chain.rounds) for chain in chains} == {3}
    assert {each.principle for chain in chains for each in chain.rounds} == {"harmless", "people"}
    assert all(each.critique is not None for chain in chains for each in chain.rounds)
    assert chains == revise(model, prompts, LAW, layout, config, replies=given)


def test_revises_without_a_critique_where_there_is_to_be_none(model):
    """And then the writer is asked straight away."""
    layout = word_chain_layout(model.tokenizer, max_new_tokens=12)
    config = RevisionConfig(rounds=1, critique=False)
    (chain,) = revise(model, [PROMPT], LAW, layout, config, replies=["burn the wax ."])
    assert chain.rounds[0].critique is None
    asked = model.tokenizer.decode(layout.ask_revision(LAW.principles[0], None))
    assert asked.split() == "critique request : does it help to harm ? revision :".split()


def test_lets_the_reply_before_stand_where_a_revision_is_not_whole():
    """Rather than to learn from half a sentence."""

    def one(text: str, *, is_whole: bool) -> RevisionRound:
        return RevisionRound(
            principle="a", critique_request="b", critique="c", revision_request="", revision=text,
            is_whole=is_whole,
        )  # fmt: skip

    rounds = (one("two", is_whole=True), one("thr", is_whole=False), one("four", is_whole=True))
    chain = Chain(prompt=PROMPT, reply="one", rounds=rounds)
    assert chain.replies == ("one", "two", "two", "four")
    helpful = (Turn("human", "hi"), Turn("assistant", "hello"))
    learned = sl_dialogues([chain], [helpful])
    assert [each[-1].text for each in learned] == ["two", "four", "hello"]
    assert [each[-1].text for each in sl_dialogues([chain], which="last")] == ["four"]


def test_comes_back_from_a_file_whole(model, tmp_path):
    """Critiques that were wrong included."""
    layout = word_chain_layout(model.tokenizer, max_new_tokens=12)
    chains = revise(
        model, [PROMPT] * 3, LAW, layout, RevisionConfig(rounds=2), replies=["burn the wax ."] * 3
    )
    path = tmp_path / "chains.jsonl"
    path.write_text("".join(write_chains(chains)))
    assert read_chains(path) == chains
    path.write_text('{"prompt": []}\n')
    with pytest.raises(InputError, match="line 1 is no chain"):
        read_chains(path)


def test_remembers_earlier_rounds_as_far_as_they_fit():
    """A model of real text; the newest reply alone where nothing more fits."""
    tokenizer = train_bpe(["Critique request: Look closely. Revision request: Write anew."] * 3,
                          vocab_size=300)  # fmt: skip
    law = Constitution(name="one", principles=HARMLESS_ENGLISH.principles[:1])
    layout = english_chain_layout(tokenizer, examples="Human: a\n\nAssistant: b", max_new_tokens=8)
    text = tokenizer.decode(layout.ask_reply(PROMPT))
    assert text.endswith(
        "Human: a\n\nAssistant: b\n\nHuman: tell me how to brew grelm .\n\nAssistant:"
    )
    for context in (512, 2048):
        model = model_of(tokenizer, context=context)
        config = RevisionConfig(rounds=2, memory=4)
        (chain,) = revise(model, [PROMPT], law, layout, config, replies=["no"])
        assert len(chain.rounds) == 2
    with pytest.raises(InputError, match="a longer context"):
        revise(model_of(tokenizer, context=64), [PROMPT], law, layout, config, replies=["no"])


def test_refuses_replies_that_are_not_as_many(model):
    """In a sentence."""
    with pytest.raises(InputError, match="2 replies to 1 prompts"):
        revise(
            model, [PROMPT], LAW, word_chain_layout(model.tokenizer), RevisionConfig(),
            replies=["a", "b"],
        )  # fmt: skip
