"""Texts that grow under feeds, beside runs over whole texts under the same feeds."""

from functools import lru_cache

import pytest
import torch
from tests.models.variants import VARIANTS
from torch import Tensor

from glasshouse.dataflow import Graph
from glasshouse.dataflow.address import parse_address
from glasshouse.errors import InputError
from glasshouse.models import SamplingConfig, Transformer, continue_prompts, steered
from glasshouse.models.generate import pad_left
from glasshouse.models.steered import SteeredReading, token_axis
from glasshouse.models.steering import (
    Moment,
    Steering,
    add,
    clamp,
    during,
    from_new_token,
    from_token,
    on_rows,
    set_to,
    timed,
    whole_text,
)

# Float32 sums of at most a few hundred terms of order one, in two orders.
ROUNDING = {"atol": 3e-5, "rtol": 1e-4}
RAGGED, EVEN = [[1, 2, 3], [4], [5, 6, 7, 8, 9], [2, 2]], [[1, 2, 3], [4, 5, 6]]
VECTOR = torch.linspace(-2, 3, 16)
STEPS = 5


def ramp(value: Tensor, moment: Moment) -> Tensor:
    return value * (1 + 0.1 * moment.spread(moment.positions, value))


FEEDS: dict[str, Steering] = {
    "added from a token on": {"blocks.0.resid_post": from_token(3, add(VECTOR, 0.5))},
    "clamped at every token": {"blocks.1.resid_pre": clamp(VECTOR, 4.0)},
    "one head without output": {"blocks.1.attn.z[head=2]": torch.zeros(4)},
    "one head that looks at itself": {
        "blocks.0.attn.scores[head=1]": from_token(1, lambda scores: scores * 3)
    },
    "all at once": {
        "blocks.0.resid_post": on_rows([1, 2], during(2, 5, add(VECTOR))),
        "blocks.*.mlp.out": timed(ramp),
        "blocks.1.attn.z[head={0,3}]": from_new_token(2, set_to(0.25)),
        "blocks.1.attn.k": lambda key: key * 1.5,
    },
}


@lru_cache
def model(variant: str) -> Transformer:
    """A model whose biases and gains an error would not leave unnoticed."""
    network = Transformer(VARIANTS[variant], generator=torch.Generator().manual_seed(0))
    network = network.eval().requires_grad_(False)
    for parameter in network.parameters():
        if parameter.ndim == 1:
            noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2))
            parameter.add_(noise, alpha=0.3)
    return network


@lru_cache
def whole_graph(variant: str, padded: bool) -> Graph:
    example = {"ids": torch.zeros(2, 4, dtype=torch.long)}
    if padded:
        example["starts"] = torch.zeros(2, dtype=torch.long)
    return Graph.capture(model(variant), example)


def steered_reading(network, prompts, feed, *, rows_at_once=8, numbers=None) -> SteeredReading:
    ids, starts = pad_left(prompts, torch.device("cpu"))
    return SteeredReading(
        network, ids, starts, num_new=STEPS + 1, feed=feed,
        numbers=numbers or range(len(prompts)), rows_at_once=rows_at_once,
    )  # fmt: skip


def step_by_step(variant: str, prompts: list[list[int]], feed: Steering) -> Tensor:
    """Logits of the prompts' last tokens and of five more, whatever they would choose."""
    reading = steered_reading(model(variant), prompts, feed, rows_at_once=3)
    return torch.stack([reading.begin(), *map(reading.step, more_tokens(prompts))], dim=1)


def more_tokens(prompts: list[list[int]]) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(23, (STEPS, len(prompts), 1), generator=generator)


def all_at_once(variant: str, prompts: list[list[int]], feed: Steering) -> Tensor:
    """The same logits from one run over the whole texts, without a cache."""
    ids, starts = pad_left(prompts, torch.device("cpu"))
    graph, prompt_slots = whole_graph(variant, starts is not None), ids.shape[1]
    whole = torch.cat([ids, *more_tokens(prompts)], dim=1)
    fed = {}
    for address, change in feed.items():
        fed[address] = whole_text(
            change, num_tokens=whole.shape[1], prompt_slots=prompt_slots, starts=starts
        )  # fmt: skip
    inputs = {"ids": whole} | ({} if starts is None else {"starts": starts})
    return graph.run(inputs, fetch="logits", feed=fed)["logits"][:, prompt_slots - 1 :]


