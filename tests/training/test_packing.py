"""Rows of whole documents: how they are filled, how wide they are, and what counts in them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.errors import InputError
from glasshouse.training import EncodedDocument
from glasshouse.training.packing import DocumentRows, best_fit, row_width


class TestBestFit:
    def test_fills_the_row_with_least_room(self):
        """By hand: 6 and 5 open rows of 8; 3 goes where 3 are left, 2 where 2 are."""
        assert best_fit([3, 6, 2, 5, 1], 8) == [[1, 2], [3, 0], [4]]

    @given(lengths=st.lists(st.integers(1, 30), max_size=60))
    def test_holds_everything_once_in_few_rows(self, lengths):
        """No row overflows, and no two rows would fit into one."""
        rows = best_fit(lengths, 30)
        assert sorted(place for row in rows for place in row) == list(range(len(lengths)))
        filled = sorted(sum(lengths[place] for place in row) for row in rows)
        assert all(total <= 30 for total in filled)
        assert len(filled) < 2 or filled[0] + filled[1] > 30

    def test_refuses_what_no_row_holds(self):
        """With its number."""
        with pytest.raises(InputError, match="document 2 fills 9 places of a row of 8"):
            best_fit([3, 9], 8)


class TestRowWidth:
    def test_is_narrow_for_short_documents(self):
        """Of 15 tokens each, in a model much narrower than its context."""
        assert row_width([15] * 100, 512, d_model=32) == 16

    def test_is_wide_where_attention_is_cheap(self):
        """Two of 65 waste half of a row of 80, and little of one of 144 or so."""
        assert row_width([65] * 100, 1024, d_model=4096) > 128

    def test_holds_the_longest(self):
        """Whatever it costs, and never more than the context."""
        assert row_width([3] * 50 + [60], 60, d_model=8) == 60
        assert row_width([3] * 50 + [60], 64, d_model=8) == 64


def document(*is_target: int) -> EncodedDocument:
    ids = np.arange(1, len(is_target) + 1)
    return EncodedDocument(ids=ids, kind="talk", mask=np.array(is_target, dtype=bool))


class TestDocumentRows:
    def test_puts_documents_in_segments_of_their_own(self):
        """By hand: nothing stays behind the last target; padding is a segment of its own."""
        given = [document(0, 0, 1, 1, 0, 0), document(0, 1)]
        rows = DocumentRows(given, context=6, batch=1, seed=0, is_packed=True)
        batch = rows(0, 1)
        assert batch.inputs.tolist() == [[1, 2, 3, 1, 0, 0]]
        assert batch.targets.tolist() == [[2, 3, 4, 2, 0, 0]]
        assert batch.mask is not None
        assert batch.segments is not None
        assert batch.mask.tolist() == [[0, 1, 1, 1, 0, 0]]
        assert batch.segments.tolist() == [[0, 0, 0, 1, 2, 2]]
        assert rows.padding == pytest.approx(2 / 6)
        assert (rows.num_batches, rows.num_targets, rows.most_targets(1)) == (1, 3, 3)

    def test_fills_an_epoch_s_last_batch_with_nothing(self):
        """Three rows in batches of two: the fourth is empty, in every epoch."""
        rows = DocumentRows([document(0, 1, 1)] * 3, context=2, batch=2, seed=0, is_packed=True)
        for epoch in range(3):
            batch = rows(4 * epoch + 2, 2)
            assert batch.mask is not None
            assert batch.mask.sum(dim=1).tolist() == [2, 0]

    def test_gives_unpacked_rows_of_like_length_one_width(self):
        """Shares of a batch are as wide as the whole."""
        chance = np.random.default_rng(0)
        given = [document(*([1] * int(length))) for length in chance.integers(2, 33, size=100)]
        rows = DocumentRows(given, context=32, batch=10, seed=0, is_packed=False)
        assert rows.padding < 0.2
        for number in range(rows.num_batches):
            whole = rows(10 * number, 10).inputs
            parts = [rows(10 * number + half, 5).inputs for half in (0, 5)]
            assert all(part.shape[1] == whole.shape[1] for part in parts)

    def test_bounds_the_targets_of_every_batch(self):
        """Whichever rows meet."""
        chance = np.random.default_rng(1)
        given = [document(*([1] * int(length))) for length in chance.integers(2, 20, size=60)]
        rows = DocumentRows(given, context=40, batch=4, seed=0, is_packed=True)
        for number in range(3 * rows.num_batches):
            mask = rows(4 * number, 4).mask
            assert mask is not None
            assert mask.sum() <= rows.most_targets(4)

    def test_refuses_what_teaches_nothing(self):
        """No document, none to predict, or one longer than a row."""
        with pytest.raises(InputError, match="no documents"):
            DocumentRows([], context=4, batch=1, seed=0, is_packed=True)
        with pytest.raises(InputError, match="document 1 has no token to be predicted"):
            DocumentRows([document(1, 0)], context=4, batch=1, seed=0, is_packed=True)
        with pytest.raises(InputError, match="document 1 needs 5 tokens and a row has 4"):
            DocumentRows([document(1, 1, 1, 1, 1, 1)], context=4, batch=1, seed=0, is_packed=True)
