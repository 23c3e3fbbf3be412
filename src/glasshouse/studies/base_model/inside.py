"""A dictionary of the model that was just grown: what it finds of the truth, and one push along it.

The dictionary learns from the documents that the model was grown on, and from nothing of what is
known of them. On new documents each true feature's best latent is chosen on one half of the texts
and scored on the other.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from glasshouse.errors import RunError
from glasshouse.interpret.activations import harvest_all
from glasshouse.interpret.concepts import token_effects
from glasshouse.interpret.dictionaries import Dictionary, DictionaryTrainingConfig, TopK
from glasshouse.interpret.dictionaries.files import load_dictionary
from glasshouse.interpret.dictionary_run import (
    DictionaryRunConfig,
    dictionary_record,
    learn_dictionary,
    recorded_config,
    write_dictionary,
)
from glasshouse.interpret.dictionary_scores import DictionaryScores, measure_dictionary
from glasshouse.interpret.features import collect_entries
from glasshouse.interpret.pushes import Pushed, latent_direction, push_and_measure
from glasshouse.interpret.texts import SKIP, Texts, texts_of
from glasshouse.studies.base_model.grow import Grown
from glasshouse.studies.study import Progress, Section, Table

FOLDER = "base-model-dictionary"
"""The dictionary's folder in the study's workspace."""
VALUE = "blocks.1.resid_post"
_LATENTS, _ACTIVE, _HELD_OUT = 512, 12, 16_000
_STRENGTHS = (0.0, 1.0, 2.0, 5.0)
_PROMPTS = ("<doc> Q :", "<doc> Human :")


@dataclass(frozen=True, slots=True)
class Inside:
    """What was found."""

    config: DictionaryRunConfig
    scores: DictionaryScores
    feature: str
    """The true feature that is found best."""
    latent: int
    """Its latent, which is steered."""
    watched: tuple[str, ...]
    """Words that the latent makes likelier, whose probability is the effect."""
    pushed: Pushed


def look_inside(
    grown: Grown, workspace: Path, *, steps: int, seed: int, progress: Progress
) -> Inside | None:
    """Learn a dictionary in `workspace`, or take the one that is there; score it, steer one latent.

    Returns:
        None where no true feature is frequent enough to be scored, or none is found at all.

    Raises:
        RunError: If the folder holds a dictionary of other settings.
    """
    config = DictionaryRunConfig(
        value=VALUE,
        num_latents=_LATENTS,
        kind=TopK(k=_ACTIVE),
        training=DictionaryTrainingConfig(steps=steps, seed=seed),
        save_every=100,
        seed=seed,
    )
    texts = texts_of(grown.model, grown.run.folder, held_out_tokens=_HELD_OUT)
    dictionary, scores = _learned(grown, texts, workspace / FOLDER, config, progress)
    if scores.ledger is None or not scores.ledger.f1.any():
        return None  # and no latent is known to be active
    best = scores.ledger.best(1)[0]
    latent = int(scores.ledger.f1_latent[best])
    progress(steps, steps, f"steering latent {latent}")
    watched, pushed = _push(grown, texts, dictionary, latent, seed)
    return Inside(config, scores, scores.ledger.names[best], latent, watched, pushed)


def _learned(
    grown: Grown, texts: Texts, out: Path, config: DictionaryRunConfig, progress: Progress
) -> tuple[Dictionary, DictionaryScores]:
    """A dictionary with its scores, written or read."""
    started, steps = datetime.now(UTC), config.training.steps
    if out.exists():
        if recorded_config(out) != recorded_config(config):
            raise RunError(
                f"{out} holds a dictionary of other settings; name another --out, or remove that "
                "folder first"
            )
        dictionary = load_dictionary(out, value=VALUE)
        return dictionary, measure_dictionary(grown.model, texts, dictionary, VALUE)
    learning = learn_dictionary(grown.model, texts, out, config)
    for step in learning:
        told = f"explained {step.explained_variance:.3f}"
        progress(step.step, steps, f"a dictionary of {VALUE}, {told}")
    dictionary = learning.dictionary
    progress(steps, steps, "scoring the dictionary")
    scores = measure_dictionary(grown.model, texts, dictionary, VALUE)
    record = dictionary_record(
        config, texts, scores.plain(), model=str(grown.run.folder), started=started
    )
    write_dictionary(dictionary, out, record)
    return dictionary, scores


def _push(
    grown: Grown, texts: Texts, dictionary: Dictionary, latent: int, seed: int
) -> tuple[tuple[str, ...], Pushed]:
    """Set a latent to more and more, and watch the words that it makes likelier."""
    rows = harvest_all(grown.model, texts.held_out.tolist(), VALUE, skip=SKIP)
    _, active = collect_entries(dictionary, rows[VALUE], latents=[latent]).of(latent)
    direction = latent_direction(dictionary, latent, float(active.max(initial=0.0)), seed=seed)
    effects = token_effects(grown.model, direction.vector[None])[0]
    watched = effects.topk(5).indices.tolist()
    pushed = push_and_measure(
        grown.model, VALUE, direction, _PROMPTS, watched, _STRENGTHS, tokens=16, seed=seed
    )
    words = tuple(grown.model.tokenizer.decode([token]).strip() for token in watched)
    return words, pushed


def inside(found: Inside) -> Section:
    """Tell what the dictionary found."""
    rebuilding, splice, ledger = found.scores.rebuilding, found.scores.splice, found.scores.ledger
    axes = found.scores.axes
    assert ledger is not None
    rows: list[tuple[str, float | int | None]] = [
        ("latents", found.config.num_latents),
        ("active latents of a token (L0)", round(rebuilding.l0, 2)),
        ("share of variance explained", round(rebuilding.explained_variance, 3)),
        ("latents that are never active", round(rebuilding.dead_share, 3)),
        ("cross-entropy recovered", round(splice.recovered, 3)),
        ("true features scored", len(ledger.names)),
        ("share of them with a latent of F1 above 0.7", round(float((ledger.f1 > 0.7).mean()), 3)),
        ("mean F1", round(float(ledger.f1.mean()), 3)),
        ("mean F1 of the value's own axes", axes and round(float(axes.f1.mean()), 3)),
        ("mean AUROC", round(float(ledger.auroc.mean()), 3)),
        ("mean AUROC of the value's own axes", axes and round(float(axes.auroc.mean()), 3)),
    ]
    return Section(
        title="What is inside",
        text=f"Behind block 1 every token is a vector. A dictionary of {found.config.num_latents} "
        f"directions learned to write it as a sum of {_ACTIVE}, from "
        f"{found.config.training.steps * found.config.batch_rows:,} tokens and without a word of "
        "what is true of them. The world knows what is true: for each feature the best latent was "
        "chosen on half of the held-out texts, and is scored here on the other half. So few steps "
        "find a few features well and most of them hardly; both ends are shown.",
        items=(
            Table(
                title="The dictionary",
                columns=("what", "value"),
                rows=tuple(rows),
                caption="Cross-entropy recovered: 1 is a model that goes on as well with the "
                "reconstruction as with the value, 0 one that does no better than with its mean.",
            ),
            Table(
                title="Best and worst matches with the truth",
                caption="F1 and AUROC on texts the latent was not chosen on; 0.5 is the AUROC of "
                "chance.",
                columns=("", "true feature", "latent", "F1", "AUROC", "tokens"),
                rows=tuple(
                    (name if not number else "", *_match(found, place))
                    for name, places in (("best", ledger.best(8)), ("worst", ledger.worst(8)))
                    for number, place in enumerate(places)
                ),
            ),
            _steered(found),
        ),
    )


def _match(found: Inside, place: int) -> tuple[str, int, float, float, int]:
    ledger = found.scores.ledger
    assert ledger is not None
    return (
        ledger.names[place],
        int(ledger.f1_latent[place]),
        round(float(ledger.f1[place]), 2),
        round(float(ledger.auroc[place]), 2),
        int(ledger.count[place]),
    )


def _steered(found: Inside) -> Table:
    """One latent set to more and more."""
    doses = zip(found.pushed.response.doses, found.pushed.written, strict=True)
    words = ", ".join(found.watched)
    return Table(
        title=f"Latent {found.latent} ({found.feature}), steered",
        caption="The latent is set, at every token, to so many times its largest activation. The "
        f"effect is the probability that one of the words it raises most ({words}) comes next; "
        "beside it, the same push along directions that mean nothing. Loss: nats a "
        "token that the model as it is gives to what is written; where it has risen by more than "
        "one, the text is broken and the effect proves nothing.",
        columns=("strength", "p(watched)", "random", "loss", "text", "what is written"),
        rows=tuple(
            (
                dose.strength,
                round(dose.effect, 3),
                round(sum(dose.random) / len(dose.random), 3) if dose.random else None,
                round(dose.loss, 2),
                "broken" if dose.is_broken else "whole",
                f"{_PROMPTS[0]} … {' '.join(written[0].split())}",
            )
            for dose, written in doses
        ),
    )
