"""Look into a model: run the prompts with and without feeds, and keep what the page shows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from glasshouse.dataflow.address import parse_address
from glasshouse.dataflow.explain import Explanation
from glasshouse.models import LanguageModel
from glasshouse.report.look.feeding import Feeding
from glasshouse.report.look.lens import Lens, read_lens
from glasshouse.report.look.look import Attention, Look, NextToken, PromptLook, Read
from glasshouse.report.look.session import Fed, Session
from glasshouse.report.look.texts import Texts, check_places, read_prompts, shown_token

CANDIDATES = 5
"""Tokens that a cell of the lens keeps."""
FOLLOWING = 8
"""Next tokens that are told of a prompt, from each of the two runs."""
MOST_MAP_CELLS = 6_000_000
"""Numbers that all attention maps of a page hold together: about 6 MB."""
MOST_LENS_CELLS = 12_000
"""Cells that all lens tables of a page hold together."""
WIDEST, NARROWEST = 128, 8
"""Tokens of a prompt that are drawn: no more, and, though it cost more bytes, no fewer."""
MOST_PROMPTS = 8
"""Prompts that are drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked of a model."""

    prompts: tuple[str, ...]
    """The prompts, as one batch."""
    fetch: tuple[str, ...] | None = None
    """Addresses of the values to keep; None: every attention pattern that the model has."""
    feedings: tuple[Feeding, ...] = ()
    """What is fed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """What the runs gave, for the whole batch, over the window."""

    first: int
    """The first place of the window."""
    patterns: Mapping[str, Float[Tensor, "batch head query key"]]
    """Attention from the window to all places."""
    lens: Lens | None
    """With the batch as the second axis."""
    before: Float[Tensor, "batch pos vocab"] | None
    """Log-probabilities without feeds."""
    after: Float[Tensor, "batch pos vocab"] | None
    """Log-probabilities with feeds."""


def look(model: LanguageModel, question: Question, *, name: str) -> Look:
    """Ask a question.

    Args:
        model: Who is looked into.
        question: What is asked.
        name: What to call the model.

    Raises:
        InputError: If an address finds nothing, a prompt does not fit, or what is fed does not.
    """
    session, fetched = _prepare(model, question)
    texts = session.texts
    feed = session.feed(question.feedings)
    first = texts.ids.shape[1] - window_size(session)
    found, values = _run(session, fetched, feed, first)
    reads = tuple(_read(session, row) for row in range(len(texts.prompts)))
    drawn = range(min(len(reads), MOST_PROMPTS))
    return Look(
        model=name,
        numerics=str(model.numerics),
        architecture=size_in_words(session),
        texts=reads,
        prompts=tuple(_prompt_look(session, row, found, reads[row]) for row in drawn),
        feedings=question.feedings,
        values=values,
        described={a: session.values[parse_address(a).pattern] for a in fetched},
        cost=str(session.explain(fetched, question.feedings)) if fetched else "",
        drawing=session.draw(fetched, question.feedings),
        notes=_notes(texts, found),
    )


def explain(model: LanguageModel, question: Question) -> tuple[Explanation, Explanation]:
    """What a question would compute and cost: what is fetched, and with it what the page shows.

    Nothing is run, and no source of a feed is read.

    Raises:
        InputError: If an address finds nothing or a prompt does not fit.
    """
    session, fetched = _prepare(model, question)
    said = () if session.logits is None else (session.logits,)
    page = dict.fromkeys([*fetched, *session.pattern_names, *session.streams, *said])
    feedings = question.feedings
    return session.explain(fetched, feedings), session.explain(list(page), feedings)


def _prepare(model: LanguageModel, question: Question) -> tuple[Session, list[str]]:
    """The prompts in front of the model, and the addresses that are fetched."""
    session = Session(model, read_prompts(model, question.prompts))
    wanted = session.pattern_names if question.fetch is None else question.fetch
    fetched = session.addresses(wanted)
    fed = [feeding.address for feeding in question.feedings]
    check_places(session.graph, [*fetched, *fed], session.texts)
    return session, fetched


