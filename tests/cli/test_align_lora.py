"""`glasshouse align sft|dpo|pm --lora` and `merge`: adapters from the command line."""

import importlib
import json
from pathlib import Path

import pytest
import torch
from tests.align.judges.test_model import comparisons
from tests.cli.commands import glasshouse, refused
from tests.cli.test_align_sft import TALKS, save_gpt2

from glasshouse.align import has_adapters, load_preference_model, write_comparisons
from glasshouse.models import LanguageModel, Transformer
from glasshouse.models.adapter_files import digest_of_files
from glasshouse.training import open_run

pytest.importorskip("peft")
FEW = ("--set", "epochs=2", "--set", "schedule.peak_lr=1e-2")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder with a small GPT-2, dialogues and comparisons."""
    monkeypatch.chdir(tmp_path)
    save_gpt2(tmp_path / "gpt2")
    (tmp_path / "talks.jsonl").write_text("".join(json.dumps(one) + "\n" for one in TALKS * 3))
    (tmp_path / "pairs.jsonl").write_text("".join(write_comparisons(comparisons(40, seed=0))))
    return tmp_path


def test_fine_tunes_speaks_and_merges(capfd, here):
    """What is kept is adapters; every verb that takes a run takes them with their base."""
    digest = digest_of_files(here / "gpt2")
    told = glasshouse(
        capfd, "align", "sft", "gpt2", "--dialogues", "talks.jsonl", "--out", "a", *FEW,
        "--lora", "2", "--lora-alpha", "8", "--lora-dropout", "0.1",
        "--target-modules", "c_attn,c_proj",
    )  # fmt: skip
    assert told.status == 0, told
    assert "numbers of adapters are trained, beside" in told.err
    run = open_run(here / "a")
    kept = json.loads((run.checkpoints[-1] / "adapter_config.json").read_text())
    assert (kept["r"], kept["lora_alpha"], kept["lora_dropout"]) == (2, 8, 0.1)
    assert set(kept["target_modules"]) == {"c_attn", "c_proj"}
    assert run.record.recipe["lora"]["rank"] == 2
    assert digest_of_files(here / "gpt2") == digest
    assert "is finished" in glasshouse(capfd, "train", "--resume", "a").err
    assert "Human" in glasshouse(capfd, "generate", "a", "--prompt", "Human: hi").out
    told = glasshouse(capfd, "align", "merge", "a", "--out", "whole")
    assert told.out.strip() == "whole"
    whole, apart = LanguageModel.load("whole"), LanguageModel.load("a")
    assert isinstance(whole.network, Transformer)
    assert has_adapters(apart)
    ids = torch.tensor([[1, 2, 3]])
    torch.testing.assert_close(whole.network(ids), apart.network(ids), atol=1e-5, rtol=1e-4)


def test_teaches_a_policy_and_goes_on(capfd, here):
    """The reference is the base; the same command finds its folder again, another does not."""
    words = ("align", "dpo", "gpt2", "--pairs", "pairs.jsonl", "--out", "dpo", "--json", *FEW)
    told = glasshouse(capfd, *words, "--lora", "2")
    assert told.status == 0, told
    *steps, whole = map(json.loads, told.out.splitlines())
    assert steps[0]["loss"] == pytest.approx(0.693, abs=0.02)
    assert has_adapters(LanguageModel.load("dpo"))
    again = glasshouse(capfd, *words, "--lora", "2")
    assert json.loads(again.out) == whole
    other = glasshouse(capfd, *words, "--lora", "3")
    assert "holds a run with other first weights" in other.err.splitlines()[-1]


def test_makes_a_judge_that_compares(capfd, here):
    """Its head lies beside adapters; merged, it says nearly the same."""
    told = glasshouse(
        capfd, "align", "pm", "gpt2", "--pairs", "pairs.jsonl", "--out", "pm", "--json", *FEW,
        "--set", "batch=4", "--lora", "2",
    )  # fmt: skip
    found = json.loads(told.out)
    assert has_adapters(load_preference_model(here / "pm").language)
    compared = glasshouse(capfd, "align", "compare", "pm", "--pairs", "pairs.jsonl", "--json")
    margins = [json.loads(line).get("margin") for line in compared.out.splitlines()[:-1]]
    assert any(margins)
    assert glasshouse(capfd, "align", "merge", "pm", "--out", "whole").out.strip() == "whole"
    again = glasshouse(capfd, "align", "compare", "whole", "--pairs", "pairs.jsonl", "--json")
    whole = [json.loads(line).get("margin") for line in again.out.splitlines()[:-1]]
    assert whole == pytest.approx(margins, abs=1e-4)
    assert found["layout"] == "human-assistant"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--lora", "0"), "rank=0 of adapters must be at least 1"),
        (("--lora", "2", "--target-modules", "q_proj"), "it has c_attn, c_fc, c_proj"),
        (("--lora", "2", "--target-modules", ""), "want a name"),
        (("--lora", "2", "--lora-dropout", "1"), "dropout=1.0"),
        (("--lora-alpha", "2"), "give a rank"),
        (("--target-modules", "c_attn"), "give a rank"),
    ],
)
def test_refuses_in_a_sentence(capfd, here, words, sentence):
    """And writes nothing."""
    told = glasshouse(capfd, "align", "pm", "gpt2", "--pairs", "pairs.jsonl", "--out", "x", *words)
    assert sentence in refused(told)
    assert not (here / "x").exists()


def test_says_that_peft_is_missing(capfd, here, monkeypatch):
    """With the way to have it."""
    real = importlib.import_module

    def without(name: str, package: str | None = None):
        if name == "peft":
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    told = glasshouse(
        capfd, "align", "pm", "gpt2", "--pairs", "pairs.jsonl", "--out", "x", "--lora", "2"
    )
    assert "pip install glasshouse[lora]" in refused(told)


def test_merges_only_adapters(capfd):
    """Of a model that is whole nothing is made."""
    assert "has no adapters to merge" in refused(
        glasshouse(capfd, "align", "merge", "gpt2", "--out", "x")
    )
