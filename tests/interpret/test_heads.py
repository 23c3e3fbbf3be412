"""Scores of heads: on heads planned by hand, and against plain forward hooks."""

import pytest
import torch
import torch.nn.functional as F
from tests.interpret.hooks import hooked
from tests.interpret.subjects import FAMILIES, graph, network, planned, token_ids

from glasshouse.errors import InputError
from glasshouse.interpret import (
    attention_on,
    attention_patterns,
    copying,
    duplicate_token,
    induction_score,
    prefix_matching,
    previous_token,
    repeated_documents,
    repeated_tokens,
)
from glasshouse.interpret.heads import copying_share, prefix_targets
from glasshouse.world import World


class TestAttentionPatterns:
    def test_is_what_queries_and_keys_say(self):
        """The softmax of q·k / sqrt(d_head), from the outputs of the maps as hooks see them."""
        model, ids = network("gpt"), token_ids(2, 7)
        q, k = (
            hooked(model, f"blocks.1.attn.{x}", ids).unflatten(-1, (4, -1)).transpose(1, 2)
            for x in "qk"
        )
        scores = q @ k.mT / 2
        future = torch.ones(7, 7, dtype=torch.bool).triu(1)
        expected = scores.masked_fill(future, -torch.inf).softmax(-1)
        assert torch.allclose(attention_patterns(model, ids)[1], expected, atol=1e-6)

    def test_takes_ids_that_are_one_prompt(self):
        """A list of ids is one row."""
        assert attention_patterns(graph("gpt"), [1, 2, 3]).shape == (2, 1, 4, 3, 3)

    def test_refuses_a_model_without_heads(self):
        """In one sentence."""
        with pytest.raises(InputError, match="no attention heads"):
            attention_patterns(network("bigram"), [1, 2])

    @pytest.mark.parametrize(
        ("texts", "said"),
        [("a text", "needs a LanguageModel"), ([[1, 2], [3]], "equally long"), ([0] * 13, "12")],
    )
    def test_refuses_texts_that_it_cannot_read(self, texts, said):
        """Text without a tokenizer, rows of two lengths, more than the context."""
        with pytest.raises(InputError, match=said):
            attention_patterns(graph("gpt"), texts)


class TestAttentionOn:
    def test_by_hand(self):
        """Queries 1 and 2 have targets: (0.6 + 0.5) / 2; query 0 is not counted."""
        pattern = torch.tensor([[1.0, 0, 0], [0.6, 0.4, 0], [0.2, 0.3, 0.5]])[None, None, None]
        targets = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 1, 0]], dtype=torch.bool)[None]
        assert attention_on(pattern, targets).item() == pytest.approx(0.55)

    def test_refuses_to_average_over_nothing(self):
        """A mean over no query would be NaN."""
        with pytest.raises(InputError, match="no query"):
            attention_on(torch.ones(1, 1, 1, 2, 2), torch.zeros(1, 2, 2, dtype=torch.bool))


class TestRepeatedTokens:
    def test_repeats_distinct_tokens_behind_a_start(self):
        """From the pool alone, the start token never again."""
        ids = repeated_tokens(torch.arange(5, 20), length=6, repeats=3, num_sequences=4, start=7)
        assert (ids[:, 0] == 7).all()
        assert ids.shape == (4, 19)
        assert torch.equal(ids[:, 1:7], ids[:, 13:19])
        for row in ids:
            assert len(set(row.tolist())) == 7
            assert set(row.tolist()) <= set(range(5, 20))

    def test_refuses_blocks_longer_than_the_pool(self):
        """Distinct tokens run out."""
        with pytest.raises(InputError, match=r"length=4 .* \[1, 3\]"):
            repeated_tokens(3, length=4)


