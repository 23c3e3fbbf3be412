"""How a language model scores replies without a head: by how likely it finds them.

Three ways, which favour different lengths: the sum of log-probabilities favours short replies, the
mean a token does not, and the mutual information, log P(reply | request) - log P(reply), takes away
what makes a reply likely whatever was asked. A study should print all three.

Source:
    Askell et al. 2021 (2112.00861), section 2.2: "empirical mutual information".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.align.distilling.prompts import Prefix, behind, num_opening
from glasshouse.align.judges.model import pad_right
from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.talks.dialogues import Dialogue, Layout
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer
from glasshouse.models.generate import check_prompts

Scoring = Literal["sum", "mean", "mutual"]
"""By which number replies are compared."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ReplyScores:
    """What a model makes of replies, in nats."""

    total: Float[Tensor, " item"]
    """Log-probability of the whole reply and its end."""
    mean: Float[Tensor, " item"]
    """The same a token."""
    mutual: Float[Tensor, " item"]
    """Log-probability beyond that of the same reply to nothing."""

    def by(self, scoring: Scoring) -> Float[Tensor, " item"]:
        """The scores of one name.

        Raises:
            InputError: If there is no such way.
        """
        if scoring not in get_args(Scoring):
            raise InputError(f"scoring={scoring!r} must be one of {', '.join(get_args(Scoring))}")
        return {"sum": self.total, "mean": self.mean, "mutual": self.mutual}[scoring]


def score_replies(
    model: LanguageModel,
    dialogues: Sequence[Dialogue],
    layout: Layout,
    *,
    prefix: Prefix | None = None,
    prefixes: Sequence[Prefix | None] | None = None,
    batch: int = 64,
) -> ReplyScores:
    """Score the last reply of each dialogue.

    The reply to nothing stands where the layout lets an assistant speak first: behind its opening,
    or behind the prefix, so that what the prefix makes likely anyhow is taken away as well.

    Args:
        model: Whose probabilities.
        dialogues: Each ends with a reply.
        layout: In which the model reads.
        prefix: Before all of them.
        prefixes: One for each, instead.
        batch: Texts read at once.

    Raises:
        InputError: If a dialogue ends with no reply, does not fit the context, or prefixes are not
            as many.
    """
    given = list(prefixes) if prefixes is not None else [prefix] * len(dialogues)
    if len(given) != len(dialogues):
        raise InputError(f"{len(given)} prefixes and {len(dialogues)} dialogues; give as many")
    prompts, replies, nothing = [], [], []
    for dialogue, before in zip(dialogues, given, strict=True):
        if dialogue[-1].role != "assistant":
            raise InputError("what is scored is a reply; a dialogue ends with none")
        prompt = behind(before, dialogue[:-1], layout, opens_reply=True)
        whole = behind(before, dialogue, layout, opens_reply=False)
        prompts.append(prompt)
        replies.append(whole[len(prompt) :])
        asked = layout(dialogue[:-1]).ids
        mark = layout(dialogue[:-1], opens_reply=True).ids[len(asked) :]
        opening = asked[: num_opening(layout, dialogue[0].text)] if before is None else before.ids
        nothing.append([*opening, *mark])
    told = reply_logprobs(model, prompts, replies, batch=batch)
    alone = reply_logprobs(model, nothing, replies, batch=batch)
    total = torch.tensor([sum(row) for row in told])
    return ReplyScores(
        total=total,
        mean=total / torch.tensor([max(1, len(row)) for row in told]),
        mutual=total - torch.tensor([sum(row) for row in alone]),
    )


@torch.no_grad()
def reply_logprobs(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    replies: Sequence[Sequence[int]],
    *,
    batch: int = 64,
) -> list[list[float]]:
    """Log-probability, in nats, of every token of each reply; the vocabulary is asked there alone.

    Behind long prompts that is most of the work saved, against `LanguageModel.logprobs`.

    Raises:
        InputError: If a prompt and its reply do not fit the context.
    """
    if not isinstance(model.network, Transformer):
        return model.logprobs(prompts, replies, batch_size=batch)
    rows = [[*prompt, *reply] for prompt, reply in zip(prompts, replies, strict=True)]
    check_prompts([row[:-1] for row in rows], model.network.config)
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    device = next(model.network.parameters()).device
    found: dict[int, list[float]] = {}
    for start in range(0, len(order), batch):
        places = order[start : start + batch]
        ids, _ = pad_right([rows[place] for place in places])
        ids = ids.to(device)
        is_said = torch.zeros_like(ids, dtype=torch.bool)
        for row, place in enumerate(places):
            is_said[row, len(prompts[place]) : len(rows[place])] = True
        features = model.network.features(ids[:, :-1])[is_said[:, 1:]]
        logits = model.network.unembed(features).float()
        chosen = logits.gather(1, ids[is_said][:, None]).squeeze(1) - logits.logsumexp(dim=1)
        parts = chosen.split([len(replies[place]) for place in places])
        found |= {place: part.tolist() for place, part in zip(places, parts, strict=True)}
    return [found[place] for place in range(len(rows))]


def reply_margins(
    model: LanguageModel,
    comparisons: Sequence[Comparison],
    layout: Layout,
    *,
    prefix: Prefix | None = None,
    prefixes: Sequence[Prefix | None] | None = None,
) -> Mapping[Scoring, Float[Tensor, " pair"]]:
    """By how much the first reply of each comparison scores above the second, in each way.

    Args:
        model: Whose probabilities.
        comparisons: What is compared.
        layout: In which the model reads.
        prefix: Before all of them.
        prefixes: One for each comparison, instead.

    Raises:
        InputError: As `score_replies`.
    """
    dialogues = [one.dialogue(reply) for one in comparisons for reply in (one.first, one.second)]
    doubled = None if prefixes is None else [each for each in prefixes for _ in range(2)]
    scores = score_replies(model, dialogues, layout, prefix=prefix, prefixes=doubled)
    ways: tuple[Scoring, ...] = get_args(Scoring)
    return {way: _difference(scores.by(way)) for way in ways}


def _difference(scores: Float[Tensor, " item"]) -> Float[Tensor, " pair"]:
    """Of both replies of each comparison, which stand side by side."""
    first, second = scores.view(-1, 2).T
    return first - second


def pairs_right(
    margin: Float[Tensor, " pair"], comparisons: Sequence[Comparison]
) -> Float[Tensor, " pair"]:
    """How right each margin is: the probability that the higher reply is preferred; ties a half.

    The mean is `agreement`'s accuracy; single values are for intervals and for groups.

    Raises:
        InputError: If there are not as many margins.
    """
    if len(margin) != len(comparisons):
        raise InputError(f"{len(margin)} margins and {len(comparisons)} comparisons, not as many")
    p_first = torch.tensor([one.p_first for one in comparisons], dtype=torch.float64)
    own = margin.double()
    return torch.where(own > 0, p_first, torch.where(own < 0, 1 - p_first, 0.5))


def by_group(values: Float[Tensor, " pair"], groups: Sequence[str]) -> dict[str, tuple[float, int]]:
    """Mean and number of the values of each group, in the order in which groups first come.

    Raises:
        InputError: If there are not as many groups.
    """
    if len(values) != len(groups):
        raise InputError(f"{len(values)} values and {len(groups)} groups, not as many")
    found: dict[str, list[float]] = {}
    for value, group in zip(values.tolist(), groups, strict=True):
        found.setdefault(group, []).append(value)
    return {group: (sum(own) / len(own), len(own)) for group, own in found.items()}
