"""Rewards from preference models: of the policy's own tokens, or of its words in other tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.align.judges.model import PreferenceModel, pad_right
from glasshouse.align.policies.replies import Reply
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Tokenizer

_SCORED_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class JudgeReward:
    """A preference model's score of prompt and reply, in nats."""

    judge: PreferenceModel
    """It reads the policy's own tokens, the oldest left out if they are many."""

    @torch.no_grad()
    def __call__(self, replies: Sequence[Reply]) -> Float[Tensor, " reply"]:
        """Score each reply where it stops; rows of like length go together."""
        rows = [reply.whole[-self.judge.context :] for reply in replies]
        return scores_of_rows(self.judge, rows)

    def check(self, policy: LanguageModel) -> None:
        """Refuse a policy of another vocabulary.

        Raises:
            InputError: If tokens of the policy mean something else to the judge.
        """
        if not same_tokens(self.judge.language.tokenizer, policy.tokenizer):
            raise InputError(
                "the preference model and the policy have different tokenizers; train a judge from "
                "the policy's family, or pass judge_reward(judge, policy=..., retokenise=True)"
            )


@dataclass(frozen=True, slots=True)
class RetokenisedReward:
    """The same from a judge of another tokenizer, which reads the policy's words."""

    judge: PreferenceModel
    policy: Tokenizer
    """Turns the policy's tokens into words."""
    ends: tuple[int, ...]
    """Tokens of the policy that end a turn; they become the judge's own."""
    judge_end: int
    """The judge's token for that."""

    def __call__(self, replies: Sequence[Reply]) -> Float[Tensor, " reply"]:
        """Score each reply where it stops.

        Raises:
            InputError: If the judge's vocabulary lacks a word.
        """
        rows = [self.translated(reply)[-self.judge.context :] for reply in replies]
        return scores_of_rows(self.judge, rows)

    def translated(self, reply: Reply) -> list[int]:
        """Prompt and reply in the judge's tokens; texts between ends are encoded apart."""
        found: list[int] = []
        for part in (reply.prompt, reply.ids):
            piece: list[int] = []
            for token in [*part, None]:
                if token is not None and token not in self.ends:
                    piece.append(token)
                    continue
                if piece:
                    text = self.policy.decode(piece)
                    found += self.judge.language.tokenizer.encode(text)
                if token is not None:
                    found.append(self.judge_end)
                piece = []
        return found


@overload
def judge_reward(judge: PreferenceModel) -> JudgeReward: ...
@overload
def judge_reward(
    judge: PreferenceModel, *, policy: LanguageModel, retokenise: bool
) -> JudgeReward | RetokenisedReward: ...
def judge_reward(
    judge: PreferenceModel, *, policy: LanguageModel | None = None, retokenise: bool = False
) -> JudgeReward | RetokenisedReward:
    """A reward from a preference model.

    Args:
        judge: Whose score it is.
        policy: Whose replies are scored; None: `train_policy` sees whether its tokens are the
            judge's.
        retokenise: Let a judge of another tokenizer read the policy's words.

    Raises:
        InputError: If the policy has another tokenizer and its words are not to be encoded anew, or
            one of the two tokenizers has no token that ends a turn.
    """
    judge.eval()
    reward = JudgeReward(judge)
    if policy is None:
        if retokenise:
            raise InputError("retokenise=True needs policy=..., whose tokens become words")
        return reward
    own = judge.language.tokenizer
    if not retokenise or same_tokens(own, policy.tokenizer):
        reward.check(policy)
        return reward
    return RetokenisedReward(judge, policy.tokenizer, end_ids(policy.tokenizer), end_ids(own)[0])


def end_ids(tokenizer: Tokenizer) -> tuple[int, ...]:
    """Tokens that end a reply: the tokenizer's end, or the toy world's words for it.

    Raises:
        InputError: If there is none.
    """
    if tokenizer.end_id is not None:
        return (tokenizer.end_id,)
    known = [tokenizer.core.token_to_id(token) for token in ("<end>", "<eoc>")]
    found = tuple(token for token in known if token is not None)
    if not found:
        raise InputError(
            "the tokenizer has no end token; name the tokens that end a reply in stop_ids, or none "
            "of them with stop_ids=()"
        )
    return found


@torch.no_grad()
def scores_of_rows(
    judge: PreferenceModel, rows: Sequence[Sequence[int]]
) -> Float[Tensor, " reply"]:
    """Scores of rows of token ids at their ends."""
    was_training = judge.training
    judge.eval()
    try:
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        found = torch.empty(len(rows))
        device = judge.head.weight.device
        for start in range(0, len(order), _SCORED_AT_ONCE):
            places = order[start : start + _SCORED_AT_ONCE]
            ids, lengths = pad_right([rows[place] for place in places])
            found[places] = judge(ids.to(device), lengths.to(device)).float().cpu()
        return found
    finally:
        judge.train(was_training)


def same_tokens(one: Tokenizer, other: Tokenizer) -> bool:
    """Whether every id is the same token in both."""
    return one is other or one.core.get_vocab() == other.core.get_vocab()
