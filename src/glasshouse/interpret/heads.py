"""What heads look at, and what they do with it: scores of every head on tokens without meaning.

Scores of attention are all one sum: the attention that falls on given targets (`attention_on`).
Results have the shape `layer head`.

Source:
    Olsson et al. 2022, "In-context learning and induction heads" (2209.11895), head activation
    evaluators.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.interpret.subject import Subject, Texts, graph_of, network_of, num_heads, token_ids
from glasshouse.interpret.weights import blocks_of, head_weights, unembedding_rows


def attention_patterns(
    subject: Subject, texts: Texts
) -> Float[Tensor, "layer batch head query key"]:
    """Attention of every head, from each query to every key.

    Raises:
        InputError: If the model has no attention that could be opened.
    """
    graph = graph_of(subject)
    names = [name for name in graph.names if name.split(".")[-1] == "pattern"]
    if not names:
        raise InputError(
            "the model has no attention heads that a graph can open (no value whose name ends in "
            ".pattern): its code does not call torch's attention, so its own modules may have it"
        )
    return torch.stack(list(graph.run(token_ids(subject, texts), fetch=names).values()))


def attention_on(
    patterns: Float[Tensor, "layer batch head query key"], targets: Bool[Tensor, "batch query key"]
) -> Float[Tensor, "layer head"]:
    """Attention that falls on targets, averaged over the queries that have any.

    Raises:
        InputError: If no query has a target.
    """
    has_target = targets.any(dim=-1)
    if not has_target.any():
        raise InputError("no query has a target; there is nothing to average over")
    on_target = torch.einsum("lbhqk,bqk->lhbq", patterns, targets.to(patterns.dtype))
    return on_target[:, :, has_target].mean(dim=-1)


def repeated_tokens(
    tokens: Int[Tensor, " token"] | int,
    *,
    length: int = 25,
    repeats: int = 4,
    num_sequences: int = 10,
    start: int | None = None,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "sequence place"]:
    """Blocks of distinct random tokens, each block `repeats` times over.

    Args:
        tokens: Ids to draw from, or how many ids there are (all of them). The source leaves out the
            most and the least common ones.
        length: Tokens of a block.
        repeats: Passes over it.
        num_sequences: Rows.
        start: An id put in front of every row, which is not drawn.
        generator: Source of the tokens; None: a generator of seed 0.

    Raises:
        InputError: If there are fewer ids than a block needs.
    """
    pool = torch.arange(tokens) if isinstance(tokens, int) else tokens.cpu()
    pool = pool if start is None else pool[pool != start]
    if not 0 < length <= len(pool):
        raise InputError(f"length={length} must lie in [1, {len(pool)}], the ids to draw from")
    generator = generator or torch.Generator().manual_seed(0)
    order = torch.rand(num_sequences, len(pool), generator=generator).argsort(dim=1)
    ids = pool[order[:, :length]].repeat(1, repeats)
    if start is None:
        return ids
    return torch.cat([torch.full((num_sequences, 1), start), ids], dim=1)


def prefix_matching(
    subject: Subject,
    *,
    length: int = 25,
    repeats: int = 4,
    num_sequences: int = 10,
    tokens: Int[Tensor, " token"] | None = None,
    start: int | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "layer head"]:
    """How much a head looks at what came after earlier copies of the present token.

    A block of distinct random tokens is repeated. From the second pass on, the targets of a place
    are those just after each earlier copy of its token; the score is the attention on all of them.

    Args:
        subject: Who is looked into.
        length: Tokens of the block.
        repeats: Passes over it, at least 2; the first is not counted.
        num_sequences: Blocks that are drawn.
        tokens: Ids to draw from; None: the whole vocabulary.
        start: A start token to put in front; it is never drawn and never counted.
        generator: Source of the blocks; None: a generator of seed 0.

    Raises:
        InputError: If the repeated block does not fit the context.

    Source:
        Olsson et al. 2022 (2209.11895): 25 tokens, 4 times, 10 examples, a start token.
    """
    if repeats < 2:
        raise InputError(f"repeats={repeats} must be at least 2; the first pass is not counted")
    ids = repeated_tokens(
        _pool(subject, tokens),
        length=length,
        repeats=repeats,
        num_sequences=num_sequences,
        start=start,
        generator=generator,
    )
    targets = prefix_targets(length, repeats, has_start=start is not None).to(ids.device)
    patterns = attention_patterns(subject, ids)
    return attention_on(patterns, targets.to(patterns.device).expand(len(ids), -1, -1))


def prefix_targets(length: int, repeats: int, *, has_start: bool) -> Bool[Tensor, "query key"]:
    """Places just after the earlier copies of each place's token, in a repeated block."""
    places = torch.arange(length * repeats)
    distance = places[:, None] - places + 1  # from the earlier copy: a whole number of blocks
    targets = (distance % length == 0) & (places[:, None] > places) & (places > 0)
    return torch.nn.functional.pad(targets, (1, 0, 1, 0)) if has_start else targets


