"""Several preference models as one, which is harder to please by accident than any of them.

Source:
    Coste et al. 2023, "Reward model ensembles help mitigate overoptimization" (2310.02743),
    section 3: mean, worst case, and uncertainty-weighted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.talks.dialogues import Dialogue
from glasshouse.errors import InputError

Rule = Literal["mean", "min", "penalised"]
"""How scores become one: their mean, the worst of them, or the mean less their variance."""


@runtime_checkable
class Judge(Protocol):
    """Whatever scores dialogues: a preference model, or several."""

    def score(self, dialogues: Sequence[Dialogue]) -> Float[Tensor, " item"]:
        """Scores of dialogues, in their order."""
        ...

    def margins(self, comparisons: Sequence[Comparison]) -> Float[Tensor, " pair"]:
        """By how much the first reply of each comparison scores above the second."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Ensemble:
    """Judges that score together.

    Scores of two preference models have no common zero, so each is taken from what it gives on
    average to some dialogues that all of them have read (`centred`).
    """

    members: tuple[Judge, ...]
    """The judges."""
    zeros: tuple[float, ...]
    """Each one's mean score of the same dialogues."""
    rule: Rule = "mean"
    """How scores become one."""
    penalty: float = 1.0
    """Score a unit of variance, for "penalised"."""

    def __post_init__(self) -> None:
        if not self.members or len(self.zeros) != len(self.members):
            raise InputError(
                f"{len(self.members)} members and {len(self.zeros)} zeros; give one judge or more, "
                "and the zero of each"
            )
        if self.rule not in get_args(Rule):
            raise InputError(f"rule={self.rule!r} must be one of {', '.join(get_args(Rule))}")
        if self.penalty < 0:
            raise InputError(f"penalty={self.penalty} must not be negative")

    def member_scores(self, dialogues: Sequence[Dialogue]) -> Float[Tensor, "member item"]:
        """What each member says, from its own zero."""
        rows = zip(self.members, self.zeros, strict=True)
        return torch.stack([judge.score(dialogues) - zero for judge, zero in rows])

    def score(self, dialogues: Sequence[Dialogue]) -> Float[Tensor, " item"]:
        """Scores of dialogues, in their order."""
        own = self.member_scores(dialogues)
        if self.rule == "min":
            return own.min(dim=0).values
        mean = own.mean(dim=0)
        if self.rule == "penalised":
            return mean - self.penalty * own.var(dim=0, correction=0)
        return mean

    def margins(self, comparisons: Sequence[Comparison]) -> Float[Tensor, " pair"]:
        """By how much the first reply of each comparison scores above the second."""
        dialogues = [
            one.dialogue(reply) for one in comparisons for reply in (one.first, one.second)
        ]
        first, second = self.score(dialogues).view(-1, 2).T
        return first - second


def centred(
    members: Sequence[Judge],
    dialogues: Sequence[Dialogue],
    *,
    rule: Rule = "mean",
    penalty: float = 1.0,
) -> Ensemble:
    """An ensemble whose members give some held-out dialogues 0 on average.

    Raises:
        InputError: If there are no members or no dialogues.
    """
    if not dialogues:
        raise InputError("there are no dialogues from which the members' zeros could be taken")
    zeros = tuple(float(judge.score(dialogues).mean()) for judge in members)
    return Ensemble(members=tuple(members), zeros=zeros, rule=rule, penalty=penalty)
