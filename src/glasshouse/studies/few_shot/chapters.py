"""The chapters of the report."""

from functools import partial

from glasshouse.studies.few_shot import figures
from glasshouse.studies.few_shot.kinds import SCRAMBLED
from glasshouse.studies.few_shot.seen import ASKED, Answers, Seen, few_of, pick
from glasshouse.studies.study import Figure, Item, Section, Table


def chapters(seen: Seen) -> tuple[Section, ...]:
    """What examples add, what other tasks show, and what was read before."""
    config = seen.config
    return (
        Section(
            title="What examples add",
            text=f"Models of three sizes read {config.steps * config.rows:,} documents, each of "
            f"examples of one kind; {config.named:.0%} begin with its name. "
            f"{config.function_share:.0%} hold examples of one of ten functions of three letters. "
            "A model that never saw such documents would show nothing of this; the paper's models "
            "met them on the web by accident.",
            items=(
                Figure(
                    name="by-shots",
                    title="Hidden functions",
                    caption="Whole answers, all sizes on the same questions behind the same "
                    "examples. Dashed: who knows the functions and crosses out what examples "
                    "contradict.",
                    draw=partial(figures.by_shots, seen),
                ),
            ),
        ),
        Section(
            title="Other tasks",
            text="Sums, words to be mended whose scrambled forms were never read, last words of "
            "sentences, words that are told once, and analogies. The three last are choices by "
            "likelihood.",
            items=(
                Figure(
                    name="by-size",
                    title="Over size",
                    caption="Solid: with the most examples; dotted: with none.",
                    draw=partial(figures.by_size, seen),
                ),
                _table(seen),
                _scripts(seen),
            ),
        ),
        _planting(seen),
    )


def _table(seen: Seen) -> Table:
    rows = [
        (kind, shots, *(round(seen.mean(width, kind, shots), 3) for width in seen.config.widths))
        for kind, numbers in ASKED.items()
        for shots in numbers
    ]
    return Table(
        title="Share of right answers",
        columns=(
            "task",
            "examples",
            *(f"N = {seen.config.params(width):,}" for width in seen.config.widths),
        ),
        rows=tuple(rows),
        caption="Chance is 0.2 for new words (0.5 for who names a class that was told) and for "
        "analogies, and about nothing elsewhere.",
    )


def _scripts(seen: Seen) -> Table:
    def mean(answers: tuple[Answers, ...], kind: str) -> float:
        return round(float(pick(answers, kind, few_of(kind)).mean()), 3)

    largest = seen.largest
    return Table(
        title="Letters and syllables",
        columns=("task", "letters", "syllables"),
        rows=tuple(
            (kind, mean(largest.by_letter, kind), mean(largest.by_syllable, kind))
            for kind in SCRAMBLED
        ),
        caption="Two models of the largest size that read words and scrambled words alone, for "
        f"{seen.config.word_steps} steps: to one a token is a letter, to the other a syllable "
        "where letters make one. Two examples.",
    )


def _planting(seen: Seen) -> Section:
    config = seen.config
    items: tuple[Item, ...] = ()
    if seen.largest.planting is not None:
        items = (
            Figure(
                name="planting",
                title="What planting did",
                caption=f"{config.num_planted} of {config.sums_asked} questions planted, each read "
                f"{config.planted_reads} times, beside a twin that went on without them.",
                draw=partial(figures.planting, seen),
            ),
        )
    return Section(
        title="Questions that were read before",
        text="The largest model goes on twice from the same weights. What the search by words "
        "calls dirty is held against what was planted, and what it says contamination added "
        "against the twin, who is the truth of it.",
        items=items,
    )
