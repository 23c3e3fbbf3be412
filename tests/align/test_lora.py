"""Adapters in training: what is trained, what stays, and that peft by hand comes to the same."""

import json
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.align.judges.test_model import comparisons
from tests.align.judges.test_model import judge as make_judge
from tests.align.test_supervised import CONFIG, CONTEXT, VOCAB, WORDS, make_dialogues
from tests.align.test_supervised import make_model as make_ours
from torch import nn

from glasshouse.align import (
    DpoConfig,
    JudgeTrainingConfig,
    PreferenceModel,
    continue_sft,
    load_preference_model,
    load_with_adapters,
    save_preference_model,
    start_sft_run,
    train_dpo,
    train_judge,
    train_sft,
    word_layout,
)
from glasshouse.align.judges.model import merge_preference_model
from glasshouse.align.lora import LoraConfig, has_adapters, merged, save_adapters, with_adapters
from glasshouse.align.supervised import plan_sft
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer, word_tokenizer
from glasshouse.models.adapter_files import digest_of_files
from glasshouse.models.config import (
    AttentionConfig,
    MlpConfig,
    PositionConfig,
    TransformerConfig,
)
from glasshouse.training import ScheduleConfig, open_run

peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

# peft reads names of transformers that its next version will not have.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

TARGETS = {
    "gpt2": ("c_attn", "c_fc"),
    "llama": ("q_proj", "down_proj"),
    "ours": ("q", "up"),
    "words": ("c_attn",),
}
IDS = torch.tensor([[3, 5, 7, 9]])


def make_llama() -> LanguageModel:
    shape = TransformerConfig(
        vocab_size=VOCAB,
        context=CONTEXT,
        num_layers=1,
        d_model=16,
        attention=AttentionConfig(num_heads=2),
        mlp=MlpConfig(d_mlp=32, activation="swiglu"),
        positions=PositionConfig(kind="rotary"),
        norm="rms",
        bias=False,
    )
    network = Transformer(shape, generator=torch.Generator().manual_seed(0))
    return LanguageModel(network, word_tokenizer(WORDS), "a test")


@pytest.fixture(scope="module")
def bases(tmp_path_factory) -> Path:
    """Models of 3,000 random weights: two as Hugging Face has them, one of ours, one of words."""
    folder = tmp_path_factory.mktemp("bases")
    make_ours().save(folder / "gpt2", layout="huggingface")
    make_llama().save(folder / "llama", layout="huggingface")
    make_judge().language.save(folder / "words", layout="huggingface")
    make_ours().save(folder / "ours")
    return folder


def adapted(bases: Path, name: str, *, seed: int = 3, rank: int = 2) -> LanguageModel:
    config = LoraConfig(rank=rank, alpha=8.0, targets=TARGETS[name])
    return load_with_adapters(bases / name, config, seed=seed)


def logits(model: LanguageModel) -> torch.Tensor:
    with torch.no_grad():
        return model.network(IDS)


def without_dropout(folder: Path, made: Path) -> Path:
    """The same checkpoint, whose config asks for no dropout of its own."""
    made.mkdir()
    for one in folder.iterdir():
        (made / one.name).write_bytes(one.read_bytes())
    config = json.loads((made / "config.json").read_text())
    none = dict.fromkeys(("attn_pdrop", "resid_pdrop", "embd_pdrop"), 0.0)
    (made / "config.json").write_text(json.dumps(config | none))
    return made