class TestPrefixMatching:
    def test_finds_what_followed(self):
        """A block a b c d, three times: at the third b, the targets are both earlier c."""
        targets = prefix_targets(4, 3, has_start=False)
        assert targets[9].nonzero().flatten().tolist() == [2, 6]
        assert targets[4].nonzero().flatten().tolist() == [1]
        assert not targets[:4].any()

    def test_counts_places_from_behind_the_start(self):
        """Exact indices: for i > R, t = i - rR + 1 with r up to (i - 1) // R, start at 0."""
        size, repeats = 5, 4
        targets = prefix_targets(size, repeats, has_start=True)
        for i in range(size * repeats + 1):
            expected = [i - r * size + 1 for r in range(1, (i - 1) // size + 1)] if i > size else []
            assert sorted(expected) == targets[i].nonzero().flatten().tolist()

    def test_knows_the_planned_head(self):
        """All of the attention of head 0, none of head 1's (it looks one back)."""
        score = prefix_matching(planned(), length=4, repeats=3, tokens=torch.arange(9))
        assert score[0, 0].item() == pytest.approx(1)
        assert score[0, 1].item() == 0

    @pytest.mark.parametrize("start", [None, 22])
    def test_agrees_with_hooks(self, start):
        """Patterns formed by the explicit kernel from hooked maps, summed by a loop."""
        model = network("gpt")
        options = {"length": 3, "repeats": 3, "num_sequences": 2, "start": start}
        pool = torch.arange(22)
        ids = repeated_tokens(pool, **options)
        pattern, first = attention_patterns(graph("gpt"), ids), 0 if start is None else 1
        total, count = torch.zeros(2, 4), 0
        for i in range(3, 9):
            count += 1
            for r in range(1, i // 3 + 1):
                total += pattern[:, :, :, first + i, first + i - 3 * r + 1].mean(1)
        found = prefix_matching(model, tokens=pool, **options)
        assert torch.allclose(found, total / count, atol=1e-6)

    def test_refuses_what_does_not_fit(self):
        """The context is 12."""
        with pytest.raises(InputError, match="context of 12"):
            prefix_matching(graph("gpt"), length=5, repeats=3)
        with pytest.raises(InputError, match="repeats=1"):
            prefix_matching(graph("gpt"), length=5, repeats=1)


class TestPreviousAndDuplicate:
    def test_know_the_planned_heads(self):
        """Head 1 looks one back, head 2 at copies; the others do neither on distinct tokens."""
        ids = repeated_tokens(9, length=5, repeats=2, num_sequences=3)
        assert torch.allclose(previous_token(planned(), ids)[0, 1], torch.tensor(1.0))
        assert torch.allclose(duplicate_token(planned(), ids), torch.tensor([[0.0, 0, 1]]))

    def test_refuses_texts_without_duplicates(self):
        """There would be nothing to average."""
        with pytest.raises(InputError, match="no token occurs twice"):
            duplicate_token(graph("gpt"), [1, 2, 3])


class TestInductionScore:
    def test_follows_the_truth_of_the_world(self):
        """Head 0 continues earlier passes; the targets are the document's own."""
        world = World(0)
        documents = [world.document("repeat", number) for number in range(6)]
        ids, targets = repeated_documents(documents, context=128)
        words = ids.numpy()
        for row, document in enumerate(documents):
            period = document.truth["block"] + document.truth["gap"]
            length = period * document.truth["copies"] + document.truth["block"]
            queries, keys = targets[row].nonzero().numpy().T
            start = next(span.start for span in document.spans if span.value == "first")
            assert queries.min() == start + period
            assert queries.max() == start + length - 2
            assert (words[row, queries + 1] == words[row, keys]).all()
            assert (words[row, queries] == words[row, keys - 1]).all()
        assert induction_score(planned(), ids, targets)[0, 0] > 0.99

    def test_refuses_other_documents(self):
        """Nothing may guess what repeats from the text."""
        with pytest.raises(InputError, match="kind 'few-shot'"):
            repeated_documents([World(0).document("few-shot", 1)], context=64)


class TestCopying:
    def test_share_by_hand(self):
        """Source 0 gives its own token 3 of 4, source 1 nothing to anyone; weights 1.5 and 0.5."""
        effects = torch.tensor([[[[3.0, -1], [1, -2]]]])
        pattern = torch.tensor([[[[1.0, 0], [0.5, 0.5]]]])
        assert copying_share(effects, pattern).item() == pytest.approx(0.75 * 1.5 / 2)

    @pytest.mark.parametrize("variant", FAMILIES)
    def test_agrees_with_hooks(self, variant):
        """Every pair of places in a loop, with the whole vocabulary, through the real norms."""
        model = network(variant)
        ids = repeated_tokens(23, length=5, repeats=1, num_sequences=2)
        patterns = attention_patterns(graph(variant), ids)
        found = copying(graph(variant), length=5, num_sequences=2)
        layer, head = 1, 2
        attention = model.blocks[layer].attn
        group = attention.num_heads // attention.num_kv_heads
        normed = hooked(model, f"blocks.{layer}.attn_norm", ids)
        v = F.linear(normed, attention.v.weight).unflatten(-1, (attention.num_kv_heads, -1))
        width = v.shape[-1]
        result = v[:, :, head // group] @ attention.out.weight[:, head * width :][:, :width].T
        if isinstance(model.final_norm, torch.nn.LayerNorm):
            result = result - result.mean(-1, keepdim=True)
        logits = ((result * model.final_norm.weight) @ model.unembed.weight.T).detach()
        gains = (logits - logits.mean(-1, keepdim=True)).relu()  # batch source vocab
        total = weight = 0.0
        for row in range(2):
            for query in range(5):
                for source in range(query + 1):
                    among = gains[row, source, ids[row]]
                    share = among[source] / among.sum() if among.sum() > 0 else 0.0
                    total += patterns[layer, row, head, query, source] * share
                    weight += patterns[layer, row, head, query, source]
        assert found[layer, head].item() == pytest.approx(float(2 * total / weight - 1), abs=1e-5)
        assert (found.abs() <= 1 + 1e-6).all()

    def test_needs_the_weights_of_a_transformer(self):
        """A captured stranger has patterns, but nobody knows its maps."""
        with pytest.raises(InputError, match="Planned"):
            copying(planned(), length=3, tokens=torch.arange(9))
