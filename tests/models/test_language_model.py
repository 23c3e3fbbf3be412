import json
import shutil

import pytest
import torch
from tests.models.variants import BASE, VARIANTS

from glasshouse.errors import InputError, RunError
from glasshouse.models import (
    LanguageModel,
    SamplingConfig,
    Transformer,
    continue_prompts,
    word_tokenizer,
)
from glasshouse.models.decode import decoding_step

WORDS = ["<end>", *(f"w{index}" for index in range(1, BASE.vocab_size))]
PROMPTS = ["w1 w2 w3", "w4", "w5 w6 w7 w8 w9", "w2 w2"]
TOLERANCE = 1e-4  # nats; float32 sums in another order


def make_model(config=BASE, seed: int = 0) -> LanguageModel:
    network = Transformer(config, generator=torch.Generator().manual_seed(seed)).eval()
    return LanguageModel(network, word_tokenizer(WORDS, end_token="<end>"), "new")


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return make_model()


class TestGenerate:
    @pytest.mark.parametrize("name", VARIANTS)
    def test_takes_the_likeliest_token_when_greedy(self, name):
        """As the plain forward pass says, one token at a time, for ragged prompts."""
        model = make_model(VARIANTS[name])
        config = SamplingConfig(temperature=0, max_new_tokens=6)
        for prompt, completion in zip(PROMPTS, model.generate(PROMPTS, config), strict=True):
            ids = model.tokenizer.encode(prompt)
            for new in completion.ids:
                logits = model.network(torch.tensor([ids]))[0, -1]
                assert logits[new] >= logits.max() - TOLERANCE
                ids.append(new)

    def test_gives_a_row_the_same_sample_in_any_company(self, model):
        """Each row has its own seed, so neighbours and padding have no part in its chance."""
        config = SamplingConfig(max_new_tokens=6)
        together = model.generate(PROMPTS, config, seed=[11, 12, 13, 14])
        for prompt, seed, completion in zip(PROMPTS, [11, 12, 13, 14], together, strict=True):
            alone = model.generate([prompt], config, seed=[seed])[0]
            assert alone.ids == completion.ids
            assert alone.logprobs == pytest.approx(completion.logprobs, abs=TOLERANCE)
        in_pairs = model.generate(PROMPTS, config, seed=[11, 12, 13, 14], batch_size=2)
        assert [c.ids for c in in_pairs] == [c.ids for c in together]

    def test_differs_between_seeds_and_rows(self, model):
        """One seed serves many rows, so it must not give them all the same numbers."""
        same = ["w1 w2"] * 8
        config = SamplingConfig(max_new_tokens=8, temperature=2.0)
        first, second = (model.generate(same, config, seed=s) for s in (0, 1))
        assert len({tuple(c.ids) for c in first + second}) == 16
        assert first == model.generate(same, config, seed=0)

    def test_returns_the_models_own_log_probabilities(self, model):
        """Temperature and filters choose the token; its log-probability is the model's."""
        config = SamplingConfig(max_new_tokens=5, temperature=1.7, top_k=5, top_p=0.9)
        completions = model.generate(PROMPTS, config, seed=3)
        expected = model.logprobs(PROMPTS, [c.ids for c in completions])
        for completion, row in zip(completions, expected, strict=True):
            assert completion.logprobs == pytest.approx(row, abs=TOLERANCE)

    def test_obeys_each_rows_own_rules(self, model):
        """A greedy row, a short row and a free row in one batch."""
        rules = [
            SamplingConfig(temperature=0, max_new_tokens=4),
            SamplingConfig(max_new_tokens=2),
            SamplingConfig(top_k=1, max_new_tokens=4),
            SamplingConfig(top_p=1e-9, max_new_tokens=4),
        ]
        completions = model.generate(["w1 w2"] * 4, rules, seed=5)
        assert [len(c.ids) for c in completions] == [4, 2, 4, 4]
        assert completions[0].ids == completions[2].ids == completions[3].ids
        assert {c.finish for c in completions} == {"length"}

    def test_ends_at_a_stop_token(self, model):
        """The stop token is among the ids, for who trains on them, and not in the text."""
        free = model.generate(PROMPTS, SamplingConfig(max_new_tokens=6), seed=2)
        stop = free[0].ids[3]
        config = SamplingConfig(max_new_tokens=6, stop_ids=(stop,))
        for before, after in zip(free, model.generate(PROMPTS, config, seed=2), strict=True):
            if stop in before.ids:
                assert after.ids == before.ids[: before.ids.index(stop) + 1]
                assert after.finish == "stop"
                assert WORDS[stop] not in after.text.split()
            else:
                assert (after.ids, after.finish) == (before.ids, before.finish)

    @pytest.mark.parametrize("name", ["gpt", "llama", "rotary, smeared"])
    def test_goes_on_without_rows_that_have_ended(self, name):
        """Rows of 1 to 8 tokens: fewer and fewer are computed, and each is what it is alone."""
        network = make_model(VARIANTS[name]).network
        step, sizes = decoding_step(network), []

        def counted(token, cache):
            sizes.append(len(token))
            return step(token, cache)

        prompts = [[1, 2], [3], [4, 5, 6], [7]] * 2
        rules = [SamplingConfig(max_new_tokens=n, top_k=2 * n) for n in (3, 1, 8, 2, 1, 1, 7, 4)]
        together = continue_prompts(network, prompts, rules, seeds=range(8), step=counted)
        assert sizes == [8, 4, 4, 2, 2, 2, 1]
        for prompt, rule, seed, grown in zip(prompts, rules, range(8), together, strict=True):
            alone = continue_prompts(network, [prompt], [rule], seeds=[seed])[0]
            assert alone.ids == grown.ids
            assert alone.logprobs == pytest.approx(grown.logprobs, abs=TOLERANCE)

    def test_ends_at_a_stop_string(self, model):
        """A string may lie across tokens; the text ends before it."""
        free = model.generate(["w1"], SamplingConfig(max_new_tokens=6), seed=2)[0]
        words = free.text.split()
        config = SamplingConfig(max_new_tokens=6, stop_strings=(f"{words[2]} {words[3][:1]}",))
        stopped = model.generate(["w1"], config, seed=2)[0]
        assert stopped.ids == free.ids[:4]
        assert stopped.text.split() == words[:2]
        assert stopped.finish == "stop"

    def test_ends_where_the_context_is_full(self, model):
        """A context of 12 predicts a 13th token and no more."""
        completion = model.generate(["w1 " * 12, "w1"], SamplingConfig(max_new_tokens=20))
        assert [len(c.ids) for c in completion] == [1, 12]
        assert [c.finish for c in completion] == ["context", "context"]

    @pytest.mark.parametrize(
        ("prompt", "named"),
        [("w1 " * 13, "13 tokens.*context is 12"), ("", "empty"), ([99], "23 ids")],
    )
    def test_refuses_prompts_it_cannot_read(self, model, prompt, named):
        """One sentence that names the row and the limit."""
        with pytest.raises(InputError, match=rf"prompts\[1\].*{named}"):
            model.generate(["w1", prompt])

    def test_refuses_stop_strings_without_a_tokenizer(self, model):
        """Token ids alone have no text to look in."""
        with pytest.raises(InputError, match="tokenizer"):
            continue_prompts(model.network, [[1]], [SamplingConfig(stop_strings=("x",))], seeds=[0])

    @pytest.mark.parametrize(
        "wrong",
        [
            {"temperature": -1.0},
            {"top_k": 0},
            {"top_p": 0.0},
            {"max_new_tokens": 0},
            {"stop_strings": ("",)},
        ],
    )
    def test_refuses_settings_out_of_range(self, wrong):
        """The message names the setting."""
        with pytest.raises(InputError, match=next(iter(wrong))):
            SamplingConfig(**wrong)


