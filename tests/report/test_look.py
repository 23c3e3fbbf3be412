"""A look finds what plain hooks find, with and without feeds."""

import re

import pytest
import safetensors.torch
import torch
from tests.report.look_subject import PROMPT, WORDS, captured_as_is, subject

from glasshouse.errors import InputError
from glasshouse.report.look import Look, Question, look, parse_feeding
from glasshouse.report.look.session import Session
from glasshouse.report.look.texts import read_prompts


def looked(*prompts: str, fetch: tuple[str, ...] = (), feed: tuple[str, ...] = ()) -> Look:
    question = Question(
        prompts=prompts or (PROMPT,), fetch=fetch, feedings=tuple(map(parse_feeding, feed))
    )
    return look(subject(), question, name="tiny")


def plain(prompt: str) -> torch.Tensor:
    """Log-probabilities by the network alone."""
    with torch.no_grad():
        ids = torch.tensor([subject().encode(prompt)])
        return subject().network(ids)[0].log_softmax(dim=-1)


class TestLook:
    def test_says_what_the_model_says(self):
        """The likeliest next tokens are the network's own."""
        following = looked().prompts[0].following
        probabilities = plain(PROMPT)[-1].exp()
        assert following[0].token == WORDS[int(probabilities.argmax())]
        assert following[0].probability == pytest.approx(probabilities.max().item(), abs=1e-6)
        assert following[0].before is None

    def test_ends_the_lens_with_what_the_model_says(self):
        """The last residual stream is read as the model itself reads it."""
        one = looked().prompts[0]
        assert one.lens is not None
        assert one.lens.names == (
            "blocks.0.resid_pre",
            "blocks.0.resid_post",
            "blocks.1.resid_post",
        )
        top = plain(PROMPT).exp().topk(5, dim=-1)
        torch.testing.assert_close(one.lens.probabilities[-1], top.values)

    def test_keeps_what_is_fetched_under_one_address_a_value(self):
        """A pattern gives every value its own key; a part has lost the axes it picked from."""
        found = looked(fetch=("blocks.*.attn.z[head=1, pos=-1]", "embed"))
        assert list(found.values) == [
            "blocks.0.attn.z[head=1, pos=-1]", "blocks.1.attn.z[head=1, pos=-1]", "embed"
        ]  # fmt: skip
        assert found.axes("blocks.0.attn.z[head=1, pos=-1]") == ("batch", "d_head")
        assert found.values["blocks.0.attn.z[head=1, pos=-1]"].shape == (1, 4)

    def test_shows_what_feeding_changed(self):
        """Before and after are the plain model and the model with a hook in it."""
        one = looked(feed=("blocks.1.attn.out=zero",)).prompts[0]
        network = subject().network
        handle = network.blocks[1].attn.register_forward_hook(lambda *a: torch.zeros_like(a[2]))
        after = plain(PROMPT)
        handle.remove()
        before = plain(PROMPT)
        for said in one.following:
            token = WORDS.index(said.token)
            assert said.probability == pytest.approx(after[-1, token].exp().item(), abs=1e-6)
            assert said.before == pytest.approx(before[-1, token].exp().item(), abs=1e-6)
        told = [said.probability for said in one.following]
        assert told == sorted(told, reverse=True)
        assert one.changed is not None
        divergence = (before.exp() * (before - after)).sum(dim=-1)
        torch.testing.assert_close(one.changed, divergence, rtol=1e-4, atol=1e-6)

    def test_counts_what_is_needed(self):
        """What a replaced value made needless is not counted; what is changed in place is."""
        session = Session(subject(), read_prompts(subject(), (PROMPT,)))
        cut, scaled = (
            str(session.explain(["blocks.1.mlp.out"], [parse_feeding(f"blocks.0.resid_post={v}")]))
            for v in ("zero", "x2")
        )
        assert "blocks.0 " in scaled
        assert "blocks.0 " not in cut

    def test_leaves_padding_out(self):
        """A short prompt beside a longer one is as if it were alone."""
        both = looked("the cat sat on a mat", PROMPT)
        alone = looked(PROMPT).prompts[0]
        padded = both.prompts[1]
        assert "padded on the left" in both.notes[0]
        assert padded.read == alone.read
        for one, other in zip(padded.attention, alone.attention, strict=True):
            torch.testing.assert_close(one.pattern, other.pattern)
        assert padded.lens is not None
        assert alone.lens is not None
        torch.testing.assert_close(padded.lens.probabilities, alone.lens.probabilities)


class TestCapturedAsIs:
    def test_finds_lens_and_attention_by_what_the_modules_do(self):
        """A class of transformers with its own names: the lens ends in what the model says."""
        model = captured_as_is()
        feed = parse_feeding("model.decoder.layers.0[:, -1]=x0.5")
        found = look(model, Question(prompts=(PROMPT,), feedings=(feed,)), name="opt")
        names = tuple(f"model.decoder.layers.{i}" for i in (0, 1))
        assert list(found.values) == [f"{name}.self_attn.pattern" for name in names]
        one = found.prompts[0]
        assert one.lens is not None
        assert one.lens.names == names
        assert one.lens.ids[-1, -1, 0] == WORDS.index(one.following[0].token)
        assert one.lens.probabilities[-1, -1, 0] == pytest.approx(one.following[0].probability)
        assert one.changed is not None
        assert one.changed[:-1].max() < 1e-6 < one.changed[-1]