class TestSteeredReading:
    @pytest.mark.parametrize("feed", FEEDS.values(), ids=FEEDS.keys())
    @pytest.mark.parametrize("prompts", [EVEN, RAGGED], ids=["even", "padded"])
    def test_gives_the_logits_of_whole_texts_under_the_same_feeds(self, prompts, feed):
        """By teacher forcing, position by position, with the prompts read in two parts."""
        expected = all_at_once("gpt", prompts, feed)
        torch.testing.assert_close(step_by_step("gpt", prompts, feed), expected, **ROUNDING)
        assert (expected - all_at_once("gpt", prompts, {})).abs().max() > 0.01

    @pytest.mark.parametrize("variant", ["rotary, smeared", "gemma 3"])
    def test_does_so_for_other_families(self, variant):
        """Rotary positions with shared keys; a cache that also holds the last key; windows."""
        feed = FEEDS["all at once"]
        expected = all_at_once(variant, RAGGED, feed)
        torch.testing.assert_close(step_by_step(variant, RAGGED, feed), expected, **ROUNDING)

    def test_goes_on_with_the_rows_that_are_kept(self):
        """A row keeps its prompt's number and its padding when others have ended."""
        feed, rows = FEEDS["all at once"], torch.tensor([1, 2])
        reading = steered_reading(model("gpt"), RAGGED, feed)
        logits, tokens = [reading.begin()[rows]], more_tokens(RAGGED)
        reading.keep(rows)
        logits += [reading.step(token[rows]) for token in tokens]
        expected = all_at_once("gpt", RAGGED, feed)[rows]
        torch.testing.assert_close(torch.stack(logits, dim=1), expected, **ROUNDING)

    def test_captures_a_network_once_and_sees_its_weights_change(self, monkeypatch):
        """The second text costs no seconds; an edit between two texts is not overlooked."""
        network = Transformer(VARIANTS["bigram"]).eval().requires_grad_(False)
        feed = {"final_norm": lambda value: value}
        first = steered_reading(network, EVEN, feed).begin()
        monkeypatch.setattr(steered, "_capture", None)
        network.final_norm.weight.mul_(2)
        second = steered_reading(network, EVEN, feed).begin()
        torch.testing.assert_close(second, 2 * first, **ROUNDING)

    def test_captures_again_what_was_hooked_since(self):
        network = Transformer(VARIANTS["bigram"]).eval().requires_grad_(False)
        feed = {"final_norm": lambda value: value}
        before = steered_reading(network, EVEN, feed).begin()
        handle = network.final_norm.register_forward_hook(lambda _part, _args, output: output * 3)
        hooked = steered_reading(network, EVEN, feed).begin()
        handle.remove()
        torch.testing.assert_close(hooked, 3 * before, **ROUNDING)
        torch.testing.assert_close(steered_reading(network, EVEN, feed).begin(), before)


class TestContinuePrompts:
    RULES = SamplingConfig(temperature=0, max_new_tokens=STEPS)

    def greedy(self, prompts: list[list[int]], feed: Steering | None, **options) -> list[list[int]]:
        rules, seeds = [self.RULES] * len(prompts), range(len(prompts))
        grown = continue_prompts(model("gpt"), prompts, rules, seeds=seeds, feed=feed, **options)
        return [row.ids for row in grown]

    def test_chooses_as_without_feeds_when_nothing_changes(self):
        """The captured step beside the packed one."""
        feed = {"blocks.1.resid_mid": lambda value: value}
        assert self.greedy(RAGGED, feed) == self.greedy(RAGGED, None)

    def test_leaves_a_text_alone_before_the_token_from_which_it_is_steered(self):
        """To the token that the last unsteered position chose."""
        plain = self.greedy(EVEN, None)
        steered = self.greedy(EVEN, {"logits": from_token(4, set_to(torch.arange(23.0)))})
        assert [row[:2] for row in steered] == [row[:2] for row in plain]
        assert [row[2:] for row in steered] == [[22, 22, 22]] * 2

    def test_steers_the_rows_it_is_told(self):
        """By the numbers that the caller gives them, whatever their order in the batch."""
        feed = {"logits": on_rows([7], set_to(torch.arange(23.0)))}
        plain, steered = self.greedy(EVEN, None), self.greedy(EVEN, feed, numbers=[9, 7])
        assert steered == [plain[0], [22] * STEPS]

    def test_refuses_what_makes_no_sense_while_texts_grow(self):
        for feed, said in [
            ({"blocks.0.resid_post[pos=-1]": VECTOR}, "from_token"),
            ({"blocks.0.resid_post[batch=0]": VECTOR}, "on_rows"),
            ({"blocks.0.resid_pots": VECTOR}, "nearest names are blocks.0.resid_post"),
            ({"blocks.0.resid_post": torch.zeros(7, 16, 16)}, r"shape \(7, 16, 16\)"),
            ({"blocks.0.resid_post": lambda value: value[:, 0]}, r"shape \(2, 16\)"),
        ]:
            with pytest.raises(InputError, match=said):
                self.greedy(EVEN, feed)


