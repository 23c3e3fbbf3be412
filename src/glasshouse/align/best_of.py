"""The best of n samples: as a policy of its own, and as what it learns from (expert iteration).

Nothing is trained to have the best of n, and what it costs in divergence is known without an
estimate: log n - (n - 1) / n where no two samples score the same (`best_of_n_kl`), less where some
do (`tied_best_of_n_kl`).
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.align.policies import Reply, Reward, Watch, sample_replies
from glasshouse.align.policies.divergence import best_of_n_kl
from glasshouse.align.supervised import SftConfig, train_sft
from glasshouse.align.talks.dialogues import Rendered
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel

_SAMPLED_AT_ONCE = 1024
"""Replies drawn and scored together, to a whole prompt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BestReply:
    """One prompt's samples, and which of them scored highest."""

    replies: list[Reply]
    """All samples, in the order in which they were drawn."""
    scores: list[float]
    """What each scored."""
    place: int
    """Which is best. Of several that score the same it is the first: samples of one prompt are
    drawn alike, so that none of them is favoured by its place."""

    @property
    def reply(self) -> Reply:
        """The best one."""
        return self.replies[self.place]

    @property
    def score(self) -> float:
        """What it scored."""
        return self.scores[self.place]

    @property
    def tied(self) -> int:
        """Samples that scored as high, itself included."""
        return self.scores.count(self.score)