class TestFineTuning:
    @pytest.mark.parametrize("name", ["gpt2", "llama"])
    def test_is_what_peft_does_by_hand(self, bases, tmp_path, name):
        """From peft's own start, with torch's own AdamW, on the same rows: the same adapters."""
        base = without_dropout(bases / name, tmp_path / name)
        config, dialogues = replace(CONFIG, compile="no"), make_dialogues(12)
        model = adapted(tmp_path, name)
        torch.manual_seed(3)
        theirs = peft.get_peft_model(
            transformers.AutoModelForCausalLM.from_pretrained(base),
            peft.LoraConfig(
                task_type="CAUSAL_LM",
                r=2,
                lora_alpha=8,
                target_modules=list(TARGETS[name]),
                fan_in_fan_out=name == "gpt2",
            ),
        )
        learned = [p for p in theirs.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(learned, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
        plan = plan_sft(model, dialogues, config)
        for number, step in enumerate(train_sft(model, dialogues, config)):
            batch = plan.rows(number * plan.train.batch_size, plan.train.batch_size)
            scores = theirs(input_ids=batch.inputs).logits.flatten(0, 1)
            surprise = nn.functional.cross_entropy(
                scores, batch.targets.flatten(), reduction="none"
            )
            assert batch.mask is not None
            loss = (surprise * batch.mask.flatten()).sum() / batch.mask.sum()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(learned, 1.0)
            for group in optimizer.param_groups:
                group["lr"] = step.lr
            optimizer.step()
            assert step.loss == pytest.approx(loss.item(), rel=1e-5)
        save_adapters(model, tmp_path / "own")
        theirs.save_pretrained(tmp_path / "theirs")
        own, other = (
            load_file(tmp_path / whose / "adapter_model.safetensors") for whose in ("own", "theirs")
        )
        assert own.keys() == other.keys()
        for key, value in other.items():
            torch.testing.assert_close(own[key], value, atol=1e-5, rtol=1e-4)
        read = peft.PeftModel.from_pretrained(
            transformers.AutoModelForCausalLM.from_pretrained(base), tmp_path / "own"
        )
        torch.testing.assert_close(read(input_ids=IDS).logits, logits(model))

    @pytest.mark.parametrize("name", ["gpt2", "llama", "ours"])
    def test_learns_and_leaves_the_rest_alone(self, bases, name):
        """What was not adapted has the bits that it had, on the disk as well."""
        digest, before = digest_of_files(bases / name), load(bases / name)
        model = adapted(bases, name)
        torch.testing.assert_close(logits(model), logits(before))
        config = replace(CONFIG, epochs=1)
        for _ in train_sft(model, make_dialogues(), config):
            pass
        assert not torch.allclose(logits(model), logits(before))
        after = model.network.state_dict()
        for path, value in before.network.state_dict().items():
            layer, _, kind = path.rpartition(".")
            assert torch.equal(after.get(path, after.get(f"{layer}.base_layer.{kind}")), value)
        learned = [path for path, p in model.network.named_parameters() if p.requires_grad]
        assert all(".lora_" in path for path in learned)
        assert digest_of_files(bases / name) == digest

    @pytest.mark.parametrize("name", ["gpt2", "ours"])
    def test_goes_on_after_a_kill_with_the_same_bits(self, bases, tmp_path, name):
        """What a kill leaves is a copy of the folder in the middle of a step: it goes on from the
        adapters saved last, and dropout is no accident either."""
        folder, killed = tmp_path / "run", tmp_path / "killed"
        model = adapted(bases, name)
        start_sft_run(folder, model, make_dialogues(), make_dialogues(4, seed=1), CONFIG)
        for step in continue_sft(open_run(folder)):
            if step.step == 6:
                shutil.copytree(folder, killed)
        assert open_run(killed).newest_step == 4
        for _ in continue_sft(open_run(killed)):
            pass
        newest, other = (open_run(one).checkpoints[-1] for one in (folder, killed))
        assert not list(newest.glob("model*"))
        found = load_file(other / "adapter_model.safetensors")
        for key, value in load_file(newest / "adapter_model.safetensors").items():
            assert torch.equal(value, found[key])
        loaded = LanguageModel.load(killed)
        assert has_adapters(loaded)
        assert not torch.equal(logits(loaded), logits(load(bases / name)))

    def test_trains_on_with_the_adapters_of_a_run(self, bases, tmp_path):
        """A run may begin where another ended, and keeps adapters again."""
        start_sft_run(
            tmp_path / "a", adapted(bases, "ours"), make_dialogues(), make_dialogues(4), CONFIG
        )
        model, config = LanguageModel.load(tmp_path / "a"), replace(CONFIG, epochs=1)
        start_sft_run(tmp_path / "b", model, make_dialogues(), make_dialogues(4), config)
        for _ in continue_sft(open_run(tmp_path / "b")):
            pass
        again = LanguageModel.load(tmp_path / "b")
        assert has_adapters(again)
        assert not torch.equal(logits(again), logits(model))
        with pytest.raises(InputError, match="has adapters already"):
            with_adapters(again, LoraConfig(targets=("q",)))


def load(folder: Path) -> LanguageModel:
    is_ours = folder.name == "ours"
    return LanguageModel.load(folder, implementation="auto" if is_ours else "transformers")


class TestPairs:
    def test_go_on_after_a_stop_with_the_same_bits(self, bases, tmp_path):
        """The dropout that a checkpoint brings along is a function of the step."""
        found = []
        for stops in ((99,), (2, 99)):
            for stop in stops:
                policy = adapted(bases, "words")
                steps = train_dpo(
                    policy,
                    comparisons(12, seed=0),
                    word_layout(policy.tokenizer),
                    DpoConfig(batch=4, epochs=2, precision="fp32", compile="no"),
                    folder=tmp_path / f"run-{len(stops)}",
                )
                with closing(steps):
                    for step in steps:
                        torch.rand(step.step)  # whatever else draws from torch's own generator
                        if step.step == stop:
                            break
            found.append(load_file(next(tmp_path.glob(f"run-{len(stops)}/checkpoints/*06/ad*rs"))))
        assert all(torch.equal(value, found[1][key]) for key, value in found[0].items())

    def test_teach_a_judge_whose_head_and_adapters_are_kept(self, bases, tmp_path):
        """It is loaded with the scores that it had, and merged with nearly those."""
        language = adapted(bases, "words", rank=4)
        judge = PreferenceModel(language, word_layout(language.tokenizer))
        frozen = {
            path: value.clone()
            for path, value in language.network.state_dict().items()
            if ".lora_" not in path
        }
        config = JudgeTrainingConfig(
            batch=8, epochs=2, precision="fp32", schedule=ScheduleConfig(peak_lr=1e-2)
        )
        for _ in train_judge(judge, comparisons(80, seed=0), config):
            pass
        assert all(torch.equal(language.network.state_dict()[k], v) for k, v in frozen.items())
        asked = comparisons(20, seed=9)
        expected = judge.margins(asked)
        assert expected.any()
        save_preference_model(judge, tmp_path / "pm", layout="words")
        assert {one.name for one in (tmp_path / "pm" / "model").iterdir()} >= {
            "adapter_config.json",
            "adapter_model.safetensors",
        }
        torch.testing.assert_close(load_preference_model(tmp_path / "pm").margins(asked), expected)
        merge_preference_model(tmp_path / "pm", tmp_path / "whole")
        whole = load_preference_model(tmp_path / "whole")
        assert isinstance(whole.language.network, Transformer)
        torch.testing.assert_close(whole.margins(asked), expected, atol=1e-4, rtol=1e-4)
        with pytest.raises(InputError, match="has no adapters to merge"):
            merge_preference_model(tmp_path / "whole", tmp_path / "again")

    def test_do_not_depend_on_what_else_is_drawn(self, bases):
        """A judge's dropout is a function of the step too."""
        found = []
        for other in (0, 1):
            language = adapted(bases, "words")
            judge = PreferenceModel(language, word_layout(language.tokenizer))
            torch.manual_seed(other)
            config = JudgeTrainingConfig(batch=8, precision="fp32")
            found.append([one.loss for one in train_judge(judge, comparisons(40, seed=0), config)])
        assert found[0] == found[1]


class TestMerging:
    @pytest.mark.parametrize("name", ["gpt2", "llama", "ours"])
    def test_makes_a_model_as_any_other(self, bases, tmp_path, name):
        """It is saved whole, in the layout of its base, and computed by our Transformer."""
        model = adapted(bases, name)
        for path, value in model.network.named_parameters():
            if ".lora_B" in path:
                nn.init.normal_(value, std=0.2, generator=torch.Generator().manual_seed(0))
        expected = logits(model)
        whole = merged(model)
        assert not has_adapters(whole)
        assert all(p.requires_grad for p in whole.network.parameters())
        whole.save(tmp_path / "whole")
        again = LanguageModel.load(tmp_path / "whole")
        assert isinstance(again.network, Transformer)
        torch.testing.assert_close(logits(again), expected, atol=1e-5, rtol=1e-4)
        with pytest.raises(InputError, match="has no adapters"):
            merged(again)