class TestFeeds:
    def test_takes_a_value_from_another_prompt(self):
        """Patching the whole residual stream of the last place makes the other prompt speak."""
        feed = 'blocks.1.resid_post[pos=-1]=from "a dog ran"'
        patched = looked(feed=(feed,)).prompts[0]
        other = looked("a dog ran").prompts[0]
        assert [n.token for n in patched.following[:3]] == [n.token for n in other.following[:3]]
        assert patched.following[0].probability == pytest.approx(other.following[0].probability)

    def test_means_over_all_tokens(self):
        """The mean of a head is one vector, put at every place."""
        fed = looked(fetch=("blocks.0.attn.z",), feed=("blocks.0.attn.z[head=1]=mean",))
        free = looked(fetch=("blocks.0.attn.z",)).values["blocks.0.attn.z"]
        expected = free.clone()
        expected[:, :, 1] = free[:, :, 1].mean(dim=1, keepdim=True)
        torch.testing.assert_close(fed.values["blocks.0.attn.z"], expected)

    def test_scales_and_adds_in_place(self, tmp_path):
        """A steering vector of a file, times 2, on top of what stands there."""
        vector = torch.arange(8.0)
        path = tmp_path / "steer.safetensors"
        safetensors.torch.save_file({"up": vector}, path)
        free = looked(fetch=("embed",)).values["embed"]
        fed = looked(fetch=("embed",), feed=(f"embed=+2*{path}:up",)).values["embed"]
        torch.testing.assert_close(fed, free + 2 * vector)
        halved = looked(fetch=("embed",), feed=("embed[pos=0]=x0.5",)).values["embed"]
        torch.testing.assert_close(halved[:, 0], free[:, 0] / 2)
        torch.testing.assert_close(halved[:, 1:], free[:, 1:])

    def test_leaves_padding_out_of_means(self):
        """The mean over a padded batch is the mean over its words."""
        prompts = ("the cat sat on a mat", "the dog")
        free = [looked(one, fetch=("embed",)).values["embed"][0] for one in prompts]
        fed = looked(*prompts, fetch=("embed[pos=-1]",), feed=("embed[pos=-1]=mean",))
        mean = torch.cat(free).mean(dim=0)
        torch.testing.assert_close(fed.values["embed[pos=-1]"], mean.expand(2, -1))

    def test_feeds_every_value_of_a_pattern(self):
        """A head of every layer, from one prompt and added: each gets its own."""
        z = "blocks.*.attn.z[head=0, pos=-1]"
        free = looked("the cat sat", fetch=(z,)).values
        other = looked("a dog ran", fetch=(z,)).values
        first = "blocks.0.attn.z[head=0, pos=-1]"
        fed = looked("the cat sat", fetch=(z,), feed=(f"{z}=+from a dog ran",)).values
        torch.testing.assert_close(fed[first], free[first] + other[first])

    def test_says_when_numbers_break(self):
        """What overflows is told, and the page can still be drawn."""
        found = looked(feed=("blocks.0.resid_post=3e38", "blocks.0.mlp.out=x2"))
        assert any("not finite" in note for note in found.notes)


class TestRefuses:
    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ({"fetch": ("blocks.*.attn.patern",)}, "nearest names are blocks.1.attn.pattern"),
            ({"fetch": ("blocks.0.attn.z[heads=1]",)}, "no axis 'heads'"),
            ({"fetch": ("blocks.0.attn.z[head=2]",)}, "place 2 of an axis of length 2"),
            ({"feed": ("blocks.7.attn.z=zero",)}, "there is no value 'blocks.7.attn.z'"),
            ({"feed": ("embed=zero", "embed=mean")}, "two feeds meet at embed"),
            ({"feed": ("embed=none.safetensors:x",)}, "there is no file none.safetensors"),
            ({"feed": ("embed=from a dog",)}, "feed single places"),
            ({"feed": ("blocks.0.attn.pattern=mean",)}, "has no mean over tokens"),
        ],
    )
    def test_what_does_not_fit_in_one_sentence(self, words, sentence):
        """Each names the value and the way out."""
        with pytest.raises(InputError, match=re.escape(sentence)):
            looked(**words)

    @pytest.mark.parametrize(
        ("prompts", "sentence"),
        [
            (("the " * 17,), "has 17 tokens, but the model's context is 16"),
            (("",), "has no tokens"),
            (("the bird",), "'bird' is none of the 10"),
        ],
    )
    def test_prompts_that_the_model_cannot_read(self, prompts, sentence):
        """Before anything is computed."""
        with pytest.raises(InputError, match=sentence):
            looked(*prompts)

    def test_places_counted_from_the_front_of_padded_rows(self):
        """pos=0 would be padding in one prompt and a word in the other."""
        with pytest.raises(InputError, match="count from the end"):
            looked("the cat", PROMPT, feed=("embed[pos=0]=zero",))

    def test_files_that_do_not_fit(self, tmp_path):
        """A missing key lists the keys; a wrong shape names both shapes."""
        path = tmp_path / "v.safetensors"
        safetensors.torch.save_file({"a": torch.zeros(3), "b": torch.zeros(8)}, path)
        with pytest.raises(InputError, match=r"no tensor 'c'; it holds a, b"):
            looked(feed=(f"embed={path}:c",))
        with pytest.raises(InputError, match=r"say which tensor is meant; it holds a, b"):
            looked(feed=(f"embed={path}",))
        with pytest.raises(
            InputError, match=r"the tensor has shape \(3,\), where \(1, 4, 8\) belongs"
        ):
            looked(feed=(f"embed={path}:a",))
        path.write_bytes(b"not a file of tensors")
        with pytest.raises(InputError, match="is damaged"):
            looked(feed=(f"embed={path}:a",))
