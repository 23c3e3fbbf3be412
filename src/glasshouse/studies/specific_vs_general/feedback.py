"""Labels by a language model that reads a principle and two replies, and says the better one again.

Its verdict is read where the replies part: by how much likelier it goes on with the first than with
the second. Each pair is read in both orders and the log-odds are averaged. Verdicts by the names
"first" and "second" (`align.principles.feedback`) need a model that ties what it thinks of a deed
to a place, and models of this size had not learned that after 300 steps (seed 101).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.align import Comparison
from glasshouse.align.judges.model import pad_right
from glasshouse.align.principles.constitution import Constitution, Principle
from glasshouse.align.principles.feedback import JudgeLayout
from glasshouse.models import LanguageModel

_READ_AT_ONCE = 128


def judge_ids(layout: JudgeLayout, principle: Principle, pair: Comparison) -> list[int]:
    """What a judge reads, up to where it says the better reply again."""
    return [*layout.write(principle, pair.prompt, pair.first, pair.second), *layout.answer]


def parting(first: Sequence[int], second: Sequence[int]) -> int:
    """Place of the first token in which two replies differ; both end with the same token."""
    return next(at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)


@torch.no_grad()
def log_odds(
    judge: LanguageModel, rows: Sequence[Sequence[int]], words: Sequence[tuple[int, int]]
) -> Float[Tensor, " row"]:
    """By how much likelier one token is than another behind each row, in nats."""
    found = torch.empty(len(rows))
    network = judge.network
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    for start in range(0, len(order), _READ_AT_ONCE):
        places = order[start : start + _READ_AT_ONCE]
        ids, lengths = pad_right([rows[place] for place in places])
        last = network.features(ids)[torch.arange(len(places)), lengths - 1]
        logits = network.unembed(last).float()
        one, other = torch.tensor([words[place] for place in places]).T
        rows_ = torch.arange(len(places))
        found[places] = logits[rows_, one] - logits[rows_, other]
    return found


def feedback(
    judge: LanguageModel,
    pairs: Sequence[Comparison],
    principles: Sequence[Sequence[Principle]],
    layout: JudgeLayout,
) -> Float[Tensor, " pair"]:
    """Log-odds of the first reply of each pair, over both orders and all of its principles.

    Args:
        judge: The feedback model.
        pairs: Two replies each; their own labels are not looked at.
        principles: Of each pair, by what it is judged.
        layout: In which the judge reads.
    """
    rows: list[list[int]] = []
    words: list[tuple[int, int]] = []
    signs: list[float] = []
    owners: list[int] = []
    end = judge.tokenizer.id_of("<end>")
    for place, (pair, own) in enumerate(zip(pairs, principles, strict=True)):
        first, second = ([*judge.tokenizer.encode(text), end] for text in (pair.first, pair.second))
        shared = parting(first, second)
        for principle in own:
            for sign, one in ((1.0, pair), (-1.0, pair.swapped)):
                rows.append([*judge_ids(layout, principle, one), *first[:shared]])
                words.append((first[shared], second[shared]))
                signs.append(sign)
                owners.append(place)
    odds = log_odds(judge, rows, words)
    total = torch.zeros(len(pairs)).index_add(0, torch.tensor(owners), odds)
    return total / torch.bincount(torch.tensor(owners), minlength=len(pairs))


def labelled(
    judge: LanguageModel,
    pairs: Sequence[Comparison],
    constitutions: Mapping[str, Constitution],
    about: Sequence[str],
    layout: JudgeLayout,
    *,
    seed: int,
) -> list[Comparison]:
    """Label each pair by one principle, drawn from the constitution of what it is about.

    Args:
        judge: The feedback model.
        pairs: Two replies each.
        constitutions: By what a pair may be about; "" is every other pair's.
        about: Of each pair.
        layout: In which the judge reads.
        seed: Draws principles.

    Source:
        Kundu et al. 2023 (2310.13798), section 2.1: four principles a trait, one a label.
    """
    chance = np.random.default_rng([seed, 2310])
    chosen = []
    for name in about:
        every = constitutions.get(name, constitutions.get("")).principles  # pyright: ignore
        chosen.append((every[int(chance.integers(len(every)))],))
    likely = torch.sigmoid(feedback(judge, pairs, chosen, layout)).tolist()
    return [replace(pair, p_first=p) for pair, p in zip(pairs, likely, strict=True)]
