"""What checkpoints in the wild look like, older names included, and what damaged ones say."""

import json
import shutil

import pytest
import safetensors.torch
import torch
from tests.models.huggingface.checkpoints import (
    eager,
    random_ids,
    reference,
    tokenizer,
)
from tests.models.variants import BASE, VARIANTS

from glasshouse.errors import InputError, RunError
from glasshouse.models import (
    AttentionConfig,
    LanguageModel,
    MlpConfig,
    PositionConfig,
    Tokenizer,
    Transformer,
    TransformerConfig,
)

IDS = random_ids(2, 17)


@pytest.fixture
def copied(directory_of, tmp_path):
    """A function that copies a checkpoint, for changing it."""

    def copy(name: str):
        return shutil.copytree(directory_of(name), tmp_path / "copy")

    return copy


def change_settings(directory, *removed: str, **changes) -> None:
    path = directory / "config.json"
    fields = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in fields.items() if k not in removed}))


def change_weights(directory, change) -> None:
    path = directory / "model.safetensors"
    safetensors.torch.save_file(change(safetensors.torch.load_file(path)), path)


def renamed(weights, old: str, new: str):
    return {name.replace(old, new): weight for name, weight in weights.items()}


class TestOlderNames:
    @pytest.mark.parametrize("name", ["gpt2", "llama 3", "neox, one half after the other"])
    def test_are_read_without_the_prefix(self, name, copied):
        """GPT-2 on the hub has no `transformer.`; base models have none either."""
        directory = copied(name)
        change_weights(
            directory,
            lambda w: {
                k.removeprefix("transformer.").removeprefix("model.").removeprefix("gpt_neox."): t
                for k, t in w.items()
            },
        )
        network = LanguageModel.load(directory).network
        torch.testing.assert_close(network(IDS), reference(name)(IDS).logits, atol=1e-4, rtol=1e-4)

    @pytest.mark.parametrize(
        ("name", "extra"),
        [
            ("gpt2", "transformer.h.0.attn.bias"),
            ("neox", "gpt_neox.layers.0.attention.masked_bias"),
            ("neox", "gpt_neox.layers.0.attention.rotary_emb.inv_freq"),
            ("llama 2", "model.layers.0.self_attn.rotary_emb.inv_freq"),
        ],
    )
    def test_of_tables_are_passed_by(self, name, extra, copied):
        """Masks and frequencies that older versions saved beside the weights."""
        directory = copied(name)
        change_weights(directory, lambda w: w | {extra: torch.zeros(2)})
        LanguageModel.load(directory)

    def test_of_the_unembedding_are_both_read(self, copied):
        """transformers 4 and Pythia say embed_out, transformers 5 lm_head."""
        directory = copied("neox")
        change_weights(directory, lambda w: renamed(w, "embed_out", "lm_head"))
        network = LanguageModel.load(directory).network
        assert torch.equal(network.unembed.weight, reference("neox").lm_head.weight)

    @pytest.mark.parametrize(
        ("name", "older"),
        [
            ("llama 3", {"rope_theta": 500.0, "rope_scaling": "rope_parameters"}),
            ("neox", {"rotary_emb_base": 500.0, "rotary_pct": 0.7}),
            (
                "gemma 3",
                {
                    "rope_theta": 1000.0,
                    "rope_local_base_freq": 20.0,
                    "rope_scaling": {"type": "linear", "factor": 8.0},
                },
            ),
        ],
    )
    def test_of_rotary_settings_mean_the_same(self, name, older, copied):
        """`rope_parameters` is new in transformers 5; nearly all checkpoints have the older."""
        directory = copied(name)
        before = json.loads((directory / "config.json").read_text())["rope_parameters"]
        older = {k: before if v == "rope_parameters" else v for k, v in older.items()}
        expected = LanguageModel.load(directory).network.config
        change_settings(directory, "rope_parameters", **older)
        assert LanguageModel.load(directory).network.config == expected

    def test_of_a_copy_of_the_embedding_are_passed_by(self, copied):
        """Tied models were often saved with both."""
        directory = copied("llama 3")
        copy = "model.embed_tokens.weight"
        change_weights(directory, lambda w: w | {"lm_head.weight": w[copy].clone()})
        network = LanguageModel.load(directory).network
        assert network.unembed.weight is network.embed.weight
        change_weights(directory, lambda w: w | {"lm_head.weight": w[copy] + 1})
        with pytest.raises(RunError, match="tie_word_embeddings"):
            LanguageModel.load(directory)


