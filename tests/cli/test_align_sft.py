"""`glasshouse align sft|dpo|pm` from files of every shape to models that speak and judge."""

import json
from pathlib import Path

import pytest
import torch
from tests.align.judges.test_model import comparisons, judge
from tests.cli.commands import glasshouse, refused

from glasshouse.align import (
    Turn,
    load_preference_model,
    reply_logprobs,
    word_layout,
    write_comparisons,
)
from glasshouse.models import LanguageModel, Transformer, gpt, train_bpe
from glasshouse.training import open_run

DATA = Path(__file__).parents[3] / "shared" / "data"
TALKS = [
    {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": text}]}
    for text in ("good sun", "good rain", "good sun sun", "good .", "sun good", "good rain rain")
]
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|endoftext|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
FEW = ("--set", "epochs=12", "--set", "batch_tokens=64", "--set", "schedule.peak_lr=3e-3")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder with a small model of few words, and dialogues of them."""
    monkeypatch.chdir(tmp_path)
    judge().language.save(tmp_path / "words")
    (tmp_path / "talks.jsonl").write_text("".join(json.dumps(one) + "\n" for one in TALKS * 3))
    return tmp_path


def save_gpt2(folder: Path, *, template: bool = False) -> None:
    """A GPT-2 of two layers with random weights, as Hugging Face has it."""
    tokenizer = train_bpe(["Human: what is it? Assistant: I am here."], vocab_size=300)
    shape = gpt(tokenizer.vocab_size, context=96, num_layers=2, d_model=16, num_heads=2)
    network = Transformer(shape, generator=torch.Generator().manual_seed(0))
    LanguageModel(network, tokenizer, "a test").save(folder, layout="huggingface")
    if template:
        path = folder / "tokenizer_config.json"
        settings = json.loads(path.read_text())
        path.write_text(json.dumps(settings | {"chat_template": TEMPLATE}))


class TestSft:
    def test_makes_a_run_that_speaks_and_goes_on(self, capfd, here):
        """A run folder as any other: it remembers its layout, and generates."""
        told = glasshouse(
            capfd, "align", "sft", "words", "--dialogues", "talks.jsonl", "--out", "runs/a", *FEW
        )
        assert told.status == 0, told
        assert told.out.strip() == "runs/a"
        assert "% are padding" in told.err
        run = open_run(here / "runs/a")
        assert run.is_finished
        assert run.record.recipe["layout"] == "words"
        assert run.record.rows == "packed"
        model = LanguageModel.load("run:a")
        prompt = word_layout(model.tokenizer)((Turn("human", "hi"),), opens_reply=True).ids
        before = LanguageModel.load("words").logprobs([prompt], ["good"])[0][0]
        assert model.logprobs([prompt], ["good"])[0][0] > before + 0.5
        again = glasshouse(capfd, "train", "--resume", "runs/a")
        assert "is finished" in again.err

    def test_tells_every_step(self, capfd):
        """One record a step, and the held-out loss where it is measured."""
        told = glasshouse(
            capfd, "align", "sft", "words", "--dialogues", "talks.jsonl", "--out", "a", "--json",
            "--held-out", "talks.jsonl", "--set", "evaluate_every=1",
        )  # fmt: skip
        assert told.status == 2
        lines = [{"text": "\n\nHuman: hi\n\nAssistant: sun sun"}, TALKS[1]]
        Path("held.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
        told = glasshouse(
            capfd, "align", "sft", "words", "--dialogues", "talks.jsonl", "--out", "a", "--json",
            "--held-out", "held.jsonl", "--set", "evaluate_every=1",
        )  # fmt: skip
        steps = [json.loads(line) for line in told.out.splitlines()]
        assert [step["step"] for step in steps] == list(range(1, len(steps) + 1))
        assert all(step["held_out"] > 0 for step in steps)
        assert "3 dialogues are held out, and not learned from" in told.err

    def test_counts_what_it_cuts_and_leaves_out(self, capfd):
        """A talk of three long exchanges does not fit 32 tokens; a bad line is no dialogue."""
        long = [{"role": role, "content": "sun " * 7} for role in ("user", "assistant") * 3]
        with Path("talks.jsonl").open("a") as file:
            file.write(json.dumps({"messages": long}) + "\n{oops\n")
        told = glasshouse(
            capfd, "align", "sft", "words", "--dialogues", "talks.jsonl", "--out", "a"
        )
        assert "1 of 20 lines left out (line 20: no JSON" in told.err
        assert "dialogues lost their oldest turns" in told.err

    def test_reads_the_model_s_own_template(self, capfd, here):
        """Which is the default of a model that brings one along, and is kept with what is made."""
        save_gpt2(here / "chat", template=True)
        told = glasshouse(
            capfd, "align", "sft", "chat", "--dialogues", "talks.jsonl", "--out", "runs/c"
        )
        assert told.status == 0, told
        assert open_run(here / "runs/c").record.recipe["layout"] == "template"
        (here / "pairs.jsonl").write_text("".join(write_comparisons(comparisons(40, seed=0))))
        told = glasshouse(
            capfd, "align", "pm", "run:c", "--pairs", "pairs.jsonl", "--out", "pm", "--json"
        )
        assert json.loads(told.out)["layout"] == "template"
        own = load_preference_model(here / "pm")
        written = own.layout((Turn("human", "hi"), Turn("assistant", "sun"))).ids
        assert own.language.tokenizer.decode(written).startswith("<|user|>hi<|endoftext|>")

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (("--dialogues", "none.jsonl"), "cannot be read"),
            (("--dialogues", "talks.jsonl", "--layout", "runes"), "'runes' must be one of"),
            (("--dialogues", "talks.jsonl", "--layout", "template"), "brings no chat template"),
            (("--dialogues", "talks.jsonl", "--too-long", "never"), "must be one of cut, skip"),
            (("--dialogues", "talks.jsonl", "--set", "context=500"), "context"),
        ],
    )
    def test_refuses_in_a_sentence(self, capfd, here, words, sentence):
        """And writes nothing."""
        told = glasshouse(capfd, "align", "sft", "words", *words, "--out", "out")
        assert sentence in refused(told)
        assert not (here / "out").exists()


class TestDpo:
    def test_teaches_what_is_preferred(self, capfd, here):
        """On comparisons that it has not seen, and into a folder that is a model's."""
        pairs = comparisons(200, seed=0)
        (here / "pairs.jsonl").write_text("".join(write_comparisons(pairs)))
        words = (
            "align", "dpo", "words", "--pairs", "pairs.jsonl", "--out", "dpo", "--json",
            "--set", "schedule.peak_lr=3e-3", "--set", "batch=8",
        )  # fmt: skip
        told = glasshouse(capfd, *words)
        assert told.status == 0, told
        *steps, whole = map(json.loads, told.out.splitlines())
        assert steps[0]["loss"] == pytest.approx(0.693, abs=0.01)
        assert whole["accuracy"] > 0.9
        model, before = LanguageModel.load("dpo"), LanguageModel.load("words")
        layout = word_layout(model.tokenizer)
        gain = reply_logprobs(model, pairs, layout) - reply_logprobs(before, pairs, layout)
        assert (gain[:, 0] - gain[:, 1]).mean() > 0.5
        again = glasshouse(capfd, *words)
        assert json.loads(again.out) == whole  # nothing was left to do but to measure
        other = glasshouse(capfd, *words, "--set", "beta=0.3")
        assert "other config.beta" in refused(other)


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("hh-rlhf-harmless-base/train.jsonl", 20),
        ("oasst-ranked-trees/trees.jsonl", 5),
        ("llmbar/pairs.jsonl", 5),
        ("pandalm-testset/pairs.jsonl", 20),
    ],
)
def test_learns_from_real_comparisons_end_to_end(capfd, here, name, least):
    """A GPT-2 with random weights reads each file, is trained, saved, loaded and scored."""
    if not (DATA / name).is_file():
        pytest.skip("the file is not here")
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()[:120]
    (here / "real.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    save_gpt2(here / "gpt2")
    told = glasshouse(
        capfd, "align", "pm", "gpt2", "--pairs", "real.jsonl", "--out", "pm", "--json"
    )
    assert told.status == 0, told
    found = json.loads(told.out)
    assert found["layout"] == "human-assistant"
    assert found["pairs"] >= least or "left out" in told.err
    compared = glasshouse(capfd, "align", "compare", "pm", "--pairs", "real.jsonl", "--json")
    assert json.loads(compared.out.splitlines()[-1])["pairs"] > 0
