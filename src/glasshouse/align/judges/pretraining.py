"""Pre-training of preference models on cheap comparisons: votes, and pairs without a direction.

Pre-training is `train_judge` on what is made here, with `lm_weight` for the loss on better replies;
fine-tuning is `train_judge` again, on the same model.

Source:
    Askell et al. 2021 (2112.00861), section 4: preference model pre-training on votes, ranked or
    binarised.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.talks.dialogues import Dialogue
from glasshouse.errors import InputError


def vote_grade(votes: int, *, accepted: bool = False) -> int:
    """The grade of an answer with votes: round(log2(1 + votes)), one more if it was accepted.

    An answer that was voted down has grade -1, accepted or not.

    Source:
        Askell et al. 2021 (2112.00861), appendix C, for StackExchange.
    """
    return -1 if votes < 0 else round(math.log2(1 + votes)) + int(accepted)


def voted_comparisons(
    prompt: Dialogue, replies: Sequence[str], grades: Sequence[float]
) -> list[Comparison]:
    """Every pair of replies to one prompt whose grades differ, the better one first.

    Raises:
        InputError: If there are not as many grades as replies.
    """
    if len(replies) != len(grades):
        raise InputError(f"{len(replies)} replies and {len(grades)} grades, not as many")
    ordered = sorted(zip(grades, replies, strict=True), key=lambda each: -each[0])
    return [
        Comparison(prompt=prompt, first=good, second=bad, grades=(high, low))
        for place, (high, good) in enumerate(ordered)
        for low, bad in ordered[place + 1 :]
        if high > low and good.strip() != bad.strip()
    ]


def binarised(
    comparisons: Sequence[Comparison], *, good: str = "GOOD:", bad: str = "BAD:"
) -> list[Comparison]:
    """Two comparisons out of each: the better reply called good beats itself called bad; the other
    one called bad beats itself called good.

    What is learned is whether a tag fits a reply, so that the score has no direction of its own
    which fine-tuning would have to turn round.

    Args:
        comparisons: The better reply is the likelier one; the labels' strength is kept.
        good: Tag of better replies, words that the model's vocabulary has.
        bad: Tag of worse ones.

    Raises:
        InputError: If both tags are the same.

    Source:
        Askell et al. 2021 (2112.00861), section 4.3. Differs: tags open the reply, so that both
        sides answer one prompt; the paper's open the whole sample.
    """
    if good.strip() == bad.strip():
        raise InputError(f"both tags are {good!r}; a tag that says nothing cannot be learned")
    found = []
    for one in comparisons:
        sure = max(one.p_first, 1 - one.p_first)
        other = one.second if one.preferred == one.first else one.first
        for reply, fits, fails in ((one.preferred, good, bad), (other, bad, good)):
            found.append(
                replace(
                    one,
                    first=f"{fits} {reply}",
                    second=f"{fails} {reply}",
                    p_first=sure,
                    grades=None,
                )
            )
    return found
