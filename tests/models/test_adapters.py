"""Adapters in networks and in folders: what is computed, read, and refused."""

import importlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.align.test_supervised import make_model as make_ours
from torch import nn

from glasshouse.align.lora import (
    LoraConfig,
    load_adapters,
    load_with_adapters,
    merged,
    save_adapters,
    with_adapters,
)
from glasshouse.errors import InputError, RunError
from glasshouse.models import LanguageModel, SamplingConfig, Transformer

# peft reads names of transformers that its next version will not have.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

RANK = LoraConfig(rank=2, alpha=8.0, targets=("c_attn", "c_fc"))
OURS = LoraConfig(rank=2, targets=("q", "out", "up"))
IDS = torch.tensor([[3, 5, 7, 9]])


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A model of 3,000 random weights, ours and as a GPT-2, and adapters of each."""
    pytest.importorskip("peft")
    folder = tmp_path_factory.mktemp("made")
    make_ours().save(folder / "ours")
    make_ours().save(folder / "gpt2", layout="huggingface")
    for name, config in (("ours", OURS), ("gpt2", RANK)):
        moved(load_with_adapters(folder / name, config)).save(folder / f"{name}-adapted")
    return folder


@pytest.fixture
def copied(made, tmp_path) -> Path:
    """The GPT-2 and its adapters, free to be damaged."""
    for name in ("gpt2", "gpt2-adapted"):
        shutil.copytree(made / name, tmp_path / name)
    change(tmp_path / "gpt2-adapted", base_model_name_or_path=str(tmp_path / "gpt2"))
    return tmp_path


def change(folder: Path, **fields: object) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def moved(model: LanguageModel) -> LanguageModel:
    """With adapters that change something."""
    chance = torch.Generator().manual_seed(0)
    for path, value in model.network.named_parameters():
        if "lora_B" in path:
            nn.init.normal_(value, std=0.2, generator=chance)
    return model


def logits(model: LanguageModel) -> torch.Tensor:
    with torch.no_grad():
        return model.network(IDS)


def load(folder: Path) -> LanguageModel:
    return LanguageModel.load(folder, implementation="transformers")


class TestOurTransformer:
    def test_stays_one(self, made):
        """Quick decoding, graphs and whatever reads weights see what it computes with."""
        model, plain = LanguageModel.load(made / "ours-adapted"), LanguageModel.load(made / "ours")
        assert isinstance(model.network, Transformer)
        assert not torch.allclose(logits(model), logits(plain))
        whole = merged(model.copy())
        torch.testing.assert_close(logits(whole), logits(model))
        read = model.network.blocks[0].get_submodule("attn.q").weight
        torch.testing.assert_close(read, whole.network.blocks[0].get_submodule("attn.q").weight)
        fetched = model.graph().run(IDS, fetch=["logits"])["logits"]
        torch.testing.assert_close(fetched, logits(model))
        greedy = SamplingConfig(temperature=0.0, max_new_tokens=6)
        told = model.generate([[3, 5], [7, 9, 2]], greedy)
        assert [one.ids for one in told] == [
            one.ids for one in whole.generate([[3, 5], [7, 9, 2]], greedy)
        ]

    def test_is_read_by_peft_as_well(self, made):
        """The folder's two files are peft's, whatever the network is."""
        peft = importlib.import_module("peft")
        theirs = peft.PeftModel.from_pretrained(
            LanguageModel.load(made / "ours").network, made / "ours-adapted"
        )
        with torch.no_grad():
            torch.testing.assert_close(
                theirs(IDS), logits(LanguageModel.load(made / "ours-adapted"))
            )

    def test_takes_every_matrix_but_the_unembedding(self, made):
        """As peft's `all-linear` does."""
        config = LoraConfig(rank=1, targets=("all-linear",))
        model = load_with_adapters(made / "ours", config)
        paths = {path for path, part in model.network.named_modules() if hasattr(part, "lora_A")}
        parts = ("attn.q", "attn.k", "attn.v", "attn.out", "mlp.up", "mlp.down")
        assert paths == {f"blocks.0.{part}" for part in parts}


