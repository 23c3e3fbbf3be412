"""Architectures that our Transformer does not compute, and the numerics contract."""

import json

import pytest
import torch
from tests.models.huggingface.checkpoints import (
    TOKENS,
    VOCAB,
    random_ids,
    randomise,
    reference,
    tokenizer,
    transformers,
)

from glasshouse.errors import InputError, RunError
from glasshouse.models import LanguageModel, SamplingConfig
from glasshouse.models.huggingface.as_is import AsIs

IDS = random_ids(3, 11)
GREEDY = SamplingConfig(max_new_tokens=6, temperature=0)


@pytest.fixture(scope="module", params=["gptj", "bloom", "mamba"])
def unknown(request, tmp_path_factory):
    """A model of transformers that is none of our families, and its directory."""
    small = {"vocab_size": VOCAB, **TOKENS}
    config = {
        "gptj": lambda: transformers.GPTJConfig(
            n_embd=24, n_layer=2, n_head=4, rotary_dim=4, n_positions=32, **small
        ),
        "bloom": lambda: transformers.BloomConfig(hidden_size=24, n_layer=2, n_head=4, **small),
        "mamba": lambda: transformers.MambaConfig(
            hidden_size=24, num_hidden_layers=2, state_size=4, **small
        ),
    }[request.param]()
    model = transformers.AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    if request.param != "mamba":  # whose state would overflow
        randomise(model)
        model.tie_weights()
    directory = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(directory)
    tokenizer().save(directory)
    return model, directory


class TestAsIs:
    def test_speaks_as_transformers_does(self, unknown):
        """Ragged prompts, greedy, with transformers' cache or, for a state space, without one."""
        reference, directory = unknown
        model = LanguageModel.load(directory)
        assert isinstance(model.network, AsIs)
        prompts = [IDS[0].tolist(), IDS[1, :4].tolist(), IDS[2, :7].tolist()]
        if "Mamba" in model.network.config.architecture:  # its recurrence reads padding
            prompts = [IDS[row].tolist() for row in range(3)]
        for prompt, completion in zip(prompts, model.generate(prompts, GREEDY), strict=True):
            ids = torch.tensor([prompt + completion.ids])
            logits = reference(ids).logits[0, len(prompt) - 1 : -1]
            chosen = logits.gather(1, ids[0, len(prompt) :, None])[:, 0]
            assert (chosen >= logits.max(dim=1).values - 1e-4).all()

    def test_says_how_likely_a_text_is(self, unknown):
        """Through the same method as every other model."""
        reference, directory = unknown
        model = LanguageModel.load(directory)
        [found] = model.logprobs([IDS[0, :5].tolist()], [IDS[0, 5:8].tolist()])
        logp = reference(IDS[:1]).logits[0].log_softmax(-1)
        expected = [logp[i - 1, IDS[0, i]].item() for i in range(5, 8)]
        assert found == pytest.approx(expected, abs=1e-4)

    def test_goes_back_as_it_came(self, unknown, tmp_path):
        """In the only layout that it has."""
        model = LanguageModel.load(unknown[1])
        model.save(tmp_path / "again")
        again = LanguageModel.load(tmp_path / "again").network
        assert torch.equal(again(IDS), model.network(IDS))
        with pytest.raises(InputError, match="no layout of glasshouse"):
            model.save(tmp_path / "ours", layout="glasshouse")


class TestGraph:
    def test_names_values_by_their_modules(self, directory_of):
        """A known family on request: transformers' own code, its paths, its attention opened."""
        model = LanguageModel.load(directory_of("llama 2"), implementation="transformers")
        graph = model.graph()
        fetched = ["logits", "model.layers.1.self_attn.pattern", "model.layers.0.mlp"]
        values = graph.run(IDS, fetch=fetched)
        theirs = reference("llama 2")(IDS, output_attentions=True)
        torch.testing.assert_close(values["logits"], theirs.logits, atol=1e-4, rtol=1e-4)
        pattern = values["model.layers.1.self_attn.pattern"]
        torch.testing.assert_close(pattern, theirs.attentions[1], atol=1e-5, rtol=1e-4)
        assert graph is model.graph()


class TestRefusals:
    def test_names_the_families_when_ours_is_wanted(self, unknown):
        """Nobody should take one implementation for the other."""
        with pytest.raises(RunError, match=r"gpt2, gpt_neox, llama.*implementation='transformers'"):
            LanguageModel.load(unknown[1], implementation="glasshouse")

    def test_says_that_transformers_is_not_installed(self, unknown, monkeypatch):
        """The way out is an extra."""
        monkeypatch.setitem(__import__("sys").modules, "transformers", None)
        with pytest.raises(InputError, match=r"pip install glasshouse\[hf\]"):
            LanguageModel.load(unknown[1])

    def test_never_runs_code_that_a_checkpoint_brings(self, tmp_path):
        """The file is not even read."""
        (tmp_path / "model.safetensors").write_bytes(b"")
        (tmp_path / "evil.py").write_text("raise SystemExit('ran')")
        config = {"model_type": "evil", "auto_map": {"AutoModelForCausalLM": "evil.Evil"}}
        (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(RunError, match="transformers cannot load"):
            LanguageModel.load(tmp_path, tokenizer=tokenizer())

    def test_does_not_make_up_missing_weights(self, unknown, tmp_path):
        """transformers would fill them with random numbers."""
        reference = unknown[0]
        weights = {name: w.clone() for name, w in reference.state_dict().items()}
        name = next(name for name in weights if ".0." in name)
        del weights[name]
        reference.save_pretrained(tmp_path, state_dict=weights)
        with pytest.raises(RunError, match="lacks weight"):
            LanguageModel.load(tmp_path, tokenizer=tokenizer())


class TestNumerics:
    def test_says_whose_code_and_how_far(self, directory_of):
        """One sentence at load; the difference is measured on request."""
        model = LanguageModel.load(directory_of("gemma 3"), verify=True)
        assert model.numerics.implementation == "glasshouse"
        assert 0 < model.numerics.difference.largest < 1e-4 < model.numerics.difference.spread
        assert "gemma3_text model in float32; its logits differ" in str(model.numerics)
        unmeasured = LanguageModel.load(directory_of("gemma 3")).numerics
        assert "verify=True" in str(unmeasured)

    def test_notices_a_wrong_weight(self, directory_of):
        """A contract that nothing can break would be none."""
        from glasshouse.models.huggingface.numerics import compare_with_transformers

        network = LanguageModel.load(directory_of("gpt2")).network.requires_grad_(False)
        network.blocks[1].mlp.up.bias[0] += 0.5
        assert compare_with_transformers(network, directory_of("gpt2")).largest > 1e-2

    def test_of_a_model_made_here_needs_no_comparison(self, tmp_path):
        """There is nothing to compare with, and that is said."""
        from tests.models.test_language_model import make_model

        make_model().save(tmp_path / "own")
        assert "its own" in str(LanguageModel.load(tmp_path / "own").numerics)
        with pytest.raises(InputError, match="cannot verify"):
            LanguageModel.load(tmp_path / "own", verify=True)
