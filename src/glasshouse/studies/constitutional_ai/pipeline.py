"""Everything that a run does, in order: school, judge, revise, label, train, measure."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from glasshouse.align import (
    Comparison,
    PreferenceModel,
    hardened,
    judge_pairs,
    word_judge_layout,
    world_constitution,
)
from glasshouse.align.contests.tournament import Standings, gold_referee, round_robin, standings
from glasshouse.align.principles.feedback import Feedback, feedback_of
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.studies.constitutional_ai.chains import (
    aims_ladder,
    climb,
    diluted_ladder,
    distinct,
    first_round,
    paraphrase_ladder,
    write_graded,
)
from glasshouse.studies.constitutional_ai.config import ConstitutionalConfig
from glasshouse.studies.constitutional_ai.grading import (
    Replies,
    harmful_requests,
    harmless_requests,
)
from glasshouse.studies.constitutional_ai.judging import Judged, judge, make_pairs, others_reasons
from glasshouse.studies.constitutional_ai.schooling import SchoolConfig, aims_constitution, school
from glasshouse.studies.constitutional_ai.seen import Seen, SeenChains, SeenJudges, SeenPolicies
from glasshouse.studies.constitutional_ai.shaping import (
    Measurer,
    SampledPairs,
    Shaped,
    crowd_labels,
    helpful_samples,
    helpfulness_labels,
    preference_model,
    reinforced,
    sample_pairs,
    simulated,
    supervised,
)
from glasshouse.studies.lineage import keep
from glasshouse.studies.study import Progress
from glasshouse.studies.zoo import Base, base_model
from glasshouse.world.crowd import Bias
from glasshouse.world.streams import stream

KEPT = {"sl-cai": "SL-CAI", "rl-cai": "RL-CAI", "hh-rlhf": "RLHF by a crowd that likes evasion"}
"""Policies that stay beside their base, and how they are called there."""
CHOOSING = ("harmless", "people", "reasons")
"""Principles by which replies are compared; the last asks that a refusal says why."""
ASKED = "harmless"
"""The principle by which judges are measured."""
UNRELATED = "brevity"
"""One that has nothing to say of harm."""


class Clock:
    """CPU seconds of each part, and progress told by parts."""

    def __init__(self, parts: int, progress: Progress) -> None:
        self._parts, self._progress, self._done = parts, progress, 0
        self._since = time.process_time()
        self.seconds: dict[str, float] = {}

    def lap(self, what: str) -> None:
        """A part is done."""
        now = time.process_time()
        self.seconds[what], self._since = now - self._since, now
        self._done = min(self._parts, self._done + 1)
        self._progress(self._done, self._parts, what)


def measure_all(
    config: ConstitutionalConfig, *, seed: int, progress: Progress, workspace: Path
) -> Seen:
    """Run the whole of it for one seed."""
    clock = Clock(4 * len(config.sizes) + 17, progress)
    bases = {
        size: base_model(
            size, seed=seed, steps=config.base_steps, preset=config.world, progress=progress
        )
        for size in config.sizes
    }
    clock.lap("bases")
    schooled: dict[str, dict[str, LanguageModel]] = {}
    for kind, how in (("assistant", config.assistants), ("judge", config.judges)):
        schooled[kind] = {}
        for size, base in bases.items():
            schooled[kind][size] = _schooled(base, kind, how, workspace, progress)
            clock.lap(f"school of the {kind} {size}")
    judges = _judges(config, bases, schooled["judge"], seed, clock)
    chains = _chains(config, bases, schooled["assistant"], seed, clock)
    shaping = config.shaping
    policies = Shaper(
        config,
        bases[shaping.size],
        schooled["assistant"][shaping.size],
        schooled["judge"][shaping.judge],
        seed,
        clock,
    ).run()
    return Seen(
        config=config,
        seed=seed,
        parameters={
            size: sum(each.numel() for each in base.model.network.parameters())
            for size, base in bases.items()
        },
        gates={size: base.gates for size, base in bases.items()},
        judges=judges,
        chains=chains,
        policies=policies,
        seconds=clock.seconds,
    )


def _schooled(
    base: Base, kind: str, config: SchoolConfig, workspace: Path, progress: Progress
) -> LanguageModel:
    """A base behind its school, from the workspace if it has been there."""
    recipe = json.dumps(asdict(config), sort_keys=True).encode()
    weights = next(base.model.network.parameters()).detach().numpy().tobytes()
    key = hashlib.sha256(recipe + weights).hexdigest()[:12]
    folder = workspace / "constitutional-ai" / f"{kind}-{base.size}-seed{base.seed}-{key}"
    if not folder.exists():
        model = base.model.copy()
        done = 0

        def tick(loss: float) -> None:
            nonlocal done
            done += 1
            what = f"school of the {kind} {base.size}: loss {loss:.2f}"
            progress(done, config.steps, what)

        school(model, base.world, config, seed=base.seed, tick=tick)
        model.save(folder)
    return LanguageModel.load(folder)


def _judges(
    config: ConstitutionalConfig,
    bases: dict[str, Base],
    models: dict[str, LanguageModel],
    seed: int,
    clock: Clock,
) -> SeenJudges:
    world = next(iter(bases.values())).world
    trained = make_pairs(world, config.judging.pairs, held_out=False)
    held_out = make_pairs(world, config.judging.held_out_pairs, held_out=True)
    law, other = (world_constitution((name,)).principles[0] for name in (ASKED, UNRELATED))
    plain: dict[str, Judged] = {}
    reasoned: dict[str, Judged] = {}
    plain_held_out: dict[str, Judged] = {}
    reasoned_held_out: dict[str, Judged] = {}
    unrelated: dict[str, Judged] = {}
    for size, model in models.items():
        plain[size] = judge(model, trained, law, seed=seed)
        reasoned[size] = judge(model, trained, law, seed=seed, chain_of_thought=True)
        plain_held_out[size] = judge(model, held_out, law, seed=seed)
        reasoned_held_out[size] = judge(model, held_out, law, seed=seed, chain_of_thought=True)
        unrelated[size] = judge(model, trained, other, seed=seed)
        clock.lap(f"judging by {size}")
    largest = config.sizes[-1]
    reasons = others_reasons(reasoned[largest], stream(seed, "cai others' reasons"))
    shuffled = judge(models[largest], trained, law, seed=seed, reasons=reasons)
    return SeenJudges(
        trained=trained,
        held_out=held_out,
        plain=plain,
        reasoned=reasoned,
        plain_held_out=plain_held_out,
        reasoned_held_out=reasoned_held_out,
        unrelated=unrelated,
        shuffled=shuffled,
    )


def _chains(
    config: ConstitutionalConfig,
    bases: dict[str, Base],
    models: dict[str, LanguageModel],
    seed: int,
    clock: Clock,
) -> SeenChains:
    how = config.chains
    world = next(iter(bases.values())).world
    largest, law = models[config.sizes[-1]], aims_constitution()
    trained = distinct(harmful_requests(world, how.prompts, split="validation"))
    held_out = distinct(
        harmful_requests(world, how.held_out_prompts, split="validation", held_out=True)
    )
    harmless = distinct(harmless_requests(world, how.harmless_prompts, split="validation"))
    graded = [
        write_graded(largest, world, requests, law, rounds=how.rounds, seed=seed + place)
        for place, requests in enumerate((trained, held_out, harmless))
    ]
    clock.lap("chains")
    first = {}
    for size, model in models.items():
        first[size] = first_round(model, world, trained, seed=seed)
        clock.lap(f"revisions by {size}")
    climber = models[config.shaping.size]
    asked = distinct(harmful_requests(world, how.ladder_prompts, split="validation", start=1_000))
    aims, diluted, paraphrases = (
        climb(climber, world, asked, laws, rounds=how.ladder_rounds, seed=seed)
        for laws in (aims_ladder(how.ladder), diluted_ladder(), paraphrase_ladder())
    )
    clock.lap("constitutions of many lengths")
    return SeenChains(
        trained=graded[0],
        held_out=graded[1],
        harmless=graded[2],
        first=first,
        aims=aims,
        diluted=diluted,
        paraphrases=paraphrases,
    )


class Shaper:
    """Makes every policy of a seed; what it holds is what several of them begin from."""

    def __init__(
        self,
        config: ConstitutionalConfig,
        base: Base,
        helpful: LanguageModel,
        judge_model: LanguageModel,
        seed: int,
        clock: Clock,
    ) -> None:
        self.config, self.base, self.world = config.shaping, base, base.world
        self.seed, self.clock, self.judge_model = seed, clock, judge_model
        self.measure = Measurer(base.world, config.shaping, seed=seed, keep=self._keep)
        self.start = self._supervised(helpful)
        self.shaped: dict[str, Shaped] = {
            "base": self.measure("base", base.model),
            "helpful assistant": self.measure("helpful assistant", helpful),
            "sl-cai": self.measure("sl-cai", self.start),
        }

    def _keep(self, name: str, model: LanguageModel) -> None:
        if name in KEPT:
            keep(self.base, KEPT[name], model, study="constitutional-ai")

    def _supervised(self, helpful: LanguageModel) -> LanguageModel:
        requests = distinct(harmful_requests(self.world, self.config.chains, split="train"))
        chains = write_graded(
            helpful, self.world, requests, aims_constitution(), rounds=4, seed=self.seed
        )
        samples = helpful_samples(helpful, self.world, self.config.helpful, seed=self.seed)
        model = supervised(self.base.model.copy(), chains, samples, self.config, seed=self.seed)
        self.clock.lap("SL-CAI")
        return model

    def run(self) -> SeenPolicies:
        """Label pairs in every way, train a preference model on each, and a policy on each."""
        config, world, seed = self.config, self.world, self.seed
        harmful = harmful_requests(world, config.comparisons, split="train", start=1_000)
        harmless = harmless_requests(world, config.comparisons, split="train", start=1_000)
        people = world.crowd(bias=Bias.of({"evade": config.evade}))
        helpful = crowd_labels(self.base.model, people, harmless, seed=seed)
        from_people = crowd_labels(self.base.model, people, harmful, seed=seed)
        pairs = sample_pairs(self.start, harmful, seed=seed)
        if not pairs.comparisons or not helpful or not from_people:
            raise InputError(
                f"of {config.comparisons} requests none got two different replies that end; raise "
                "base_steps or shaping.comparisons"
            )
        self.clock.lap("pairs of replies")
        plain, reasoned = self._feedback(pairs, reasons=False), self._feedback(pairs, reasons=True)
        temperature = cooling(reasoned)
        soft, differs = simulated(pairs, world, accuracy=config.accuracy, seed=seed)
        labels = {
            "rl-cai": _labels(plain),
            "cot": _labels(reasoned),
            "cot-clamped": [relabelled(each, clamp=CLAMP) for each in reasoned],
            "cot-cooled": [relabelled(each, temperature=temperature) for each in reasoned],
            "soft": soft,
            "hard": [hardened(each) for each in soft],
            "shuffled": self._shuffled(_labels(plain)),
        }
        self.clock.lap("feedback")
        for name, own in labels.items():
            judge = self._preference_model([*own, *helpful])
            over = config.over if name == "rl-cai" else 1
            self._reinforce(name, self.start, judge, over=over)
        of_base = sample_pairs(self.base.model, harmful, seed=seed + 1)
        does_as_asked = [*helpfulness_labels(of_base, world), *helpful]
        for name, own in (
            ("hh-rlhf", [*from_people, *helpful]),
            ("helpful-only", does_as_asked),
            ("helpful-shuffled", self._shuffled(does_as_asked)),
        ):
            self._reinforce(name, self.base.model, self._preference_model(own))
        elo = {
            "harmful requests": self._elo(lambda one: one.harmful),
            "harmless requests": self._elo(lambda one: one.harmless),
        }
        return SeenPolicies(
            shaped=self.shaped,
            label_accuracy={
                name: self._accuracy(own, pairs, differs) for name, own in labels.items()
            },
            label_confidence={
                name: float(np.mean([max(one.p_first, 1 - one.p_first) for one in own]))
                for name, own in labels.items()
            },
            pairs_differ=float(differs.mean()) if len(differs) else 0.0,
            temperature=temperature,
            elo=elo,
        )

    def _feedback(self, pairs: SampledPairs, *, reasons: bool) -> list[Feedback]:
        return judge_pairs(
            self.judge_model,
            pairs.comparisons,
            world_constitution(CHOOSING).principles,
            layout=word_judge_layout(self.judge_model.tokenizer),
            chain_of_thought=reasons,
            seed=self.seed,
        )

    def _shuffled(self, labels: Sequence[Comparison]) -> list[Comparison]:
        """The same labels, each on another pair."""
        order = stream(self.seed, "cai shuffled labels").permutation(len(labels))
        return [
            Comparison(
                prompt=one.prompt,
                first=one.first,
                second=one.second,
                p_first=labels[int(place)].p_first,
            )
            for one, place in zip(labels, order, strict=True)
        ]

    def _preference_model(self, comparisons: Sequence[Comparison]) -> PreferenceModel:
        return preference_model(self.base.model.copy(), comparisons, self.config, seed=self.seed)

    def _reinforce(
        self, name: str, start: LanguageModel, judge: PreferenceModel, *, over: int = 1
    ) -> None:
        early, late = reinforced(
            name, start, judge, self.world, self.config, self.measure, seed=self.seed, over=over
        )
        self.shaped[name] = early
        if over > 1:
            self.shaped[f"{name}-over"] = late
        self.clock.lap(f"policy {name}")

    def _accuracy(
        self, labels: Sequence[Comparison], pairs: SampledPairs, differs: np.ndarray
    ) -> float:
        """Share of labels on the side of the less harmful reply, where there is one."""
        found = []
        for one, request, is_different in zip(labels, pairs.requests, differs, strict=True):
            if is_different:
                first, second = (
                    self.world.gold(request, text).harm for text in (one.first, one.second)
                )
                found.append((one.p_first > 0.5) == (first < second))
        return float(np.mean(found)) if found else float("nan")

    def _elo(self, part: Callable[[Shaped], Replies]) -> Standings:
        """Everybody against everybody by gold reward, with the replies that were measured."""
        requests = part(self.shaped["base"]).requests
        writers = {
            name: _kept(part(self.shaped[name]).texts)
            for name in ("base", "helpful-only", "sl-cai", "hh-rlhf", "rl-cai", "rl-cai-over")
        }
        duels = round_robin(writers, requests, gold_referee(self.world), seed=self.seed)
        return standings(duels, rng=stream(self.seed, "cai elo"))


CLAMP = (0.4, 0.6)
"""The paper's clamp after a chain of thought."""


def cooling(feedback: Sequence[Feedback]) -> float:
    """The temperature at which labels vary as much as clamped ones do."""
    wanted = np.var([relabelled(each, clamp=CLAMP).p_first for each in feedback])
    low, high = 1.0, 1_000.0
    for _ in range(40):
        middle = float(np.sqrt(low * high))
        own = np.var([relabelled(each, temperature=middle).p_first for each in feedback])
        low, high = (middle, high) if own > wanted else (low, middle)
    return low


def relabelled(
    feedback: Feedback, *, clamp: tuple[float, float] | None = None, temperature: float = 1.0
) -> Comparison:
    """The label of the same judgements, clamped or cooled."""
    return feedback_of(
        feedback.comparison, feedback.judgements, clamp=clamp, temperature=temperature
    ).comparison


def _labels(feedback: Sequence[Feedback]) -> list[Comparison]:
    return [each.comparison for each in feedback]


class _kept:
    """A player who says again what it said."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)

    def __call__(self, requests: Sequence[object], *, seed: int) -> list[str]:
        return self.texts
