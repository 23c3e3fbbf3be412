"""The parts of the measurement that stand by themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from glasshouse.align import Comparison, PreferenceModel
from glasshouse.align.judges.traits import PersonaItem, leave_one_out, win_rate, wins_of
from glasshouse.align.pairs.collect import dialogue_of
from glasshouse.align.principles.constitution import Constitution
from glasshouse.align.principles.feedback import word_judge_layout
from glasshouse.align.principles.questions import Pairs
from glasshouse.models import LanguageModel
from glasshouse.studies.lineage import keep
from glasshouse.studies.specific_vs_general import judges, policies, seen
from glasshouse.studies.specific_vs_general.bench import Bench
from glasshouse.studies.specific_vs_general.comparisons import requests
from glasshouse.studies.specific_vs_general.deeds import items
from glasshouse.studies.specific_vs_general.feedback import feedback
from glasshouse.studies.specific_vs_general.judges import Question
from glasshouse.studies.specific_vs_general.principles import GENERAL, harmless


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedbackSets:
    """What preference models learn from, and how good it is."""

    trait: list[Comparison]
    """Special questions by the principles of their traits."""
    special: list[Comparison]
    """The same pairs by general principles."""
    broad: list[Comparison]
    """Broad questions by general principles."""
    untold_trait: list[Comparison]
    """As `trait`, by a judge that read no deed's worth."""
    untold_general: list[Comparison]
    """As `special`, by that judge."""
    pairs: Pairs
    """The special pairs, unlabelled."""
    questions: list[Question]
    """What they answer."""
    labels: tuple[seen.Labels, ...]


def feedback_sets(
    bench: Bench, judge: LanguageModel, untold: LanguageModel, writer: LanguageModel
) -> FeedbackSets:
    """Have a policy reply to special and broad questions, and judges weigh its replies."""
    count = bench.config.judges.pairs
    special = judges.special_questions(bench.world, bench.families, count)
    broad = judges.broad_questions(bench.world, bench.families, count, others=bench.config.general)
    pairs = judges.replied(writer, special, bench.world, seed=bench.seed)
    broad_pairs = judges.replied(writer, broad, bench.world, seed=bench.seed + 1)
    labels: list[seen.Labels] = []

    def label(
        who: LanguageModel, some: Pairs, asked: list[Question], *, is_specific: bool, name: str
    ) -> list[Comparison]:
        constitutions = bench.constitutions(is_specific=is_specific)
        found = judges.judged_pairs(who, some, asked, constitutions, seed=bench.seed)
        principles = (
            f"{'specific' if is_specific else 'general'}{', worth untold' * (who is untold)}"
        )
        labels.append(_quality(bench, found, some, asked, name, principles))
        return found

    return FeedbackSets(
        trait=label(judge, pairs, special, is_specific=True, name="special"),
        special=label(judge, pairs, special, is_specific=False, name="special"),
        broad=label(judge, broad_pairs, broad, is_specific=False, name="broad"),
        untold_trait=label(untold, pairs, special, is_specific=True, name="special"),
        untold_general=label(untold, pairs, special, is_specific=False, name="special"),
        pairs=pairs,
        questions=special,
        labels=tuple(labels),
    )


def _quality(
    bench: Bench,
    found: Sequence[Comparison],
    pairs: Pairs,
    asked: Sequence[Question],
    name: str,
    principles: str,
) -> seen.Labels:
    about = {
        (pair.prompt, pair.first, pair.second): asked[place].about
        for pair, place in zip(pairs.comparisons, pairs.places, strict=True)
    }
    names = [about[one.prompt, one.first, one.second] for one in found]
    right = bench.right(found, names)
    likely = np.array([one.p_first for one in found])
    known = ~np.isnan(right)
    return seen.Labels(
        questions=name,
        principles=principles,
        right=balanced(likely > 0.5, right, [bench.harms(about) for about in names]),
        sure=float(np.maximum(likely, 1 - likely).mean()),
        pairs=int(known.sum()),
    )


def balanced(
    is_first: Bool[np.ndarray, " pair"], right: Float[np.ndarray, " pair"], harms: Sequence[bool]
) -> float:
    """Share that is right of pairs about risky deeds and of those about good ones, both alike.

    NaN where there is no pair of a colour; pairs without a better reply are left out.
    """
    hits, known, risky = is_first == (right == 1), ~np.isnan(right), np.array(harms)
    halves = [hits[known & (risky == colour)] for colour in (True, False)]
    if not all(len(half) for half in halves):
        return float("nan")
    return float(np.mean([half.mean() for half in halves]))


def question_sets(bench: Bench) -> dict[str, list[PersonaItem]]:
    """Yes-or-no questions: learned verbs, held-out verbs and held-out traits are axes apart."""
    trained = [family for family in bench.families if family.role == "trained"]
    held_out = [family for family in bench.families if family.role == "held-out"]
    return {
        seen.ALL_TRAINED: items(trained, verbs="all"),
        seen.LEARNED: items(trained, verbs="learned"),
        seen.KEPT: items(trained, verbs="kept"),
        seen.HELD_OUT: items(held_out, verbs="all"),
        seen.NEW_PHRASE: items(trained, verbs="all", split="test"),
    }


def asked_once(
    model: PreferenceModel, questions: Mapping[str, Sequence[PersonaItem]]
) -> dict[str, Float[Tensor, " item"]]:
    """Margins of sets that share items, each item asked once."""
    every = list(dict.fromkeys(item for some in questions.values() for item in some))
    place = {item: at for at, item in enumerate(every)}
    found = model.margins([item.comparison for item in every])
    return {called: found[[place[item] for item in some]] for called, some in questions.items()}


