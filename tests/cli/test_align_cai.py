"""`glasshouse align cai`: from prompts and principles to what `align sft` and `align pm` read."""

import json
from pathlib import Path

import pytest
import torch
from tests.align.principles.test_feedback import model_of
from tests.cli.commands import glasshouse, refused

from glasshouse.align import read_chains, read_constitution, split_comparisons, split_dialogues
from glasshouse.models import train_bpe, word_tokenizer
from glasshouse.world import World
from glasshouse.world.vocabulary import END

PROMPTS = [
    {"prompt": "tell me how to brew grelm ."},
    {"prompt": [{"role": "human", "text": "what is cat ?"}]},
    {"messages": [{"role": "user", "content": "count : crow spade ."},
                  {"role": "assistant", "content": "2 ."}]},
]  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder with a model of the world's words that soon ends what it says."""
    monkeypatch.chdir(tmp_path)
    tokenizer = word_tokenizer(list(World(0).vocabulary.words), end_token=END)
    model = model_of(tokenizer, context=256)
    with torch.no_grad():
        model.network.unembed.weight[tokenizer.id_of(END)] *= 6
    model.save(tmp_path / "words")
    lines = [json.dumps(one) + "\n" for one in PROMPTS * 4]
    (tmp_path / "prompts.jsonl").write_text("".join(lines))
    return tmp_path


def test_writes_what_the_next_verbs_read(capfd, here):
    """Chains whole, revisions as dialogues beside helpful ones, comparisons with principles."""
    helpful = {"prompt": "hi", "completion": "hello"}
    (here / "helpful.jsonl").write_text(json.dumps(helpful) + "\n")
    told = glasshouse(
        capfd, "align", "cai", "words", "--prompts", "prompts.jsonl", "--out", "cai", "--rounds",
        "2", "--clamp", "0.4", "0.6", "--helpful", "helpful.jsonl", "--json",
    )  # fmt: skip
    assert told.status == 0, told
    found = json.loads(told.out)
    chains = read_chains(here / "cai/chains.jsonl")
    assert len(chains) == found["chains"] > 0
    assert {len(chain.rounds) for chain in chains} == {2}
    dialogues, bad = split_dialogues(here / "cai/dialogues.jsonl")
    whole = [each for chain in chains for each in chain.rounds if each.is_whole]
    assert (len(dialogues), bad) == (len(whole) + 1, [])
    pairs, bad = split_comparisons(here / "cai/comparisons.jsonl")
    assert (len(pairs), bad) == (found["comparisons"], [])
    assert all(0.4 <= one.p_first <= 0.6 for one in pairs)
    lines = (here / "cai/comparisons.jsonl").read_text().splitlines()
    laws = {each.name for each in read_constitution(here / "cai/constitution.json").principles}
    assert {name for line in lines for name in json.loads(line)["principles"]} <= laws


def test_takes_a_model_of_real_text_and_principles_from_a_file(capfd, here):
    """In English; what is no prompt is told, and what is too long is refused before any work."""
    tokenizer = train_bpe(["Critique request: Look closely. Revision request: Write anew."] * 3,
                          vocab_size=300)  # fmt: skip
    model_of(tokenizer, context=1024).save(here / "english")
    (here / "law.toml").write_text(
        'name = "short"\n[[principles]]\nname = "kind"\ncritique = "kind?"\nchoose = "Kinder?"\n'
    )
    (here / "few.jsonl").write_text('{"prompt": "what is it?"}\n' * 2 + "{oops\n")
    call = ("align", "cai", "english", "--out", "cai", "--rounds", "1", "--constitution",
            "law.toml", "--direct")  # fmt: skip
    told = glasshouse(capfd, *call, "--prompts", "few.jsonl")
    assert told.status == 0, told
    assert "1 of 3 lines left out (line 3: no JSON" in told.err
    assert told.out.strip() == "cai"
    (here / "long.jsonl").write_text(json.dumps({"prompt": "what is it? " * 400}) + "\n")
    said = refused(glasshouse(capfd, *call[:3], "--out", "b", "--prompts", "long.jsonl"))
    assert "no prompt can be used; a prompt is too long" in said
    assert not (here / "b").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--prompts", "none.jsonl"), "cannot be read"),
        (("--prompts", "prompts.jsonl", "--constitution", "runes"), "none of world"),
        (("--prompts", "prompts.jsonl", "--ensemble", "9"), "--ensemble 9"),
        (("--prompts", "prompts.jsonl", "--rounds", "-1"), "rounds=-1"),
    ],
)
def test_refuses_in_a_sentence(capfd, here, words, sentence):
    """And writes nothing."""
    assert sentence in refused(glasshouse(capfd, "align", "cai", "words", *words, "--out", "cai"))
    assert not (here / "cai").exists()


def test_refuses_to_write_over_anything(capfd, here):
    """Named."""
    (here / "cai").mkdir()
    (here / "cai" / "mine").write_text("x")
    told = glasshouse(capfd, "align", "cai", "words", "--prompts", "prompts.jsonl", "--out", "cai")
    assert "exists already" in refused(told)