class TestGemma3WithEyes:
    @pytest.mark.parametrize(
        "prefix", ["language_model.model.", "model.language_model."], ids=["older", "newer"]
    )
    def test_is_read_as_its_language_model(self, prefix, copied, tmp_path):
        """Released from 4B on; the part that sees is left out, and the rest is saved as text."""
        directory = copied("gemma 3")
        settings = json.loads((directory / "config.json").read_text())
        text = {k: v for k, v in settings.items() if k not in ("dtype", "architectures")}
        both = {
            "model_type": "gemma3",
            "text_config": text,
            "vision_config": {},
            "dtype": "float32",
        }
        (directory / "config.json").write_text(json.dumps(both))
        eyes = {"vision_tower.x.weight": torch.ones(2), "multi_modal_projector.y": torch.ones(2)}
        change_weights(directory, lambda w: renamed(w, "model.", prefix) | eyes)
        model = LanguageModel.load(directory)
        theirs = reference("gemma 3")(IDS).logits
        torch.testing.assert_close(model.network(IDS), theirs, atol=1e-4, rtol=1e-4)
        model.save(tmp_path / "text")
        assert eager(tmp_path / "text").config.model_type == "gemma3_text"
        assert torch.equal(eager(tmp_path / "text")(IDS).logits, theirs)


class TestShards:
    def test_are_read_as_one(self, tmp_path):
        """Large checkpoints come in many files and an index."""
        reference("gemma 2").save_pretrained(tmp_path, max_shard_size="20KB")
        assert len(list(tmp_path.glob("*.safetensors"))) > 2
        model = LanguageModel.load(tmp_path, tokenizer=tokenizer())
        theirs = reference("gemma 2")(IDS).logits
        torch.testing.assert_close(model.network(IDS), theirs, atol=1e-4, rtol=1e-4)
        next(tmp_path.glob("*.safetensors")).unlink()
        with pytest.raises(RunError, match=r"lacks model-0000.* files of its weights"):
            LanguageModel.load(tmp_path, tokenizer=tokenizer())

    def test_may_not_lie_elsewhere(self, tmp_path):
        """An index from elsewhere must not make us read any file of this machine."""
        reference("gpt2").save_pretrained(tmp_path, max_shard_size="20KB")
        index = tmp_path / "model.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": {"a": "../../secret.safetensors"}}))
        with pytest.raises(RunError, match="its own folder"):
            LanguageModel.load(tmp_path, tokenizer=tokenizer())


class TestDamage:
    @pytest.mark.parametrize(
        ("damage", "named"),
        [
            (lambda d: change_settings(d, "hidden_size"), "lacks 'hidden_size'"),
            (lambda d: change_settings(d, "model_type"), "no model_type"),
            (lambda d: change_settings(d, hidden_size="wide"), "not a whole number"),
            (lambda d: change_settings(d, num_key_value_heads=3), "contradicts itself"),
            (lambda d: change_settings(d, attention_bias=True), r"lacks weight '.*bias'"),
            (lambda d: change_settings(d, hidden_size=28), "has shape"),
            (lambda d: change_settings(d, num_hidden_layers=2), "unknown weight 'model.layers.2"),
            (lambda d: change_settings(d, num_hidden_layers=4), "lacks weight 'model.layers.3"),
            (lambda d: change_settings(d, model_type="gpt2"), "lacks 'n_embd'"),
            (lambda d: change_settings(d, hidden_act="tanh"), r"hidden_act='tanh'.*implementation"),
            (
                lambda d: change_settings(d, rope_parameters={"rope_type": "yarn", "factor": 2.0}),
                r"rope_type='yarn'.*implementation='transformers'",
            ),
            (lambda d: (d / "config.json").write_text("[]"), "no object"),
            (lambda d: (d / "model.safetensors").unlink(), r"no model\.safetensors"),
            (lambda d: (d / "tokenizer.json").unlink(), r"no tokenizer.json; pass tokenizer="),
            (
                lambda d: (d / "model.safetensors").write_bytes(
                    (d / "model.safetensors").read_bytes()[:-50]
                ),
                "truncated or damaged",
            ),
        ],
    )
    def test_is_named_in_a_sentence(self, damage, named, copied):
        """Which file, which field or weight, and the way out if there is one."""
        directory = copied("llama 2")
        damage(directory)
        with pytest.raises(RunError, match=named) as caught:
            LanguageModel.load(directory)
        assert "\n" not in str(caught.value)

    def test_is_a_prompt_longer_than_the_context(self, directory_of):
        """64 positions predict a 65th token and no more."""
        with pytest.raises(InputError, match=r"65 tokens.*context is 64"):
            LanguageModel.load(directory_of("llama 2")).generate([[1] * 65])


class TestPickles:
    def test_are_read_on_an_explicit_word_only(self, copied):
        """And then by torch's weights_only, which builds tensors and nothing else."""
        directory = copied("gpt2")
        weights = safetensors.torch.load_file(directory / "model.safetensors")
        (directory / "model.safetensors").unlink()
        torch.save(weights, directory / "pytorch_model.bin")
        with pytest.raises(RunError, match=r"pickled.*allow_pickle=True"):
            LanguageModel.load(directory)
        network = LanguageModel.load(directory, allow_pickle=True).network
        torch.testing.assert_close(
            network(IDS), reference("gpt2")(IDS).logits, atol=1e-4, rtol=1e-4
        )

    def test_that_hold_more_than_tensors_are_refused_all_the_same(self, copied):
        """A pickle can name any function to be called."""
        directory = copied("gpt2")
        (directory / "model.safetensors").unlink()
        torch.save({"transformer.wte.weight": print}, directory / "pytorch_model.bin")
        with pytest.raises(RunError, match="more than tensors"):
            LanguageModel.load(directory, allow_pickle=True)