def best_of_n(
    policy: LanguageModel,
    prompts: Sequence[Sequence[int]],
    reward: Reward,
    n: int,
    *,
    max_new_tokens: int,
    stop_ids: Sequence[int],
    temperature: float = 1.0,
    seed: int = 0,
) -> list[BestReply]:
    """Draw n replies to each prompt, and find the one that scores highest.

    Args:
        policy: Who replies.
        prompts: Token ids up to where a reply begins.
        reward: Scores replies; highest is best.
        n: Samples of each prompt.
        max_new_tokens: Of a reply.
        stop_ids: Tokens that end a reply.
        temperature: Of sampling; the divergence is from the policy at this temperature.
        seed: Names what is drawn.

    Raises:
        InputError: If n is less than 1, or a score is no number: with the prompt.
    """
    if n < 1:
        raise InputError(f"n={n} must be at least 1")
    found: list[BestReply] = []
    at_once = max(1, _SAMPLED_AT_ONCE // n)
    for first in range(0, len(prompts), at_once):
        some = prompts[first : first + at_once]
        replies = sample_replies(
            policy,
            [prompt for prompt in some for _ in range(n)],
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            stop_ids=stop_ids,
            seed=_seed_of(seed, first),
        )
        scores = reward(replies).tolist()
        for place in range(len(some)):
            own = slice(place * n, (place + 1) * n)
            if not all(map(math.isfinite, scores[own])):
                raise InputError(
                    f"prompt {first + place + 1} has a reply that scores no finite number"
                )
            best = max(range(n), key=scores[own].__getitem__)
            found.append(BestReply(replies=replies[own], scores=scores[own], place=best))
    return found


def expected_best(
    scores: Float[Tensor, "prompt sample"], values: Float[Tensor, "prompt sample"], k: int
) -> Float[Tensor, " prompt"]:
    """What the best of k samples is worth on average, from more samples than k.

    Every choice of k among a row's samples counts, so that one set of samples serves all k, without
    bias. Samples that score the same share their chance of being best.

    Args:
        scores: What the best is chosen by.
        values: What it is worth, as the gold reward; the scores themselves for the proxy.
        k: Samples that the best is chosen of, at most as many as there are.

    Raises:
        InputError: If k is not between 1 and the samples of a prompt.

    Source:
        Nakano et al. 2021, "WebGPT" (2112.09332), appendix I, whose estimator has no ties.
    """
    n = scores.shape[1]
    if not 1 <= k <= n:
        raise InputError(f"k={k} must lie between 1 and the {n} samples of a prompt")
    upto = [math.comb(rank, k) / math.comb(n, k) for rank in range(n + 1)]
    below = torch.tensor(upto, dtype=torch.float64)
    order = scores.argsort(dim=1)
    ranked = scores.gather(1, order)
    first = torch.searchsorted(ranked, ranked, side="left")
    last = torch.searchsorted(ranked, ranked, side="right")
    weight = (below[last] - below[first]) / (last - first)
    return (weight * values.gather(1, order).double()).sum(dim=1).to(values.dtype)


def tied_best_of_n_kl(scores: Sequence[float], n: int) -> float:
    """KL, in nats, of the best of n where replies may score the same; ties fall as by lot.

    It is exact for a policy that writes the replies given, each as often as it is among them: of
    two levels, a share p above, the best of n takes the upper one with chance 1 - (1 - p)^n.

    Args:
        scores: Of replies drawn from the policy, many more than n.
        n: Samples that the best is chosen of.

    Raises:
        InputError: If n is less than 1 or there are no scores.
    """
    if n < 1 or not len(scores):
        raise InputError(f"n={n} must be at least 1, and scores, of which there are {len(scores)}")
    _, counts = np.unique(np.asarray(scores, dtype=np.float64), return_counts=True)
    upto = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    chance = np.diff(upto**n)
    kept = chance > 0
    ratio = chance[kept] * counts.sum() / counts[kept]
    return float((chance[kept] * np.log(ratio)).sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpertConfig:
    """Rounds of choosing the best of n and learning from it."""

    rounds: int = 4
    """Times that replies are drawn anew."""
    n: int = 8
    """Samples of each prompt."""
    prompts_per_round: int | None = None
    """Prompts of a round, one part of them after the other; None: all, every time."""
    kept_share: float = 1.0
    """Share of a round's prompts whose best replies are learned, the highest scoring ones."""
    max_new_tokens: int = 32
    """Of a reply; one that has not ended by then is not learned from."""
    temperature: float = 1.0
    """Of sampling."""
    seed: int = 0
    """Names what is drawn; the order of learning is `sft.seed`'s."""
    sft: SftConfig = field(default_factory=SftConfig)
    """How each round is learned."""

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.n < 1 or self.max_new_tokens < 1:
            raise InputError(
                f"rounds={self.rounds}, n={self.n} and max_new_tokens={self.max_new_tokens} must "
                "be at least 1"
            )
        if not 0 < self.kept_share <= 1:
            raise InputError(f"kept_share={self.kept_share} must lie in (0, 1]")


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpertRound:
    """One round, whose replies were written before what it taught."""

    round: int
    """Rounds done, from 1."""
    reward: float
    """Mean score of all samples: how good the policy was when the round began."""
    best: float
    """Mean score of the replies that were learned."""
    learned: int
    """How many that were."""
    ended: float
    """Share of samples that ended."""
    length: float
    """Mean tokens of a sample."""
    kl_bound: float
    """Nats by which a round's choice may move the policy: those of the best of n."""
    losses: list[float]
    """Of each step of the fine-tuning, in nats a token."""
    watched: dict[str, float]
    """What was measured on all samples, and not learned from."""
    chosen: list[Reply]
    """The replies that were learned."""


def expert_iteration(
    policy: LanguageModel,
    prompts: Sequence[Sequence[int]],
    reward: Reward,
    config: ExpertConfig,
    *,
    stop_ids: Sequence[int],
    watch: Watch | None = None,
) -> Generator[ExpertRound, None, None]:
    """Teach a policy its own best replies, round by round; stopping early is `break`.

    Args:
        policy: What is trained, in place.
        prompts: Token ids up to where a reply begins.
        reward: What makes a reply the best.
        config: The rounds.
        stop_ids: Tokens that end a reply.
        watch: Measured on every round's samples, never trained on.

    Raises:
        InputError: If there are no prompts, a score is no number, or no reply of a round ended.

    Source:
        Anthony et al. 2017, "Thinking fast and slow" (1705.08439), as fine-tuning on the best of n:
        Dong et al. 2023, "RAFT" (2304.06767), algorithm 1.
    """
    if not prompts:
        raise InputError("there are no prompts to reply to")
    for number in range(config.rounds):
        found = best_of_n(
            policy,
            _part(prompts, number, config.prompts_per_round),
            reward,
            config.n,
            max_new_tokens=config.max_new_tokens,
            stop_ids=stop_ids,
            temperature=config.temperature,
            seed=_seed_of(config.seed, number, 1),
        )
        replies = [reply for one in found for reply in one.replies]
        watched = dict(watch(replies)) if watch is not None else {}
        learned = _learned(found, config.kept_share)
        if not learned:
            raise InputError(
                f"round {number + 1}: no reply ended within max_new_tokens="
                f"{config.max_new_tokens}; allow more"
            )
        sft = replace(config.sft, seed=config.sft.seed + number)
        losses = [step.loss for step in train_sft(policy, _rendered(learned), sft)]
        yield ExpertRound(
            round=number + 1,
            reward=float(np.mean([score for one in found for score in one.scores])),
            best=float(np.mean([score for _, score in learned])),
            learned=len(learned),
            ended=float(np.mean([reply.ended for reply in replies])),
            length=float(np.mean([len(reply.ids) for reply in replies])),
            kl_bound=best_of_n_kl(config.n),
            losses=losses,
            watched=watched,
            chosen=[reply for reply, _ in learned],
        )


def _part(
    prompts: Sequence[Sequence[int]], number: int, count: int | None
) -> Sequence[Sequence[int]]:
    """Prompts of a round, going round the whole again and again."""
    if count is None or count >= len(prompts):
        return prompts
    return [prompts[(number * count + place) % len(prompts)] for place in range(count)]


def _learned(found: Sequence[BestReply], share: float) -> list[tuple[Reply, float]]:
    """The best reply of each prompt among those that ended, and of these the highest scoring."""
    best: list[tuple[Reply, float]] = []
    for one in found:
        ended = [place for place, reply in enumerate(one.replies) if reply.ended]
        if ended:
            place = max(ended, key=one.scores.__getitem__)
            best.append((one.replies[place], one.scores[place]))
    best.sort(key=lambda pair: -pair[1])
    return best[: max(1, round(share * len(best)))]


def _rendered(learned: Sequence[tuple[Reply, float]]) -> list[Rendered]:
    return [
        Rendered(
            ids=[*reply.prompt, *reply.ids],
            is_reply=[False] * len(reply.prompt) + [True] * len(reply.ids),
        )
        for reply, _ in learned
    ]


def _seed_of(*names: int) -> int:
    """A seed of its own for every call."""
    return int(np.random.SeedSequence([0xBE57, *names]).generate_state(1, np.uint32)[0])