class TestLogprobs:
    def test_agrees_with_the_plain_forward_pass(self, model):
        """Batched and padded as one text at a time."""
        continuations = ["w3 w4", "w1 w2 w3 w4", "w9", ""]
        for prompt, continuation, row in zip(
            PROMPTS, continuations, model.logprobs(PROMPTS, continuations), strict=True
        ):
            ids = model.tokenizer.encode(f"{prompt} {continuation}")
            logp = model.network(torch.tensor([ids]))[0].log_softmax(-1)
            count = len(continuation.split())
            expected = [logp[i - 1, ids[i]].item() for i in range(len(ids) - count, len(ids))]
            assert row == pytest.approx(expected, abs=TOLERANCE)

    def test_refuses_lists_that_do_not_pair(self, model):
        """Zip would drop the rest in silence."""
        with pytest.raises(InputError, match="2 prompts and 1"):
            model.logprobs(["w1", "w2"], ["w3"])


class TestGraph:
    def test_is_captured_once_and_knows_the_context(self, model):
        """Capture takes seconds; a text that is too long is refused by its shape."""
        graph = model.graph()
        assert graph is model.graph()
        ids = torch.ones(2, 12, dtype=torch.long)
        logits = graph.run(ids, fetch="logits")["logits"]
        torch.testing.assert_close(logits, model.network(ids).detach(), atol=1e-5, rtol=1e-5)
        with pytest.raises(InputError, match="at most 12"):
            graph.run(torch.ones(2, 13, dtype=torch.long), fetch="logits")

    def test_follows_the_network_to_another_precision(self, model):
        """Else what is fed would have to be of a type that is nowhere any more."""
        converted = make_model()
        converted.graph()
        converted.network.double()
        ids, logits = torch.ones(1, 3, dtype=torch.long), "logits"
        value = converted.graph().run(ids, fetch="blocks.0.resid_post")["blocks.0.resid_post"]
        feed = {"blocks.0.resid_post": torch.zeros_like(value)}
        assert converted.graph().run(ids, fetch=logits, feed=feed)[logits].dtype == torch.float64

    def test_takes_padded_rows(self, model):
        """The same names, with where each row begins."""
        inputs = {"ids": torch.ones(2, 9, dtype=torch.long), "starts": torch.tensor([0, 4])}
        values = model.graph(padded=True).run(inputs, fetch="logits")
        expected = model.network(inputs["ids"], starts=inputs["starts"])
        torch.testing.assert_close(values["logits"], expected, atol=1e-5, rtol=1e-4)


