"""Our Transformer against transformers' eager attention in float32, for every family."""

from dataclasses import replace

import pytest
import torch
from tests.models.huggingface.checkpoints import CONFIGS, eager, random_ids, reference

from glasshouse.models import LanguageModel, SamplingConfig, Transformer, empty_cache
from glasshouse.models.huggingface.checkpoint import Checkpoint

TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}  # what the issue asks for; we measure 2e-5 at most
IDS = random_ids(3, 17)  # longer than every window
STARTS = torch.tensor([0, 5, 9])


@pytest.fixture(params=CONFIGS)
def name(request) -> str:
    return request.param


@pytest.fixture
def model(name, directory_of) -> LanguageModel:
    return LanguageModel.load(directory_of(name))


class TestLogits:
    def test_agree(self, name, model):
        """On whole texts; logits vary ten thousand times more than the tolerance."""
        theirs = reference(name)(IDS).logits
        assert theirs.std(dim=-1).min() > 0.5
        torch.testing.assert_close(model.network(IDS), theirs, **TOLERANCE)

    def test_agree_under_padding_on_the_left(self, name, model):
        """Batches of ragged prompts; what stands in the padding does not matter."""
        real = torch.arange(IDS.shape[1]) >= STARTS[:, None]
        places = (real.long().cumsum(1) - 1).clamp(min=0)
        theirs = reference(name)(IDS, attention_mask=real.long(), position_ids=places).logits
        ours = model.network(IDS, starts=STARTS)
        torch.testing.assert_close(ours[real], theirs[real], **TOLERANCE)

    def test_agree_under_padding_on_the_right(self, name, model):
        """Nothing looks ahead, so texts that end early need no mask of ours."""
        real = torch.arange(IDS.shape[1]) < IDS.shape[1] - STARTS[:, None]
        theirs = reference(name)(IDS, attention_mask=real.long()).logits
        torch.testing.assert_close(model.network(IDS)[real], theirs[real], **TOLERANCE)

    @pytest.mark.parametrize("starts", [None, STARTS], ids=["even", "ragged"])
    def test_agree_with_a_cache(self, name, model, starts):
        """A prefill of 10 tokens, then one at a time past every window, in both libraries."""
        real = torch.ones_like(IDS) if starts is None else torch.arange(17) >= starts[:, None]
        real, cache, past = (
            real.long(),
            empty_cache(model.network.config, batch=3, num_slots=17, starts=starts),
            None,
        )
        for first, last in [(0, 10), *((i, i + 1) for i in range(10, 17))]:
            theirs = reference(name)(
                IDS[:, first:last],
                attention_mask=real[:, :last],
                position_ids=(real[:, :last].cumsum(1) - 1).clamp(min=0)[:, first:],
                past_key_values=past,
                use_cache=True,
            )
            past = theirs.past_key_values
            ours = model.network(IDS[:, first:last], cache=cache)
            torch.testing.assert_close(ours[:, -1], theirs.logits[:, -1], **TOLERANCE)

    def test_choose_the_same_tokens(self, name, model):
        """Greedy generation for ragged prompts, against transformers' own generate."""
        prompts = [row[start:].tolist() for row, start in zip(IDS, STARTS, strict=True)]
        grown = model.generate(prompts, SamplingConfig(max_new_tokens=8, temperature=0))
        real = (torch.arange(IDS.shape[1]) >= STARTS[:, None]).long()
        theirs = reference(name).generate(
            IDS,
            attention_mask=real,
            max_new_tokens=8,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        assert [completion.ids for completion in grown] == theirs[:, 17:].tolist()


class TestOddities:
    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("llama 3", lambda c: without_scaling(c)),
            ("mistral", lambda c: attention(c, local=None)),
            ("qwen 2, windows", lambda c: attention(c, local=None)),
            (
                "qwen 3, windows",
                lambda c: attention(c, local=replace(c.attention.local, global_layers=())),
            ),
            ("gemma 2", lambda c: attention(c, score_cap=None)),
            ("gemma 2", lambda c: attention(c, scale=None)),
            ("gemma 2", lambda c: replace(c, ends=replace(c.ends, logit_cap=None))),
            ("gemma 2", lambda c: replace(c, norm="rms")),
            ("gemma 3", lambda c: attention(c, local=replace(c.attention.local, rotary_base=None))),
            ("gemma 3", lambda c: without_scaling(c)),
            ("gemma 3", lambda c: replace(c, ends=replace(c.ends, embed_scale=1.0))),
        ],
    )
    def test_are_felt(self, name, change, directory_of):
        """Without any one of them the logits are others, so the tests above would notice."""
        network = LanguageModel.load(directory_of(name)).network
        changed = Transformer(change(network.config), device="meta")
        changed.load_state_dict(network.state_dict(), assign=True)
        assert (changed(IDS) - network(IDS)).abs().max() > 1e-2


def attention(config, **changes):
    return replace(config, attention=replace(config.attention, **changes))


def without_scaling(config):
    return replace(config, positions=replace(config.positions, rotary_scaling=None))


class TestSave:
    def test_gives_transformers_its_checkpoint_back(self, name, model, tmp_path, directory_of):
        """The same config word for word, the same weights to the last bit."""
        model.save(tmp_path / "again")
        assert (tmp_path / "again" / "config.json").read_text().strip() == (
            directory_of(name) / "config.json"
        ).read_text().strip()
        assert torch.equal(eager(tmp_path / "again")(IDS).logits, reference(name)(IDS).logits)

    def test_describes_a_network_that_came_from_nowhere(self, name, model, tmp_path):
        """As it does for one that was grown here, in the words of the family."""
        family = model.checkpoint.family
        bare = replace(model, checkpoint=Checkpoint(family=family, settings={}, carried={}))
        bare.save(tmp_path / "new", layout="huggingface")
        again = eager(tmp_path / "new")
        assert again.config.model_type == family
        assert torch.equal(again(IDS).logits, reference(name)(IDS).logits)
        assert LanguageModel.load(tmp_path / "new").network.config == model.network.config

    def test_keeps_it_in_our_own_layout_too(self, model, tmp_path):
        """Which can hold every network."""
        model.save(tmp_path / "ours", layout="glasshouse")
        again = LanguageModel.load(tmp_path / "ours")
        assert again.network.config == model.network.config
        assert torch.equal(again.network(IDS), model.network(IDS))