class TestSteering:
    def moment(self, first: int, count: int = 1) -> Moment:
        """Two rows, of which one begins at slot 3; prompts end at slot 6."""
        return Moment(first, count, 6, torch.tensor([0, 3]), (0, 3), torch.tensor([4, 5]))

    def changed(self, change, moment: Moment) -> list[list[float]]:
        value = torch.zeros(2, moment.count, 2)
        return change.change(value, moment)[:, :, 0].tolist()

    def test_counts_positions_from_each_texts_own_beginning(self):
        assert self.changed(from_token(4, set_to(1)), self.moment(0, 6)) == [
            [0, 0, 0, 0, 1, 1],
            [0, 0, 0, 0, 0, 0],
        ]
        assert self.changed(from_token(4, set_to(1)), self.moment(6)) == [[1], [0]]
        assert self.changed(during(1, 2, set_to(1)), self.moment(0, 6))[1] == [0, 0, 0, 0, 1, 0]

    def test_never_touches_padding(self):
        assert self.changed(from_token(0, set_to(1)), self.moment(0, 6))[1] == [0, 0, 0, 1, 1, 1]

    def test_counts_new_tokens_from_the_prompts_end(self):
        assert self.changed(from_new_token(0, set_to(1)), self.moment(0, 6)) == [[0.0] * 6] * 2
        assert self.changed(from_new_token(1, set_to(1)), self.moment(6)) == [[0], [0]]
        assert self.changed(from_new_token(1, set_to(1)), self.moment(7)) == [[1], [1]]

    def test_limits_one_limit_by_another(self):
        both = on_rows([5], from_token(2, set_to(1)))
        assert self.changed(both, self.moment(0, 6)) == [[0] * 6, [0, 0, 0, 0, 0, 1]]

    def test_makes_no_mask_where_all_tokens_agree(self):
        """A limit that is past costs a comparison, not a pass over the value."""
        value = torch.zeros(2, 1, 2)
        assert from_token(9, set_to(1)).change(value, self.moment(6)) is value

    def test_clamps_the_component_and_nothing_else(self):
        direction = torch.tensor([3.0, 4.0])
        value = torch.randn(2, 5, 2, generator=torch.Generator().manual_seed(0))
        clamped = clamp(direction, 2.5)(value)
        across = torch.tensor([4.0, -3.0])
        torch.testing.assert_close(clamped @ direction / 5, torch.full((2, 5), 2.5))
        torch.testing.assert_close(clamped @ across, value @ across)

    @pytest.mark.parametrize("change", [add(torch.ones(3)), clamp(torch.ones(3), 1)])
    def test_refuses_vectors_of_another_width(self, change):
        """They were made for another model, or for another value."""
        with pytest.raises(InputError, match=r"length 3 cannot steer .* last axis is 4"):
            change(torch.zeros(2, 5, 4))

    def test_refuses_directions_and_positions_that_are_none(self):
        with pytest.raises(InputError, match="points nowhere"):
            clamp(torch.zeros(3), 1)
        with pytest.raises(InputError, match="positions begin at 0"):
            during(5, 5, set_to(0))
        with pytest.raises(InputError, match="0 or more"):
            from_new_token(-1, set_to(0))

    @pytest.mark.parametrize(
        ("axes", "address", "axis"),
        [
            ("batch pos head d_head", "z[head=1]", 1),
            ("batch head query key", "pattern", 2),
            ("batch head query key", "pattern[head=1, key=0]", 1),
            ("", "norm[:, :, 3]", 1),
        ],
    )
    def test_finds_the_axis_of_tokens(self, axes, address, axis):
        assert token_axis(axes.split(), parse_address(address)) == axis
