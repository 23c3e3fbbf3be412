"""Everything that is measured: school a model, train judges and policies, ask them all."""

from glasshouse.align.judges.traits import win_rate_of, wins_of
from glasshouse.studies.specific_vs_general import judges, policies, seen
from glasshouse.studies.specific_vs_general.bench import Bench
from glasshouse.studies.specific_vs_general.comparisons import harm_pairs, peoples
from glasshouse.studies.specific_vs_general.config import SpecificConfig
from glasshouse.studies.specific_vs_general.parts import (
    ablated,
    asked_once,
    at_size,
    feedback_sets,
    generators_of,
    question_sets,
    trained_policies,
)
from glasshouse.studies.study import Progress


def measure(config: SpecificConfig, *, seed: int, progress: Progress) -> seen.Seen:
    """Measure everything with one seed."""
    bench = Bench(config, seed, progress)
    world, size = bench.world, config.size
    bench.part("reading about deeds")
    told = {size: bench.schooled(size, is_valued=True)}
    untold = bench.schooled(size, is_valued=False)

    bench.part("learning from people")
    half = config.judges.pairs // 2
    helpful = peoples(world, "helpful", half)
    models = {seen.HELP: bench.learn(told[size], helpful)}
    both = [*helpful, *peoples(world, "harmful", half)]
    models[seen.HH] = bench.learn(told[size], both)

    bench.part("training a helpful policy")
    writers = policies.helpful_policy(
        bench.base(config.policy).model,
        models[seen.HELP],
        world,
        bench.families,
        config.policies,
        seed=seed,
    )
    writer = writers[config.policies.start]

    bench.part("asking for feedback")
    sets = feedback_sets(bench, told[size], untold, writer)
    bench.part("learning from feedback")
    models |= {
        seen.TRAIT: bench.learn(told[size], sets.trait),
        seen.SPECIAL: bench.learn(told[size], sets.special),
        seen.BROAD: bench.learn(told[size], sets.broad),
        seen.DEALT: bench.learn(told[size], judges.dealt(sets.broad, seed=seed)),
        seen.UNTOLD_TRAIT: bench.learn(untold, sets.untold_trait),
        seen.UNTOLD_GENERAL: bench.learn(untold, sets.untold_general),
    }
    bench.part("asking preference models")
    questions = question_sets(bench)
    margins = {
        (name, called): some
        for name, model in models.items()
        for called, some in asked_once(model, questions).items()
    }
    harm_sets = {
        seen.UNUSED_HARM: harm_pairs(world, config.harm_tests, is_held_out=False),
        seen.HELD_OUT_HARM: harm_pairs(world, config.harm_tests, is_held_out=True),
    }
    harm = {
        (name, called): wins_of(model.margins([one for one in pairs if model.fits(one)]))
        for called, pairs in harm_sets.items()
        for name, model in models.items()
    }
    bench.part("leaving out principles")
    ablation = ablated(bench, told[size], sets)

    bench.part("general feedback at other sizes")
    scaled = tuple(at_size(bench, told, name, sets, models) for name in config.sizes)
    bench.part("replies of other policies")
    generators = generators_of(bench, told[size], writers, models[seen.HELP])
    bench.part("training policies")
    behaviours, courses = trained_policies(bench, told[size], writers, sets, helpful)
    bench.part("judging")
    base = bench.base(config.policy)
    return seen.Seen(
        config=config,
        seed=seed,
        gates={name: (gate.measured, gate.passed) for name, gate in base.gates.items()},
        labels=sets.labels,
        questions={called: tuple(some) for called, some in questions.items()},
        wins={key: wins_of(found) for key, found in margins.items()},
        table={
            (name, called): win_rate_of(found, questions[called], seed=seed)
            for (name, called), found in margins.items()
        },
        harm=harm,
        scaled=scaled,
        generators=generators,
        policies=behaviours,
        courses=courses,
        ablation=ablation,
        losses=bench.losses,
        seconds=bench.seconds,
    )