class TestSave:
    def test_lets_transformers_load_what_was_grown_here(self, tmp_path):
        """Our GPT is a GPT-2 and our Llama-like config a Llama, tokens that end a text included."""
        for name, family in (("gpt", "gpt2"), ("neox", "gpt_neox"), ("llama", "llama")):
            network = Transformer(VARIANTS[name]).requires_grad_(False)
            model = LanguageModel(network, tokenizer(), "grown here")
            model.save(tmp_path / name, layout="huggingface")
            theirs = eager(tmp_path / name)
            assert (theirs.config.model_type, theirs.config.eos_token_id) == (family, 0)
            ids = IDS[:, :12] % BASE.vocab_size
            torch.testing.assert_close(theirs(ids).logits, network(ids), atol=1e-4, rtol=1e-4)

    def test_finds_a_family_that_takes_the_width(self, tmp_path):
        """Of width 14 with 6 heads, each 4 wide, transformers takes no Llama, but a Mistral."""
        config = TransformerConfig(
            vocab_size=BASE.vocab_size,
            context=16,
            num_layers=1,
            d_model=14,
            attention=AttentionConfig(num_heads=6, num_kv_heads=3, d_head=4),
            mlp=MlpConfig(d_mlp=9, activation="swiglu"),
            positions=PositionConfig(kind="rotary"),
            norm="rms",
            bias=False,
            tied=False,
        )
        network = Transformer(config).requires_grad_(False)
        model = LanguageModel(network, tokenizer(), "grown here")
        model.save(tmp_path / "odd", layout="huggingface")
        theirs = eager(tmp_path / "odd")
        assert theirs.config.model_type == "mistral"
        ids = IDS[:, :12] % BASE.vocab_size
        torch.testing.assert_close(theirs(ids).logits, network(ids), atol=1e-4, rtol=1e-4)

    def test_refuses_to_lose_something(self, tmp_path):
        """No family has smeared keys; the field is named, and nothing is left on the disk."""
        network = Transformer(VARIANTS["rotary, smeared"])
        model = LanguageModel(network, tokenizer(), "grown here")
        with pytest.raises(InputError, match=r"smeared_keys=True.*layout='glasshouse'"):
            model.save(tmp_path / "lost", layout="huggingface")
        assert not list(tmp_path.iterdir())

    def test_carries_small_files_along(self, copied, tmp_path):
        """How to generate and how to chat are not ours to lose."""
        directory = copied("llama 2")
        (directory / "chat_template.jinja").write_text("{{ messages }}")
        (directory / "generation_config.json").write_text('{"eos_token_id": [0, 7]}')
        model = LanguageModel.load(directory)
        model.save(tmp_path / "again")
        for name in ("chat_template.jinja", "generation_config.json"):
            assert (tmp_path / "again" / name).read_text() == (directory / name).read_text()
        assert model.checkpoint.end_ids == (0, 7)

    def test_names_the_precision_of_the_weights(self, directory_of, tmp_path):
        """transformers takes it from config.json."""
        model = LanguageModel.load(directory_of("qwen 2"), dtype=torch.bfloat16)
        model.save(tmp_path / "half")
        assert eager(tmp_path / "half").dtype == torch.bfloat16
        assert LanguageModel.load(tmp_path / "half").numerics.dtype == "bfloat16"


class TestTokenizer:
    def test_puts_first_what_the_model_expects(self, copied):
        """Llama and Gemma read `<s>` before every text; a continuation gets none."""
        directory = copied("llama 2")
        path = directory / "tokenizer.json"
        settings = json.loads(path.read_text()) | {
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [
                    {"SpecialToken": {"id": "<end>", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}},
                ],
                "pair": [
                    {"Sequence": {"id": "A", "type_id": 0}},
                    {"Sequence": {"id": "B", "type_id": 1}},
                ],
                "special_tokens": {"<end>": {"id": "<end>", "ids": [0], "tokens": ["<end>"]}},
            }
        }
        path.write_text(json.dumps(settings))
        model = LanguageModel.load(directory)
        assert model.encode("w3 w4") == [0, 3, 4]
        assert Tokenizer.load(directory).encode("w3 w4") == [3, 4]
        [logprobs] = model.logprobs(["w3"], ["w4 w5"])
        expected = model.network(torch.tensor([[0, 3, 4, 5]]))[0].log_softmax(-1)
        assert logprobs == pytest.approx([expected[1, 4].item(), expected[2, 5].item()], abs=1e-4)
