"""How likely a model finds given answers: exact, padded without effect, each distinct text once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.models.tokenizer import Tokenizer

Progress = Callable[[int, int], object]
"""Is told how much of how much is done."""

TOKENS_AT_ONCE = 4096
"""Of a forward pass, padding included; more save no time and cost memory."""


@dataclass(frozen=True, slots=True)
class Scored:
    """How likely an answer is, token by token."""

    logprobs: tuple[float, ...]
    """Log-probability of each token given all before it, in nats."""
    is_top: tuple[bool, ...]
    """Whether each token was the likeliest."""

    @property
    def total(self) -> float:
        """Log-probability of the whole answer, in nats."""
        return sum(self.logprobs)

    @property
    def is_greedy(self) -> bool:
        """Whether a model that always takes the likeliest token would write just this."""
        return all(self.is_top)


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt and an answer as tokens."""

    context: tuple[int, ...]
    """At least one token."""
    continuation: tuple[int, ...]
    """At least one token."""

    @property
    def num_read(self) -> int:
        """Tokens that a model must read; the last one is predicted only."""
        return len(self.context) + len(self.continuation) - 1


def encode_pairs(
    tokenizer: Tokenizer, contexts: Sequence[str], continuations: Sequence[str]
) -> list[Pair]:
    """Encode prompts with their answers as one text each, and part them where the prompt ends.

    White space at the end of a prompt goes to the answer, as a tokenizer would have it. A prompt
    that is empty is the token that begins texts, or else the one that ends them.

    Raises:
        InputError: If an answer has no token of its own, a text cannot be encoded, or a prompt is
            empty and the tokenizer has no token to stand for it.

    Source:
        lm-eval 0.4.13, `TemplateLM._encode_pair` and `loglikelihood`.
    """
    heads = [context.rstrip() for context in contexts]
    tails = [
        context[len(head) :] + continuation
        for context, head, continuation in zip(contexts, heads, continuations, strict=True)
    ]
    # A prompt that is white space alone would leave nothing before the answer.
    texts = dict.fromkeys(head for head in heads if head)
    wholes = [head + tail for head, tail in zip(heads, tails, strict=True) if head]
    known = dict(zip(texts, encode_openings(tokenizer, list(texts)), strict=True))
    encoded = iter(encode_openings(tokenizer, wholes))
    opening = None
    pairs = []
    for head, tail in zip(heads, tails, strict=True):
        if head:
            before = known[head]
            after = next(encoded)[len(before) :]
        else:
            opening = opening_of(tokenizer) if opening is None else opening
            before, after = opening, tokenizer.encode(tail)
            if after[:1] == before:
                before, after = after[:1], after[1:]
        if not after:
            raise InputError(
                f"the answer {tail!r} adds no token to {head[-40:]!r}; was it meant to be empty?"
            )
        pairs.append(Pair(tuple(before), tuple(after)))
    return pairs


def opening_of(tokenizer: Tokenizer) -> list[int]:
    """The token that stands for an empty prompt.

    Raises:
        InputError: If the tokenizer has none.
    """
    begin = tokenizer.encode_opening("")[:1]
    if begin:
        return begin
    if tokenizer.end_id is None:
        raise InputError(
            "a prompt is empty, and the tokenizer has no token that begins or ends texts; give the "
            "task a description, or a null_context where answers are compared without a prompt"
        )
    return [tokenizer.end_id]


def score(
    model: LanguageModel, pairs: Sequence[Pair], *, progress: Progress | None = None
) -> list[Scored]:
    """Read how likely each answer is behind its prompt.

    Answers of which all but the last token agree, prompt included, share a row.

    Args:
        model: Who judges.
        pairs: Prompts and answers; together without the last token they must fit the context.
        progress: Told how many distinct texts of how many are read.

    Raises:
        InputError: If one does not fit.
    """
    rows: dict[tuple[int, ...], list[int]] = {}
    for number, pair in enumerate(pairs):
        rows.setdefault((pair.context + pair.continuation)[:-1], []).append(number)
    context = model.network.config.context
    ordered = sorted(rows, key=len, reverse=True)
    if ordered and len(ordered[0]) > context:
        raise InputError(
            f"a prompt with its answer has {len(ordered[0]) + 1} tokens, and the model's context "
            f"is {context}; shorten it"
        )
    found: dict[int, Scored] = {}
    first = 0
    while first < len(ordered):
        batch = ordered[first : first + max(1, TOKENS_AT_ONCE // len(ordered[first]))]
        first += len(batch)
        numbers = [rows[row] for row in batch]
        tails = [[pairs[number].continuation for number in row] for row in numbers]
        for row, scored in zip(numbers, _score_rows(model, batch, tails), strict=True):
            found.update(zip(row, scored, strict=True))
        if progress is not None:
            progress(first, len(ordered))
    return [found[number] for number in range(len(pairs))]


@torch.inference_mode()
def _score_rows(
    model: LanguageModel,
    rows: Sequence[Sequence[int]],
    tails: Sequence[Sequence[Sequence[int]]],
) -> list[list[Scored]]:
    """Score every answer of every row; answers end one token behind their row."""
    device = next(model.network.parameters()).device
    longest = max(len(row) for row in rows)
    # Padding at the end changes nothing before it, and positions count from the row's beginning.
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=device)
    batch_places, seq_places, wanted = [], [], []
    for place, (row, answers) in enumerate(zip(rows, tails, strict=True)):
        for answer in answers:
            batch_places += [place] * len(answer)
            seq_places += range(len(row) - len(answer), len(row))
            wanted += answer
    logprobs, is_top = _at_places(
        model,
        ids,
        torch.tensor(batch_places, device=device),
        torch.tensor(seq_places, device=device),
        torch.tensor(wanted, device=device),
    )
    values, tops = logprobs.double().tolist(), is_top.tolist()
    scored, done = [], 0
    for answers in tails:
        of_row = []
        for answer in answers:
            until = done + len(answer)
            of_row.append(Scored(tuple(values[done:until]), tuple(tops[done:until])))
            done = until
        scored.append(of_row)
    return scored


def _at_places(
    model: LanguageModel,
    ids: Int[Tensor, "batch seq"],
    batch_places: Int[Tensor, " place"],
    seq_places: Int[Tensor, " place"],
    wanted: Int[Tensor, " place"],
) -> tuple[Float[Tensor, " place"], Bool[Tensor, " place"]]:
    """Log-probability of wanted tokens behind chosen places, and whether they were likeliest."""
    network = model.network
    if hasattr(network, "features"):  # our own: only what is asked for goes to the vocabulary
        logits = network.unembed(network.features(ids)[batch_places, seq_places])
    else:
        logits = network(ids)[batch_places, seq_places]
    logits = logits.float()  # place vocab
    chosen = logits.gather(1, wanted[:, None]).squeeze(1)
    # lm-eval's greedy answer is argmax's, the first of several that are equally likely.
    return chosen - logits.logsumexp(dim=1), logits.argmax(dim=1) == wanted


def encode_openings(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of texts that begin here; none gets a second opening token."""
    opening = tokenizer.encode_opening("")
    if not opening or not texts:
        return tokenizer.encode_batch(texts)
    word = tokenizer.token_of(opening[0])
    return [
        tokenizer.encode(text) if text.startswith(word) else tokenizer.encode_opening(text)
        for text in texts
    ]
