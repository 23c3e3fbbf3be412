"""Rows of values: the right ones, in an order that a seed decides, whole on disk or not there."""

import json
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.interpret import subjects
from torch import Tensor

from glasshouse.errors import InputError, RunError
from glasshouse.interpret.activations import (
    ActivationShards,
    harvest,
    harvest_all,
    shuffled_batches,
    streamed_batches,
    write_activations,
)
from glasshouse.interpret.activations.batches import run_ahead
from glasshouse.models import Transformer

TEXTS = [[1, 2, 3], [4, 5, 6, 7, 8], [9], [1, 2]]
NAME = "blocks.0.resid_post"


@pytest.fixture(scope="module")
def network() -> Transformer:
    """A small network with random weights."""
    return subjects.network("gpt")


class TestHarvest:
    """Values of every token, whatever its neighbours in the batch."""

    def test_gives_what_each_text_alone_would(self, network):
        """Filling behind a shorter text must not reach it."""
        together = harvest_all(network, TEXTS, NAME)
        alone = [harvest_all(network, [text], NAME)[NAME] for text in TEXTS]
        torch.testing.assert_close(together[NAME], torch.cat(alone), rtol=1e-4, atol=1e-5)

    def test_says_which_token_each_row_is_of(self, network):
        """Truth is looked up by text and place."""
        found = harvest_all(network, TEXTS, [NAME, "blocks.1.attn.z"], batch_tokens=8)
        assert found.ids.tolist() == [token for text in TEXTS for token in text]
        assert found.document.tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 2, 3, 3]
        assert found.position.tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 0, 0, 1]
        assert found["blocks.1.attn.z"].shape == (11, 16)

    def test_skips_the_start_of_each_text(self, network):
        """First tokens have values of a size of their own."""
        assert harvest_all(network, TEXTS, NAME, skip=1).ids.tolist() == [2, 3, 5, 6, 7, 8, 2]

    def test_reads_no_more_at_once_than_it_may(self, network):
        """Filling counts: a batch of 3 and 5 tokens takes 10 places."""
        sizes = [len(part) for part in harvest(network, TEXTS, NAME, batch_tokens=9)]
        assert sizes == [3, 5, 3]

    @pytest.mark.parametrize(
        ("texts", "names", "sentence"),
        [
            ([[]], NAME, "text 0 has no tokens"),
            (["word"], NAME, "needs a LanguageModel"),
            (TEXTS, [], "no value is named"),
            (TEXTS, "blocks.0.attn.pattern", "no row a token"),
            (TEXTS, "blocks.7.resid_post", "blocks.1.resid_post"),
            ([[1] * 99], NAME, "99 tokens do not fit"),
        ],
    )
    def test_refuses_what_has_no_rows(self, network, texts, names, sentence):
        """In one sentence."""
        with pytest.raises(InputError, match=sentence):
            list(harvest(network, texts, names))

    def test_refuses_to_be_left_with_nothing(self, network):
        """Rather than to hand on an empty tensor that fails somewhere else."""
        with pytest.raises(InputError, match="no token is left"):
            harvest_all(network, TEXTS, NAME, skip=5)