class TestFolders:
    def test_are_read_where_peft_wrote_them(self, made, tmp_path):
        """With the tokenizer of their base, and without our account of its weights."""
        peft = importlib.import_module("peft")
        theirs = peft.get_peft_model(
            load(made / "gpt2").network.inner,
            peft.LoraConfig(
                task_type="CAUSAL_LM", r=2, init_lora_weights=False, fan_in_fan_out=True
            ),
        )
        theirs.peft_config["default"].base_model_name_or_path = str(made / "gpt2")
        theirs.save_pretrained(tmp_path / "theirs")
        own = LanguageModel.load(tmp_path / "theirs")
        with torch.no_grad():
            expected = theirs(input_ids=IDS).logits
        torch.testing.assert_close(logits(own), expected)
        assert own.tokenizer.encode("w1") == load(made / "gpt2").tokenizer.encode("w1")

    def test_hold_adapters_that_fit_another_copy(self, made, tmp_path):
        """They may be saved alone, and given to any model of those shapes."""
        save_adapters(load(made / "gpt2-adapted"), tmp_path / "alone")
        again = load_adapters(load(made / "gpt2"), tmp_path / "alone")
        torch.testing.assert_close(logits(again), logits(load(made / "gpt2-adapted")))

    def test_know_their_base(self, copied):
        """Another's weights, or none, are refused; both ways out are named."""
        folder = copied / "gpt2-adapted"
        assert logits(LanguageModel.load(folder)).isfinite().all()
        path = copied / "gpt2" / "model.safetensors"
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(InputError, match="trained beside other weights"):
            LanguageModel.load(folder)
        (copied / "gpt2").rename(copied / "elsewhere")
        with pytest.raises(InputError, match="name its place as base_model_name_or_path"):
            LanguageModel.load(folder)

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"peft_type": "IA3"}, "more than low-rank adapters"),
            ({"modules_to_save": ["lm_head"]}, "more than low-rank adapters"),
            ({"r": 3}, "holds no adapters for this model"),
            ({"target_modules": ["c_attn"]}, "does not fit"),
            ({"target_modules": ["nowhere"]}, "holds no adapters for this model"),
            ({"base_model_name_or_path": None}, "does not say which model"),
        ],
    )
    def test_that_do_not_fit_are_refused(self, copied, fields, sentence):
        """In one sentence, and not half of them taken."""
        change(copied / "gpt2-adapted", **fields)
        with pytest.raises(RunError, match=sentence):
            LanguageModel.load(copied / "gpt2-adapted")

    def test_that_are_half_there_are_refused(self, copied):
        """As any model directory is."""
        path = copied / "gpt2-adapted" / "adapter_model.safetensors"
        path.write_bytes(path.read_bytes()[:-7])
        with pytest.raises(RunError, match=path.name):
            LanguageModel.load(copied / "gpt2-adapted")
        path.unlink()
        with pytest.raises(RunError, match="half a folder of adapters"):
            LanguageModel.load(copied / "gpt2-adapted")

    def test_belong_to_a_model_on_disk(self, made, tmp_path):
        """What was made in memory is nowhere to be found again; nor is what was merged."""
        with pytest.raises(InputError, match="save that model, load it"):
            with_adapters(make_ours(), OURS).save(tmp_path / "x")
        whole = merged(LanguageModel.load(made / "ours-adapted"))
        with pytest.raises(InputError, match="save that model, load it"):
            with_adapters(whole, OURS).save(tmp_path / "x")
        assert not (tmp_path / "x").exists()


class TestRefusals:
    def test_name_what_is_missing(self, made, monkeypatch):
        """peft is not everybody's."""
        real = importlib.import_module

        def without(name: str, package: str | None = None):
            if name == "peft":
                raise ImportError(name)
            return real(name, package)

        monkeypatch.setattr(importlib, "import_module", without)
        with pytest.raises(InputError, match=r"pip install glasshouse\[lora\]"):
            load_with_adapters(made / "ours", OURS)

    @pytest.mark.parametrize("name", ["ours", "gpt2"])
    def test_name_the_modules_that_are_there(self, made, name):
        """And leave out what shares its matrix with the embedding."""
        for targets in (("nowhere",), ("q", "c_attn"), ("wte",), ("lm_head",), ("final_norm",)):
            with pytest.raises(InputError, match=r"it has (c_attn, c_fc|down, k)"):
                load_with_adapters(made / name, LoraConfig(targets=targets))

    def test_tell_checkpoints_of_other_families_from_ours(self, made):
        """Our Transformer has other modules than those that peft's files name."""
        with pytest.raises(InputError, match="implementation='transformers'"):
            with_adapters(LanguageModel.load(made / "gpt2"), OURS)
        with pytest.raises(InputError, match="glasshouse align merge"):
            LanguageModel.load(made / "gpt2-adapted", implementation="glasshouse")
        with pytest.raises(InputError, match="merge the adapters"):
            load(made / "gpt2-adapted").save(made / "x", layout="huggingface")

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"rank": 0}, "rank=0"),
            ({"alpha": 0.0}, "alpha=0.0"),
            ({"dropout": 1.0}, "dropout=1.0"),
            ({"targets": ("",)}, "want a name"),
        ],
    )
    def test_come_before_anything_is_loaded(self, fields, sentence):
        """A config that means nothing is refused at birth."""
        with pytest.raises(InputError, match=sentence):
            replace(LoraConfig(), **fields)
