"""Adapters: what is trained, what stays, and that peft reads what was saved."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.align.test_supervised import CONFIG, make_dialogues
from tests.align.test_supervised import make_model as make_ours

from glasshouse.align import train_sft
from glasshouse.align.lora import (
    LoraConfig,
    has_adapters,
    load_adapters,
    merged,
    save_adapters,
    with_adapters,
)
from glasshouse.align.supervised import start_sft_run
from glasshouse.errors import InputError, RunError
from glasshouse.models import LanguageModel

# peft reads names of transformers that its next version will not have.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

RANK = LoraConfig(rank=2, alpha=8.0, targets=("c_attn", "c_fc"))


@pytest.fixture
def folder(tmp_path) -> Path:
    """A GPT-2 of 3,000 random weights, as Hugging Face has it."""
    pytest.importorskip("peft")
    make_ours().save(tmp_path / "gpt2", layout="huggingface")
    return tmp_path / "gpt2"


def load(folder: Path) -> LanguageModel:
    return LanguageModel.load(folder, implementation="transformers", dtype=torch.float32)


def logits(model: LanguageModel) -> torch.Tensor:
    with torch.no_grad():
        return model.network(torch.tensor([[3, 5, 7, 9]]))


@pytest.fixture
def trained(folder) -> LanguageModel:
    model = with_adapters(load(folder), RANK)
    config = replace(CONFIG, epochs=6)
    losses = [step.loss for step in train_sft(model, make_dialogues(60), config)]
    assert losses[-1] < losses[0] - 0.05
    return model


class TestAdapters:
    def test_change_nothing_at_first(self, folder):
        """And all else is frozen."""
        plain, model = load(folder), with_adapters(load(folder), RANK)
        assert has_adapters(model)
        assert not has_adapters(plain)
        torch.testing.assert_close(logits(model), logits(plain))
        names = [name for name, p in model.network.named_parameters() if p.requires_grad]
        assert names
        assert all("lora_" in name for name in names)

    def test_learn_and_leave_the_rest_alone(self, trained, folder):
        """What was not adapted has the bits that it had."""
        before = load(folder).network.inner.state_dict()
        after = trained.network.inner.get_base_model().state_dict()
        for name, value in before.items():
            found = after.get(name, after.get(name.replace(".weight", ".base_layer.weight")))
            if found is not None:
                torch.testing.assert_close(found, value, atol=0, rtol=0)

    def test_are_read_by_peft_and_read_again(self, trained, folder, tmp_path):
        """By peft itself, beside the checkpoint as transformers loads it."""
        import peft

        save_adapters(trained, tmp_path / "adapters")
        theirs = peft.PeftModel.from_pretrained(load(folder).network.inner, tmp_path / "adapters")
        ids = torch.tensor([[3, 5, 7, 9]])
        torch.testing.assert_close(theirs(input_ids=ids).logits, logits(trained))
        ours = load_adapters(load(folder), tmp_path / "adapters")
        torch.testing.assert_close(logits(ours), logits(trained))

    def test_can_be_worked_in(self, trained, tmp_path):
        """Then the model is saved and loaded as any other; ours computes it too."""
        expected = logits(trained)
        whole = merged(trained)
        assert not has_adapters(whole)
        torch.testing.assert_close(logits(whole), expected, atol=1e-5, rtol=1e-4)
        whole.save(tmp_path / "merged")
        ours = LanguageModel.load(tmp_path / "merged")
        torch.testing.assert_close(logits(ours), expected, atol=1e-5, rtol=1e-4)

    def test_refuse_in_a_sentence(self, folder, tmp_path):
        """Networks of ours, names that are none, folders without adapters, runs."""
        with pytest.raises(InputError, match="implementation='transformers'"):
            with_adapters(make_ours(), RANK)
        with pytest.raises(InputError, match="peft finds nothing to adapt"):
            with_adapters(load(folder), LoraConfig(targets=("nowhere",)))
        with pytest.raises(InputError, match="has no adapters"):
            save_adapters(load(folder), tmp_path / "x")
        with pytest.raises(RunError, match="holds no adapters for this model"):
            load_adapters(load(folder), tmp_path)
        with pytest.raises(InputError, match="adapters are trained in memory"):
            start_sft_run(
                tmp_path / "run",
                with_adapters(load(folder), RANK),
                make_dialogues(),
                make_dialogues(4),
                CONFIG,
            )


def test_refuses_a_rank_of_nothing():
    """Before anything is loaded."""
    with pytest.raises(InputError, match="rank=0"):
        LoraConfig(rank=0)
