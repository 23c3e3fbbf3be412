"""Online rounds against as many comparisons collected at once, and both against written replies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from glasshouse.align import (
    Comparison,
    PreferenceModel,
    Round,
    RoundSteps,
    crowd_referee,
    crowd_rounds,
    gold_referee,
    model_writer,
    persona_writer,
    round_robin,
    run_rounds,
    standings,
)
from glasshouse.align.contests.tournament import Duel, Standings
from glasshouse.models import LanguageModel
from glasshouse.studies.rlhf.collecting import both_requests, interface_of, refuse_silence
from glasshouse.studies.rlhf.config import RlhfConfig
from glasshouse.studies.rlhf.judging import fresh_judge, learn_all
from glasshouse.studies.rlhf.policies import Trace, shape
from glasshouse.world.crowd import Crowd

_FIRST = 200_000
"""Number of the first request that is asked in rounds."""

Tick = Callable[[int, str], None]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rounds:
    """What came of rounds and of collecting at once."""

    rounds: tuple[Round, ...]
    """As they were kept."""
    comparisons: int
    """In all rounds together, and in each static set."""
    online: LanguageModel
    """The last round's policy."""
    static: LanguageModel
    """Of the base's comparisons alone."""
    other: LanguageModel
    """Of as many others of the base's comparisons: the control."""
    duels: tuple[Duel, ...]
    """Everybody against everybody, by gold."""
    table: Standings
    """And the strengths that follow."""
    votes: Float[np.ndarray, " duel"]
    """1 where somebody of the crowd preferred the online policy's reply to the writer's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundsJob:
    """What every part of it reads."""

    config: RlhfConfig
    crowd: Crowd
    base: Callable[[str], LanguageModel]
    """A base by its size, a fresh copy each time."""
    seed: int
    tick: Tick

    def judge(self, pairs: Sequence[Comparison]) -> PreferenceModel:
        """A judge of comparisons."""
        judge = fresh_judge(self.base(self.config.online.judge_size))
        found = learn_all(judge, pairs, self.config.judging, seed=self.seed)
        self.tick(self.config.online.steps // 2, f"a judge of {len(pairs)} comparisons")
        return found

    def shape(self, name: str, judge: PreferenceModel) -> Trace:
        """A policy of the base, shaped by a judge."""
        return shape(
            name,
            self.base(self.config.policy_size),
            self.crowd.world,
            judge,
            self.config.shaping,
            seed=self.seed,
            steps=self.config.online.steps,
            tick=self.tick,
        )

    def gather(self, number: int, policy: LanguageModel, *, first: int) -> list[Comparison]:
        """Comparisons of a policy's replies, ties left out."""
        collect_round = crowd_rounds(
            self.crowd,
            lambda _: both_requests(
                self.crowd.world, self.config.online.requests, "train", first=first
            ),
            interface=interface_of,
            seed=self.seed,
            max_new_tokens=self.config.collecting.max_new_tokens,
            stronger_than=self.config.collecting.stronger_than,
        )
        return list(collect_round(number, policy))


def run_online(job: RoundsJob, folder: Path) -> Rounds:
    """Run the rounds, then collect as many comparisons of the base at once, twice."""
    online = job.config.online

    def shape_round(number: int, judge: PreferenceModel) -> LanguageModel:
        return job.shape(f"round {number}", judge).policy

    steps = RoundSteps(
        collect=lambda number, policy: job.gather(
            number, policy, first=_FIRST + number * online.requests
        ),
        judge=lambda number, so_far: job.judge(so_far),
        shape=shape_round,
    )
    start = job.base(job.config.policy_size)
    done = list(
        run_rounds(
            folder, start, steps, rounds=online.rounds, told={"seed": job.seed, "c": job.config}
        )
    )
    count = sum(one.comparisons for one in done)
    static, other = (_static(job, count, number) for number in (1, 2))
    last = done[-1].policy
    duels, table = _duels(job, {"online": last, "static": static, "another static": other})
    return Rounds(
        rounds=tuple(done),
        comparisons=count,
        online=last,
        static=static,
        other=other,
        duels=tuple(duels),
        table=table,
        votes=_votes(job, last),
    )


def _static(job: RoundsJob, count: int, number: int) -> LanguageModel:
    """A policy of so many comparisons of the base's replies."""
    found: list[Comparison] = []
    base = job.base(job.config.policy_size)
    batch = 0
    while len(found) < count:
        refuse_silence(batch * job.config.online.requests, len(found), count)
        first = _FIRST + (100 * number + batch) * 10 * job.config.online.requests
        found += job.gather(100 * number + batch, base, first=first)
        batch += 1
    return job.shape(f"static {number}", job.judge(found[:count])).policy


def _duels(job: RoundsJob, policies: dict[str, LanguageModel]) -> tuple[list[Duel], Standings]:
    requests = both_requests(job.crowd.world, job.config.online.duels, "validation", first=_FIRST)
    tokens = job.config.shaping.max_new_tokens
    writers = {
        name: model_writer(policy, max_new_tokens=tokens) for name, policy in policies.items()
    }
    writers["base"] = model_writer(job.base(job.config.policy_size), max_new_tokens=tokens)
    duels = round_robin(writers, requests, gold_referee(job.crowd.world), seed=job.seed)
    return duels, standings(duels, rng=np.random.default_rng([job.seed, 15]))


def _votes(job: RoundsJob, policy: LanguageModel) -> Float[np.ndarray, " duel"]:
    """Whether somebody of the crowd prefers the policy's reply to the kind persona's."""
    requests = both_requests(job.crowd.world, job.config.online.duels, "validation", first=_FIRST)
    duels = round_robin(
        {
            "model": model_writer(policy, max_new_tokens=job.config.shaping.max_new_tokens),
            "writer": persona_writer(job.crowd.world, "kind"),
        },
        requests,
        crowd_referee(job.crowd, seed=job.seed),
        seed=job.seed,
    )
    return np.array([duel.p_first for duel in duels])


def won(duels: Sequence[Duel], first: str, second: str) -> Float[np.ndarray, " duel"]:
    """Of each duel between two, whether the first won; half for a draw."""
    return np.array(
        [
            duel.p_first if duel.first == first else 1 - duel.p_first
            for duel in duels
            if {duel.first, duel.second} == {first, second}
        ]
    )