def window_size(session: Session) -> int:
    """How many of the last tokens are drawn, so that the page stays small."""
    batch, seq = session.texts.ids.shape
    prompts = min(batch, MOST_PROMPTS)
    by_maps = math.isqrt(MOST_MAP_CELLS // max(1, session.num_heads * prompts))
    by_lens = MOST_LENS_CELLS // max(1, len(session.streams) * prompts)
    return min(seq, WIDEST, max(NARROWEST, min(by_maps, by_lens)))


def size_in_words(session: Session) -> str:
    """Layers, heads and parameters of a model."""
    names = session.pattern_names
    heads = sorted({int(session.values[name].shape[1]) for name in names})
    params = sum(weight.numel() for weight in session.model.network.parameters())
    words = [f"{len(names)} layers of {'–'.join(map(str, heads))} heads"] if names else []
    return ", ".join([*words, f"{params:,} parameters"])


def _run(
    session: Session, fetched: Sequence[str], feed: Mapping[str, Fed], first: int
) -> tuple[_Found, dict[str, Tensor]]:
    logits, streams, window = session.logits, session.streams, f"[:, {first}:]"
    said = f"{logits}{window}"
    before = session.run([said])[said] if logits and feed else None
    needed = [*fetched, *((said, *(f"{s}{window}" for s in streams)) if logits else ())]
    values = session.run(list(dict.fromkeys(needed)), feed)
    lens = None
    if logits and streams:
        read = {name: values[f"{name}{window}"] for name in streams}
        told = read_lens(session.graph, read, logits=logits, candidates=CANDIDATES)
        lens = Lens(streams, *told)
    found = _Found(
        first=first,
        patterns=session.patterns(first, feed),
        lens=lens,
        before=None if before is None else before.float().log_softmax(dim=-1),
        after=values[said].float().log_softmax(dim=-1) if logits else None,
    )
    return found, {address: values[address] for address in fetched}


def _read(session: Session, row: int) -> Read:
    ids = session.texts.row(row)
    tokens = tuple(shown_token(session.model.tokenizer, i) for i in ids)
    return Read(prompt=session.texts.prompts[row], ids=tuple(ids), tokens=tokens)


def _prompt_look(session: Session, row: int, found: _Found, read: Read) -> PromptLook:
    """What concerns one prompt, without its padding."""
    padding = session.texts.ids.shape[1] - len(read.ids)
    skip = max(0, padding - found.first)  # places of the window that are padding
    changed = None
    if found.before is not None and found.after is not None:
        old, new = found.before[row, skip:], found.after[row, skip:]
        changed = (old.exp() * (old - new)).nan_to_num().sum(dim=-1).clamp(min=0)
    begin = max(found.first, padding)
    return PromptLook(
        read=read,
        first=begin - padding,
        attention=tuple(
            _attention(name, pattern[row, :, skip:, padding:], begin - padding)
            for name, pattern in found.patterns.items()
        ),
        lens=None if found.lens is None else found.lens.of(row, skip),
        following=_following(session, row, found),
        changed=changed,
    )


def _attention(name: str, pattern: Tensor, first: int) -> Attention:
    """A layer's attention, with what lies before the window as a sum."""
    earlier = pattern[..., :first].sum(dim=-1) if first else None
    return Attention(name=name, pattern=pattern[..., first:], earlier=earlier)


def _following(session: Session, row: int, found: _Found) -> tuple[NextToken, ...]:
    """The likeliest tokens after a prompt, of both runs."""
    if found.after is None:
        return ()
    after = found.after[row, -1].exp()
    before = None if found.before is None else found.before[row, -1].exp()
    num = min(FOLLOWING, len(after))
    ids = after.topk(num).indices.tolist()
    if before is not None:
        both = {*ids, *before.topk(num).indices.tolist()}
        ids = sorted(both, key=lambda i: -after[i].item())
    return tuple(
        NextToken(
            token=shown_token(session.model.tokenizer, i),
            probability=after[i].item(),
            before=None if before is None else before[i].item(),
        )
        for i in ids
    )


def _notes(texts: Texts, found: _Found) -> tuple[str, ...]:
    notes = []
    if texts.starts is not None:
        notes.append(
            "The prompts have different lengths; shorter ones are padded on the left, so that "
            "their last tokens stand together in the file of values. The page leaves padding out."
        )
    if found.first:
        shown = texts.ids.shape[1] - found.first
        notes.append(
            f"The page draws the last {shown} of {texts.ids.shape[1]} tokens; attention to all "
            "tokens before them is summed under “earlier”. The file of values has them all."
        )
    if len(texts.prompts) > MOST_PROMPTS:
        notes.append(
            f"The page draws the first {MOST_PROMPTS} of {len(texts.prompts)} prompts; the file of "
            "values has them all."
        )
    if found.after is not None and found.after.isnan().any():
        notes.append("The logits are not finite: what the page says of them means nothing.")
    if found.lens is None:
        notes.append("There is no logit lens: no residual stream was recognised in this model.")
    if not found.patterns:
        notes.append("There are no attention maps: no layer of this model calls torch's attention.")
    return tuple(notes)
