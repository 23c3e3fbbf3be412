"""Token shards."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.tiny_runs import make_documents

from glasshouse.errors import InputError, RunError
from glasshouse.training import EncodedDocument, TokenShards, write_shards


def unpack(shards: TokenShards) -> list[tuple[list[int], str, list[int] | None]]:
    """Every document: ids, kind, mask."""
    found = []
    for shard in shards.shards:
        for i, kind in enumerate(shard.kinds):
            part = slice(int(shard.offsets[i]), int(shard.offsets[i + 1]))
            mask = None if shard.mask is None else shard.mask[part].tolist()
            found.append((shard.tokens[part].tolist(), shards.kinds[kind], mask))
    return found


class TestWriteShards:
    @settings(max_examples=25, deadline=None)  # every example waits for the disk
    @given(
        st.lists(
            st.tuples(
                st.lists(st.integers(0, 70_000), max_size=5), st.sampled_from(["a", "b", "c"])
            ),
            min_size=1,
            max_size=8,
        ),
        st.integers(1, 12),
    )
    def test_gives_back_every_document(self, tmp_path_factory, documents, shard_tokens):
        """Whatever the documents, and wherever the shards are cut."""
        given_documents = [
            EncodedDocument(ids=np.array(i, dtype=int), kind=k) for i, k in documents
        ]
        if not any(ids for ids, _ in documents):
            with pytest.raises(InputError, match="no tokens"):
                TokenShards.pack(given_documents)
            return
        folder = tmp_path_factory.mktemp("data") / "shards"
        shards = write_shards(folder, given_documents, shard_tokens=shard_tokens)
        assert unpack(shards) == [(ids, kind, None) for ids, kind in documents]
        assert shards.num_tokens == sum(len(ids) for ids, _ in documents)
        assert shards.num_documents == len(documents)

    def test_uses_two_bytes_a_token_while_it_can(self, tmp_path):
        """65,535 fits two bytes; 65,536 does not."""
        for largest, size in ((65_535, 2), (65_536, 4)):
            document = EncodedDocument(ids=np.array([largest]), kind="x")
            shards = write_shards(tmp_path / str(largest), [document])
            assert shards.shards[0].tokens.itemsize == size

    def test_gives_unmasked_documents_a_full_mask_beside_masked_ones(self):
        """A shard has a mask for all of its tokens or for none."""
        some = [
            EncodedDocument(ids=np.array([1, 2]), kind="x", mask=np.array([False, True])),
            EncodedDocument(ids=np.array([3]), kind="x"),
        ]
        assert [mask for _, _, mask in unpack(TokenShards.pack(some))] == [[0, 1], [1]]

    def test_refuses_a_mask_of_another_length(self):
        """A shifted mask would train on the wrong tokens without a sound."""
        with pytest.raises(InputError, match="one entry per token"):
            EncodedDocument(ids=np.array([1, 2]), kind="x", mask=np.array([True]))


class TestOpen:
    @pytest.fixture
    def folder(self, tmp_path):
        write_shards(tmp_path / "shards", make_documents(masked=True))
        return tmp_path / "shards"

    def test_refuses_a_truncated_shard(self, folder):
        """A copy that broke off; the message names the file and both sizes."""
        path = folder / "00000.tokens"
        path.write_bytes(path.read_bytes()[:-2])
        with pytest.raises(RunError, match=r"00000\.tokens is truncated"):
            TokenShards.open(folder)

    def test_refuses_a_changed_shard(self, folder):
        """One flipped bit would change the run without a sound."""
        path = folder / "00000.mask"
        data = bytearray(path.read_bytes())
        data[3] ^= 1
        path.write_bytes(data)
        with pytest.raises(RunError, match=r"00000\.mask has changed"):
            TokenShards.open(folder)

    def test_refuses_a_missing_shard(self, folder):
        """The index promises it."""
        (folder / "00000.kinds").unlink()
        with pytest.raises(RunError, match=r"00000\.kinds is missing"):
            TokenShards.open(folder)

    def test_refuses_another_format(self, folder):
        """What a later version writes is not guessed at."""
        index = json.loads((folder / "index.json").read_text())
        (folder / "index.json").write_text(json.dumps(index | {"format": 99}))
        with pytest.raises(RunError, match="format 99"):
            TokenShards.open(folder)

    @pytest.mark.parametrize("content", [None, "{", "[]", '{"format": 1}'])
    def test_refuses_a_folder_without_a_sound_index(self, folder, content):
        """Missing, not JSON, or not an index."""
        (folder / "index.json").unlink()
        if content is not None:
            (folder / "index.json").write_text(content)
        with pytest.raises(RunError, match=r"index\.json"):
            TokenShards.open(folder)