def induction_score(
    subject: Subject, texts: Texts, targets: Bool[Tensor, "batch query key"]
) -> Float[Tensor, "layer head"]:
    """Attention on the exact induction targets of texts, where the world that wrote them knows.

    Args:
        subject: Who is looked into.
        texts: Texts that repeat something.
        targets: Whether a key holds what follows an earlier copy of what stands at the query, as
            `world.blocks.follows_same` or `interpret.induction.repeat_targets` have it.
    """
    return attention_on(attention_patterns(subject, texts), targets)


def previous_token(subject: Subject, texts: Texts) -> Float[Tensor, "layer head"]:
    """Mean attention from each place but the first to the one before it."""
    patterns = attention_patterns(subject, texts)
    return patterns.diagonal(-1, dim1=-2, dim2=-1).mean(dim=(1, 3))


def duplicate_token(subject: Subject, texts: Texts) -> Float[Tensor, "layer head"]:
    """Attention on earlier copies of the present token, averaged over places that have any.

    Raises:
        InputError: If no token occurs twice; `repeated_tokens` makes texts where all do.
    """
    ids = token_ids(subject, texts)
    same = (ids[:, :, None] == ids[:, None, :]).tril(-1)
    if not same.any():
        raise InputError("no token occurs twice; texts from repeated_tokens repeat every one")
    return attention_on(attention_patterns(subject, ids), same)


def copying(
    subject: Subject,
    *,
    length: int = 25,
    num_sequences: int = 10,
    tokens: Int[Tensor, " token"] | None = None,
    start: int | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "layer head"]:
    """Whether what a head attends to becomes likelier: 1 if nothing else does, -1 if it does not.

    On a sequence of distinct random tokens, u = W_U W_O W_V x_j is what a head adds to the logits
    for attending to place j, less its mean over the vocabulary, and no less than 0. The ratio of j
    is the share of u that falls on the token at j, among the tokens of the sequence (0 where u is
    0 on all). With a the mean ratio, weighted by attention, the score is 2a - 1.

    The norms before values and unembedding are at work as they are on that text. The last one's
    scale cancels out of the ratio, and so does that of a norm behind attention.

    Args:
        subject: Who is looked into.
        length: Tokens of a sequence.
        num_sequences: Sequences that are drawn.
        tokens: Ids to draw from; None: the whole vocabulary.
        start: A start token to put in front; attention to it has no weight.
        generator: Source of the sequences; None: a generator of seed 0.

    Source:
        Olsson et al. 2022 (2209.11895). Differs: the paper caps the ratio at 1/2 and scales it to
        4a - 1.
    """
    ids = repeated_tokens(
        _pool(subject, tokens),
        length=length,
        repeats=1,
        num_sequences=num_sequences,
        start=start,
        generator=generator,
    )
    graph, ids = graph_of(subject), token_ids(subject, ids)
    num_heads(graph)
    network = network_of(subject, why="copying")
    weights = head_weights(network)
    found = graph.run(ids, fetch=["blocks.*.attn.pattern", "blocks.*.attn.v"])
    first = 0 if start is None else 1
    readers = unembedding_rows(network)
    readers = (readers - readers.mean(dim=0))[ids[:, first:]]  # batch token d_model
    scores = []
    for layer, block in enumerate(blocks_of(network)):
        v = found[f"blocks.{layer}.attn.v"][:, first:]  # batch source kv_head d_head
        if block.attn.v.bias is not None:
            v = v - block.attn.v.bias.detach().view(v.shape[2:])
        v = v.repeat_interleave(weights.o.shape[1] // v.shape[2], dim=2)
        by_head = torch.einsum("btd,hde->bhte", readers, weights.o[layer])
        pattern = found[f"blocks.{layer}.attn.pattern"][..., first:, first:]
        scores.append(copying_share(torch.einsum("bhte,bjhe->bhtj", by_head, v), pattern))
    return 2 * torch.stack(scores) - 1


def copying_share(
    effects: Float[Tensor, "batch head token source"],
    pattern: Float[Tensor, "batch head query source"],
) -> Float[Tensor, " head"]:
    """Share of each source's positive effects that falls on its own token, weighted by attention.

    Args:
        effects: What attending to a source adds to the logit of the token at each place.
        pattern: Attention to each source.
    """
    gains = effects.relu()
    own = gains.diagonal(dim1=-2, dim2=-1)
    ratio = own / gains.sum(dim=-2).clamp(min=torch.finfo(gains.dtype).tiny)
    weight = pattern.sum(dim=-2)  # batch head source
    return (ratio * weight).sum(dim=(0, 2)) / weight.sum(dim=(0, 2))


def _pool(subject: Subject, tokens: Int[Tensor, " token"] | None) -> Int[Tensor, " token"] | int:
    """Ids to draw from."""
    return int(graph_of(subject).value("logits").shape[-1]) if tokens is None else tokens