class TestSaveAndLoad:
    @pytest.mark.parametrize("name", VARIANTS)
    def test_gives_back_the_same_model(self, name, tmp_path):
        """Config, weights to the last bit, and tokenizer, for every architecture."""
        model = make_model(VARIANTS[name], seed=4)
        model.save(tmp_path / "model")
        loaded = LanguageModel.load(tmp_path / "model")
        assert loaded.network.config == model.network.config
        ids = torch.tensor([[1, 2, 3]])
        assert torch.equal(loaded.network(ids), model.network(ids))
        assert loaded.tokenizer.encode("w3 <end>") == [3, 0]
        assert loaded.tokenizer.end_id == 0

    def test_reads_what_was_saved_before_a_field_was_thought_of(self, tmp_path):
        """Configs only grow fields that have defaults."""
        model = make_model()
        model.save(tmp_path / "model")
        path = tmp_path / "model" / "config.json"
        older = json.loads(path.read_text())
        for name in ("ends", "post_norms"):
            del older["transformer"][name]
        older["transformer"]["attention"] = {"num_heads": 4}
        path.write_text(json.dumps(older))
        assert LanguageModel.load(tmp_path / "model").network.config == model.network.config

    def test_takes_a_runs_newest_whole_checkpoint(self, tmp_path, monkeypatch):
        """By folder and by name; a draft that a crash left is not a checkpoint."""
        run = tmp_path / "runs" / "book"
        for step in (1, 2):
            make_model(seed=step).save(run / "checkpoints" / f"step-{step:08d}")
        shutil.copytree(
            run / "checkpoints" / "step-00000001", run / "checkpoints" / ".step-00000003.7.draft"
        )
        monkeypatch.chdir(tmp_path)
        newest = make_model(seed=2).network.embed.weight
        for where in (run, "run:book", "runs/book"):
            assert torch.equal(LanguageModel.load(where).network.embed.weight, newest)

    def test_refuses_to_save_over_something(self, tmp_path):
        """Nobody's files are replaced by accident."""
        (tmp_path / "notes").write_text("mine")
        with pytest.raises(InputError, match="exists already"):
            make_model().save(tmp_path)

    @pytest.mark.parametrize(
        ("damage", "named"),
        [
            (lambda d: (d / "config.json").unlink(), "no config.json"),
            (lambda d: (d / "config.json").write_text("{"), "truncated or damaged"),
            (lambda d: (d / "model.safetensors").unlink(), "no model.safetensors"),
            (lambda d: (d / "tokenizer.json").unlink(), "no tokenizer.json"),
            (lambda d: (d / "tokenizer.json").write_text("{"), "no readable tokenizer"),
            (
                lambda d: (d / "model.safetensors").write_bytes(
                    (d / "model.safetensors").read_bytes()[:-100]
                ),
                "truncated or damaged",
            ),
            (lambda d: change_config(d, format=99), "format 99"),
            (lambda d: change_config(d, model_type="gpt2"), "'gpt2'"),
            (lambda d: change_config(d, transformer={"d_model": "wide"}), "describe"),
            (lambda d: change_shape(d, num_layers=1), "unknown weight"),
            (lambda d: change_shape(d, num_layers=3), "lacks weight"),
            (lambda d: change_shape(d, context=13), "shape"),
        ],
    )
    def test_refuses_a_damaged_directory(self, damage, named, tmp_path):
        """A sentence that says which file and what is wrong with it."""
        make_model().save(tmp_path / "model")
        damage(tmp_path / "model")
        with pytest.raises(RunError, match=named):
            LanguageModel.load(tmp_path / "model")

    def test_refuses_pickled_weights(self, tmp_path):
        """Reading a pickle can run any code, so it is not read."""
        torch.save({}, tmp_path / "pytorch_model.bin")
        with pytest.raises(RunError, match="pickled"):
            LanguageModel.load(tmp_path)

    @pytest.mark.parametrize(
        ("where", "named"),
        [
            ("run:none", "no run or model directory runs/none"),
            ("./nothing/here/at-all", "no run or model directory"),
        ],
    )
    def test_says_what_it_did_not_find(self, where, named, tmp_path, monkeypatch):
        """Each kind of place has its own sentence, and no network is asked."""
        monkeypatch.chdir(tmp_path)
        with pytest.raises(InputError, match=named):
            LanguageModel.load(where)

    def test_refuses_a_run_without_a_checkpoint(self, tmp_path):
        """A run that was killed before its first checkpoint."""
        (tmp_path / "run.json").write_text("{}")
        with pytest.raises(RunError, match="no checkpoint yet"):
            LanguageModel.load(tmp_path)


def change_config(directory, **changes) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_shape(directory, **changes) -> None:
    transformer = json.loads((directory / "config.json").read_text())["transformer"]
    change_config(directory, transformer=transformer | changes)
