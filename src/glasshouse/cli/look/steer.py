"""`glasshouse look steer`: push along a latent or a contrast, and see what that does and breaks."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, data_console, json_line, talk
from glasshouse.cli.look.subject import (
    HeldOutTokens,
    Model,
    TextPath,
    check_fits,
    check_value,
    least,
    load_fitting,
    texts_for,
)
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Notes, Project
from glasshouse.cli.options import AsJson, Seed, named_path
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.interpret.pushes import Direction, Pushed
    from glasshouse.models import LanguageModel
else:
    # all import torch, which `--help` has no time for
    Direction = LanguageModel = Pushed = Any

SHARES = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Strengths of a contrast, in shares of the value's usual length."""
WATCHED = 10
"""Tokens that are watched when nobody says which: those the direction raises most."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is pushed, and how far."""

    direction: Direction
    value: str
    strengths: tuple[float, ...]
    unit: str
    what: str


def steer(
    model: Model,
    prompt: Annotated[
        list[str], typer.Option(help="What the model reads and goes on from; may be given again.")
    ],
    value: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Where to push, as blocks.1.resid_post."),
    ] = None,
    dictionary: Annotated[
        Path | None,
        typer.Option(
            "--dict", parser=named_path, metavar="DICT", help="Push along a latent of this."
        ),
    ] = None,
    latent: Annotated[
        int | None, typer.Option(parser=least(0), metavar="N", help="Which latent.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="X",
            help="The strongest it is set to: 5x is five times its largest activation, 5 is five "
            "in the units of its codes. By default 5x.",
        ),
    ] = None,
    from_: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="TEXT",
            help="Push towards texts like this, or a file's lines; may be given again.",
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="And away from texts like this."),
    ] = None,
    strengths: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Rising numbers parted by commas, as 0,1,2,5: times the latent's largest "
            "activation, or shares of the value's usual length for a contrast.",
        ),
    ] = None,
    watch: Annotated[
        str | None,
        typer.Option(
            metavar="WORDS",
            help="Tokens whose probability is the effect; by default those that the direction "
            "raises most.",
        ),
    ] = None,
    max_tokens: Annotated[
        int, typer.Option(parser=least(1), metavar="N", help="How much the model writes.")
    ] = 24,
    text: TextPath = None,
    tokens: HeldOutTokens = 20_000,
    seed: Seed = 0,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Push a model along a direction at several strengths, beside directions that mean nothing.

    Each strength has its effect, the same push along random directions, and the loss that the
    model as it is gives to what is written: a push that breaks the text is said to.

    [green]glasshouse look steer run:book --dict dictionary --latent 7 --prompt 'It was'[/green]

    [green]glasshouse look steer run:book --value blocks.1.resid_post --from 'joy and light'
    --against 'fear and dark' --prompt 'It was'[/green]
    """
    if not prompt or not all(prompt):
        raise InputError("--prompt is missing or empty; give the model something to read")
    if (dictionary is None) == (not from_):
        raise InputError("give one of --dict DICT --latent N and --from TEXT --against TEXT")
    from glasshouse.models import LanguageModel

    given = None if strengths is None else _numbers(strengths)
    if dictionary is not None:
        if latent is None or against:
            raise InputError("--dict needs --latent N, and has no use for --against")
        if to is not None and given is not None:
            raise InputError("give one of --to and --strengths")
        coder, value = load_fitting(dictionary, value)
        loaded = LanguageModel.load(model)
        check_fits(loaded, coder, value, dictionary)
        plan = _latent_plan(loaded, model, coder, value, latent, to, given, text, tokens, seed)
    else:
        if not against or latent is not None or to is not None or value is None:
            raise InputError(
                "--from needs --against TEXT and --value NAME, and has no use for --latent and --to"
            )
        loaded = LanguageModel.load(model)
        check_value(loaded, value)
        plan = _contrast_plan(loaded, value, _texts(from_ or []), _texts(against), given, seed)
    _steer(loaded, plan, prompt, watch, max_tokens, seed, model, Notes(notebook, project), json)


def _steer(
    loaded: LanguageModel,
    plan: _Plan,
    prompts: list[str],
    watch: str | None,
    max_tokens: int,
    seed: int,
    model: str,
    notes: Notes,
    json: bool,
) -> None:
    """Push, take it down, and say what happened."""
    from glasshouse.interpret.pushes import push_and_measure

    watched = _watched(loaded, plan, watch)
    found = push_and_measure(
        loaded,
        plan.value,
        plan.direction,
        prompts,
        watched,
        plan.strengths,
        tokens=max_tokens,
        seed=seed,
    )
    words = [loaded.tokenizer.decode([token]).strip() for token in watched]
    records = _records(plan, found, prompts)
    about = {"of": plan.what, "value": plan.value, "unit": plan.unit, "watched": words,
             "baseline_loss": found.response.baseline_loss, "prompts": prompts}  # fmt: skip
    _note(notes, model, plan, about, records)
    if json:
        for record in records:
            json_line({**about, **record})
    else:
        _table(about, records)
    talk(verdict(records, plan.unit))


def _latent_plan(
    loaded: LanguageModel,
    model: str,
    coder: Any,
    value: str,
    latent: int,
    to: str | None,
    given: tuple[float, ...] | None,
    text: Path | None,
    tokens: int,
    seed: int,
) -> _Plan:
    """How far a latent is pushed, and in which units."""
    from glasshouse.interpret.dictionary_scores import harvest_held_out
    from glasshouse.interpret.features import collect_entries
    from glasshouse.interpret.pushes import latent_direction

    if latent >= coder.num_latents:
        raise InputError(
            f"--latent {latent}: the dictionary has no such latent; it has 0 to "
            f"{coder.num_latents - 1}"
        )
    most, is_times = _strongest(to or "5x")
    maximum, unit = 1.0, "in the units of its codes"
    if is_times:
        texts = texts_for(loaded, model, text, tokens=tokens)
        rows = harvest_held_out(loaded, texts, value)
        _, active = collect_entries(coder, rows[value], latents=[latent]).of(latent)
        maximum = float(active.max(initial=0.0))
        unit = f"times its largest activation, {maximum:.3g}"
    strengths = given or (0.0, most / 8, most / 4, most / 2, most)
    direction = latent_direction(coder, latent, maximum, seed=seed)
    return _Plan(direction, value, strengths, unit, f"latent {latent}")


def _contrast_plan(
    loaded: LanguageModel,
    value: str,
    towards: list[str],
    against: list[str],
    given: tuple[float, ...] | None,
    seed: int,
) -> _Plan:
    """How far a contrast is pushed."""
    from glasshouse.interpret.pushes import contrast_direction

    direction = contrast_direction(loaded, value, towards, against, seed=seed)
    unit = "shares of the value's usual length"
    what = f"“{_short(towards)}” against “{_short(against)}”"
    return _Plan(direction, value, given or SHARES, unit, what)


def _watched(loaded: LanguageModel, plan: _Plan, watch: str | None) -> list[int]:
    """The tokens whose probability is the effect."""
    if watch is not None:
        ids = loaded.tokenizer.encode(watch)
        if not ids:
            raise InputError("--watch is empty; give words, or leave it out")
        return ids
    from glasshouse.interpret.concepts import token_effects
    from glasshouse.models import Transformer

    axes = loaded.graph().value(plan.value).axes
    if not isinstance(loaded.network, Transformer) or axes != ("batch", "pos", "d_model"):
        raise InputError(
            f"what a direction of {plan.value} does to the words that come next is not known "
            "beforehand; say what to look for with --watch WORDS"
        )
    effects = token_effects(loaded, plan.direction.vector[None])[0]
    return effects.topk(min(WATCHED, len(effects))).indices.tolist()


def _records(plan: _Plan, found: Pushed, prompts: list[str]) -> list[dict[str, Any]]:
    """Doses as plain values."""
    return [
        {
            "strength": dose.strength,
            "effect": dose.effect,
            "error": dose.error if dose.error == dose.error else None,
            "random": list(dose.random),
            "loss": dose.loss,
            "is_broken": dose.is_broken,
            "written": dict(zip(prompts, written, strict=False)),
        }
        for dose, written in zip(found.response.doses, found.written, strict=True)
    ]


def verdict(records: list[dict[str, Any]], unit: str) -> str:
    """What a push came to, in a sentence: what broke is said before what worked."""
    broken = [one["strength"] for one in records if one["is_broken"]]
    whole = [one for one in records if not one["is_broken"] and one["strength"]]
    said = ""
    if broken:
        said = (
            f"fluency is destroyed at {', '.join(f'{one:g}' for one in broken)} ({unit}): what "
            "changes there proves nothing; "
        )
    if not whole:
        return said + "no push left the text whole; try weaker ones"
    base = next((one["effect"] for one in records if not one["strength"]), None)
    best = max(whole, key=lambda one: abs(one["effect"] - (base or 0.0)))
    control = sum(best["random"]) / len(best["random"]) if best["random"] else float("nan")
    start = "" if base is None else f"from {base:.3f} "
    return (
        f"{said}at {best['strength']:g} the watched words go {start}to {best['effect']:.3f} "
        f"(random directions: {control:.3f})"
    )


def _table(about: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """Print a line a dose, and what is written there."""
    from rich.table import Table

    data(f"{about['of']} at {about['value']}; strengths are {about['unit']}")
    data(f"watched: {' '.join(about['watched'])}")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("strength", "p(watched)", "random", "loss", "", "what is written"):
        table.add_column(heading, overflow="fold")
    for one in records:
        random = "" if not one["random"] else f"{sum(one['random']) / len(one['random']):.3f}"
        table.add_row(
            f"{one['strength']:g}",
            f"{one['effect']:.3f}",
            random,
            f"{one['loss']:.2f}",
            "broken" if one["is_broken"] else "",
            " ".join(next(iter(one["written"].values())).split()),
        )
    data_console().print(table, markup=False)


def _note(
    notes: Notes, model: str, plan: _Plan, about: dict[str, Any], records: list[dict[str, Any]]
) -> None:
    """Take a finding down."""

    def work(notebook: Any) -> None:
        from datetime import UTC, datetime

        from glasshouse.notebook import Finding, new_id
        from glasshouse.notebook.importing import subject_of

        notebook.add(
            Finding(
                id=new_id(),
                created=datetime.now(UTC),
                kind="steer",
                title=f"steered along {plan.what} at {plan.value}",
                subject=subject_of(model),
                text=verdict(records, plan.unit),
                sites=[plan.value],
                extra={**about, "doses": records},
            )
        )

    notes.write(work)


def _strongest(text: str) -> tuple[float, bool]:
    """How far a latent is set, and whether in multiples of its largest activation.

    Raises:
        InputError: If it is no positive number.
    """
    try:
        number = float(text.removesuffix("x"))
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise InputError(f"--to {text!r} must be a positive number, as 5x or 3.5")
    return number, text.endswith("x")


def _numbers(text: str) -> tuple[float, ...]:
    """Strengths.

    Raises:
        InputError: If they are no numbers, or do not rise.
    """
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--strengths {text!r} must be numbers parted by commas") from None
    if list(numbers) != sorted(set(numbers)) or any(abs(n) == float("inf") for n in numbers):
        raise InputError(f"--strengths {text!r} must rise, each once, as 0,1,2,5")
    return numbers


def _texts(given: list[str]) -> list[str]:
    """Texts, and the lines of files.

    Raises:
        InputError: If one is empty.
    """
    found: list[str] = []
    for one in given:
        path = Path(one)
        if len(one) < 256 and path.is_file():
            found += [line for line in path.read_text(encoding="utf-8").splitlines() if line]
        else:
            found.append(one)
    if not all(one.strip() for one in found) or not found:
        raise InputError("--from and --against take texts or files of them; one is empty")
    return found


def _short(texts: list[str]) -> str:
    words = " ".join(texts[0].split())
    return words if len(words) <= 40 else words[:39] + "…"