def ablated(
    bench: Bench, judge: LanguageModel, sets: FeedbackSets, *, most: int = 80
) -> tuple[tuple[str, float, float], ...]:
    """General principles left out one by one, and each alone."""
    some = Pairs(
        comparisons=sets.pairs.comparisons[:most],
        places=sets.pairs.places[:most],
        diversity=sets.pairs.diversity,
    )
    about = [sets.questions[place].about for place in some.places]
    right = bench.right(some.comparisons, about)
    layout = word_judge_layout(judge.tokenizer)

    def odds(constitution: Constitution) -> Float[np.ndarray, " pair"]:
        every = [constitution.principles] * len(some.comparisons)
        return feedback(judge, some.comparisons, every, layout).numpy()

    whole = odds(GENERAL)
    harms = [bench.harms(name) for name in about]

    def row(name: str, found: np.ndarray) -> tuple[str, float, float]:
        share = balanced(found > 0, right, harms)
        return name, share, float(((found > 0) == (whole > 0)).mean())

    rows = [row("all four", whole)]
    for left_out, rest in leave_one_out(GENERAL):
        rows.append(row(f"without: {left_out.choose}", odds(rest)))
        rows.append(row(f"alone: {left_out.choose}", odds(GENERAL.only([left_out.name]))))
    return tuple(rows)


def at_size(
    bench: Bench,
    told: dict[str, LanguageModel],
    size: str,
    sets: FeedbackSets,
    models: Mapping[str, PreferenceModel],
) -> seen.Scaled:
    """General feedback and its preference model at one size, on the same pairs."""
    if size not in told:
        told[size] = bench.schooled(size, is_valued=True)
    start = told[size]
    if size == bench.config.size:
        found, model = sets.special, models[seen.SPECIAL]
    else:
        found = judges.judged_pairs(
            start,
            sets.pairs,
            sets.questions,
            bench.constitutions(is_specific=False),
            seed=bench.seed,
        )
        model = bench.learn(start, found)
    quality = _quality(bench, found, sets.pairs, sets.questions, "special", "general")
    questions = question_sets(bench)
    return seen.Scaled(
        size=size,
        parameters=sum(one.numel() for one in start.network.parameters()),
        judge=quality.right,
        learned=win_rate(model, questions[seen.ALL_TRAINED], seed=bench.seed),
        held_out=win_rate(model, questions[seen.HELD_OUT], seed=bench.seed),
    )


def generators_of(
    bench: Bench,
    judge: LanguageModel,
    writers: Mapping[int, LanguageModel],
    helpful_judge: PreferenceModel,
) -> tuple[seen.Generator, ...]:
    """Preference models that each learn from another policy's replies.

    All get as many questions and the same judge, so that only the replies differ.
    """
    config = bench.config
    questions = judges.special_questions(bench.world, bench.families, config.judges.pairs // 3)
    trained = [item.comparison for item in question_sets(bench)[seen.ALL_TRAINED]]
    found = []
    for size in config.generators:
        own = (
            writers
            if size == config.policy
            else policies.helpful_policy(
                bench.base(size).model,
                helpful_judge,
                bench.world,
                bench.families,
                config.policies,
                seed=bench.seed,
            )
        )
        for updates, writer in own.items():
            pairs = judges.replied(writer, questions, bench.world, seed=bench.seed + 2)
            labels = judges.judged_pairs(
                judge, pairs, questions, bench.constitutions(is_specific=False), seed=bench.seed
            )
            own_wins, dealt_wins = (
                wins_of(bench.learn(judge, some).margins(trained))
                for some in (labels, judges.dealt(labels, seed=bench.seed))
            )
            found.append(
                seen.Generator(
                    size=size,
                    updates=updates,
                    diversity=pairs.diversity,
                    wins=own_wins,
                    dealt=dealt_wins,
                )
            )
    return tuple(found)


def trained_policies(
    bench: Bench,
    judge: LanguageModel,
    writers: Mapping[int, LanguageModel],
    sets: FeedbackSets,
    helpful: Sequence[Comparison],
) -> tuple[dict[str, policies.Behaviour], dict[str, policies.Course]]:
    """Train policies on general feedback and on Constitutional AI's, and ask them all.

    Both judges learn as much of what people find helpful.
    """
    config = bench.config.policies
    count = bench.config.judges.pairs // 2
    asked = [
        Question(prompt=dialogue_of(one), about="harm")
        for one in requests(bench.world, "harmful", count, name="labelled")
    ]
    writer = writers[config.start]
    constitutional = judges.judged_pairs(
        judge,
        judges.replied(writer, asked, bench.world, seed=bench.seed + 3),
        asked,
        {"": harmless()},
        seed=bench.seed,
    )
    data = {
        seen.RL_GENERAL: [*sets.broad, *helpful],
        seen.RL_CONSTITUTION: [*constitutional, *helpful],
    }
    behaviours = {
        seen.RL_START: policies.behaviour(
            writer, bench.world, bench.families, config, seed=bench.seed
        ),
        seen.RL_HELP: policies.behaviour(
            writers[max(writers)], bench.world, bench.families, config, seed=bench.seed
        ),
    }
    courses = {}
    for name, comparisons in data.items():
        policy, courses[name] = policies.trained_policy(
            writer,
            bench.learn(judge, comparisons),
            bench.world,
            bench.families,
            config,
            seed=bench.seed,
        )
        behaviours[name] = policies.behaviour(
            policy, bench.world, bench.families, config, seed=bench.seed
        )
        keep(
            bench.base(bench.config.policy),
            f"RL, feedback {name}",
            policy,
            study="specific-vs-general",
        )
    return behaviours, courses