class TestShards:
    """A model runs once, and what it computed stays."""

    def test_keep_everything(self, network, tmp_path):
        """Values, tokens, places."""
        wanted = harvest_all(network, TEXTS, NAME)
        parts = harvest(network, TEXTS, NAME, batch_tokens=5)
        written = write_activations(tmp_path / "acts", parts, about={"model": "random"})
        found = ActivationShards.open(tmp_path / "acts")
        assert found.about == written.about == {"model": "random"}
        torch.testing.assert_close(found.activations[NAME], wanted[NAME], rtol=1e-4, atol=1e-5)
        assert torch.equal(found.activations.ids, wanted.ids)
        assert torch.equal(found.activations.position, wanted.position)

    def test_take_half_the_place_at_half_precision(self, network, tmp_path):
        """To within a thousandth; batches come as float32."""
        write_activations(tmp_path / "half", harvest(network, TEXTS, NAME), precision="float16")
        held = ActivationShards.open(tmp_path / "half").activations[NAME]
        wanted = harvest_all(network, TEXTS, NAME)[NAME]
        torch.testing.assert_close(held.float(), wanted, rtol=1e-3, atol=1e-3)
        assert next(shuffled_batches(held, 4, seed=0)).dtype == torch.float32

    def test_are_whole_or_absent(self, network, tmp_path):
        """A text that fails midway leaves nothing that looks finished."""
        parts = harvest(network, [*TEXTS, []], NAME, batch_tokens=4)
        with pytest.raises(InputError, match="text 4"):
            write_activations(tmp_path / "acts", parts)
        assert not list(tmp_path.iterdir())

    def test_refuse_to_be_read_when_damaged(self, network, tmp_path):
        """Cut files would give rows of another token."""
        folder = tmp_path / "acts"
        write_activations(folder, harvest(network, TEXTS, NAME))
        (folder / "value-00").write_bytes(b"short")
        with pytest.raises(RunError, match="truncated"):
            ActivationShards.open(folder)
        (folder / "index.json").write_text(json.dumps({"format": 9}))
        with pytest.raises(RunError, match="format 1"):
            ActivationShards.open(folder)
        with pytest.raises(RunError, match="holds no activations"):
            ActivationShards.open(tmp_path)


def numbered(count: int) -> Tensor:
    """Rows that say which they are."""
    return torch.arange(float(count))[:, None]


class TestShuffledBatches:
    """Each row once an epoch."""

    @given(st.integers(2, 40), st.data())
    def test_hold_every_row_once_an_epoch(self, count, data):
        """But those that fill no batch."""
        size = data.draw(st.integers(1, count))
        batches = shuffled_batches(numbered(count), size, seed=1)
        epoch = torch.cat([next(batches) for _ in range(count // size)]).flatten().tolist()
        assert len(set(epoch)) == len(epoch) == count // size * size

    def test_come_in_an_order_that_the_seed_decides(self):
        """So that a run can be made again."""
        first, again, other = (
            torch.cat([next(batches) for _ in range(5)])
            for batches in (shuffled_batches(numbered(20), 4, seed=s) for s in (0, 0, 1))
        )
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_need_a_batch_of_rows(self):
        """Or an epoch would never give one."""
        with pytest.raises(InputError, match="batch_size=21"):
            shuffled_batches(numbered(20), 21, seed=0)


class TestStreamedBatches:
    """Rows of a running model, mixed in a buffer."""

    @given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.booleans())
    def test_hold_every_row_once(self, sizes, ahead):
        """But those that fill no batch at the end."""
        rows = numbered(sum(sizes))
        batches = list(
            streamed_batches(iter(rows.split(sizes)), 3, buffer_rows=7, seed=0, ahead=ahead)
        )
        found = torch.cat(batches).flatten().tolist() if batches else []
        assert len(set(found)) == len(found) == sum(sizes) // 3 * 3

    def test_mix_texts(self):
        """A batch of one text's rows would be a batch of near copies."""
        batches = streamed_batches(iter(numbered(100).split(10)), 10, buffer_rows=50, seed=0)
        assert len({int(row) // 10 for row in next(batches).flatten()}) > 3

    def test_need_room_to_mix(self):
        """Two batches at least."""
        with pytest.raises(InputError, match="buffer_rows=5"):
            streamed_batches(iter([]), 3, buffer_rows=5, seed=0)


class TestRunAhead:
    """Made in another thread."""

    def test_raises_where_it_is_read(self):
        """An error must not die with the thread."""

        def failing() -> Iterator[Tensor]:
            yield numbered(1)
            raise InputError("text 7 has no tokens")

        items = run_ahead(failing())
        next(items)
        with pytest.raises(InputError, match="text 7"):
            next(items)

    def test_stops_with_its_reader(self):
        """A model that runs on for nobody would keep its core."""
        made = []

        def endless() -> Iterator[Tensor]:
            while True:
                made.append(1)
                yield numbered(1)

        items = run_ahead(endless(), depth=1)
        next(items)
        items.close()
        count = len(made)
        assert count == len(made) <= 4
