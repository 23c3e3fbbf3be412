"""`glasshouse look features`: latents of a dictionary as pages, and a way to find them."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, shown_path, table_console, talk
from glasshouse.cli.look.inside import LOOKS
from glasshouse.cli.look.subject import (
    HeldOutTokens,
    Model,
    TextPath,
    least,
    load_fitting,
    open_subject,
)
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Notes, Project, open_to_read
from glasshouse.cli.options import AsJson, named_path
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.interpret.dictionaries import Dictionary
    from glasshouse.interpret.texts import Texts
    from glasshouse.models import LanguageModel
    from glasshouse.notebook import Feature
    from glasshouse.report.features import FeatureSheet
    from glasshouse.report.features.gather import Measured
else:
    # all import torch, which `--help` has no time for
    Dictionary = Feature = FeatureSheet = LanguageModel = Measured = Texts = Any

TOP = 100
"""Latents that get a page when nobody says which."""


def features(
    model: Model,
    dictionary: Annotated[
        Path,
        typer.Argument(
            parser=named_path, metavar="DICT", help="A dictionary's folder, ours or another's."
        ),
    ],
    value: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The value that it encodes, if its folder does not say."),
    ] = None,
    latent: Annotated[
        list[int] | None,
        typer.Option(parser=least(0), metavar="N", help="Only this latent; may be given again."),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            parser=least(1),
            metavar="N",
            help=f"The N that add most to the value; {TOP} unless you say so.",
        ),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every latent that is active anywhere.")
    ] = False,
    find: Annotated[
        str | None,
        typer.Option(
            metavar="WORDS", help="List the latents in the notebook whose explanation has these."
        ),
    ] = None,
    like: Annotated[
        int | None,
        typer.Option(
            parser=least(0),
            metavar="N",
            help="List the features in the notebook, of any dictionary, that point where N points.",
        ),
    ] = None,
    text: TextPath = None,
    tokens: HeldOutTokens = 50_000,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=named_path, metavar="PATH", help="Folder to write; by default one under looks/."
        ),
    ] = None,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Show latents, a page each: texts of every strength, effects, neighbours, what they mean.

    A mechanical rule explains each latent and is scored on other texts than it was found on. On
    the toy world the nearest true feature stands beside it. Everything goes to the notebook, where
    --find and --like look.

    [green]glasshouse look features run:book dictionary --top 50[/green]

    [green]glasshouse look features run:book dictionary --find dog[/green]
    """
    if sum([bool(latent), top is not None, all_, find is not None, like is not None]) > 1:
        raise InputError("give at most one of --latent, --top, --all, --find and --like")
    if find is not None and not find.strip():
        raise InputError("--find '' is empty; give words of an explanation")
    if find is not None or like is not None:
        _search(model, dictionary, value, find, like, notebook, project, json=json)
        return
    folder = out or _default_folder(dictionary)
    from glasshouse.interpret.dictionary_run import refuse_taken

    refuse_taken(folder)
    coder, value = load_fitting(dictionary, value)
    loaded, texts = open_subject(model, text, tokens=tokens, coder=(coder, value, dictionary))
    sheets = _sheets(loaded, texts, coder, value, latent, None if all_ else top or TOP)
    _write(sheets, folder, loaded, texts, model, value, dictionary)
    _remember(Notes(notebook, project), sheets, coder, loaded, model, value, dictionary)
    _report(sheets, folder, loaded, json=json)


def _sheets(
    loaded: LanguageModel,
    texts: Texts,
    coder: Dictionary,
    value: str,
    latents: Sequence[int] | None,
    count: int | None,
) -> list[FeatureSheet]:
    """The sheets of the latents that were asked for, with a bar."""
    from glasshouse.cli.progress import progress_bar
    from glasshouse.report.features.gather import gather_sheets, measure_latents

    measured = measure_latents(loaded, texts, coder, value)
    dead = coder.num_latents - len(measured.alive)
    if dead:
        talk(f"{dead} of {coder.num_latents} latents are active on none of these tokens")
    if latents:
        chosen = sorted(set(latents))
    else:
        chosen = measured.alive if count is None else sorted(measured.strongest(count))
    if not chosen:
        raise InputError("no latent of the dictionary is active on these texts; give more text")
    with progress_bar("latents") as bar:
        return gather_sheets(loaded, texts, coder, value, measured, chosen, watch=bar)


def _write(
    sheets: list[FeatureSheet],
    folder: Path,
    loaded: LanguageModel,
    texts: Texts,
    model: str,
    value: str,
    dictionary: Path,
) -> None:
    """Write the pages."""
    from glasshouse.report.features import write_features

    note = (
        f"Dictionary {dictionary.name}, on {texts.held_out.numel():,} held-out tokens of "
        f"{texts.origin}. Explanations are rules, not opinions: the tokens, pairs of tokens or "
        "true features that foretell the latent best."
    )
    write_features(sheets, folder, loaded.tokenizer, model=model, value=value, note=note)


def _remember(
    notes: Notes,
    sheets: list[FeatureSheet],
    coder: Dictionary,
    loaded: LanguageModel,
    model: str,
    value: str,
    dictionary: Path,
) -> None:
    """Write the latents to the notebook, where they can be found."""

    def work(notebook: Any) -> None:
        from glasshouse.notebook.importing import dictionary_id, subject_of
        from glasshouse.report.features import Words
        from glasshouse.report.features.remember import feature_records

        records = feature_records(
            sheets,
            coder.directions,
            Words(loaded.tokenizer),
            dictionary=dictionary_id(dictionary),
            model=subject_of(model),
            value=value,
        )
        notebook.add(*records)

    notes.write(work)


def _search(
    model: str,
    dictionary: Path,
    value: str | None,
    find: str | None,
    like: int | None,
    url: str | None,
    project: str,
    *,
    json: bool,
) -> None:
    """List what the notebook has of a dictionary's latents, by words or by likeness."""
    from glasshouse.notebook import Feature
    from glasshouse.notebook.importing import dictionary_id, subject_of
    from glasshouse.notebook.similar import search_words, similar_features
    from glasshouse.records import Query
    from glasshouse.report.features.remember import vector_bytes

    own = dictionary_id(dictionary)
    coder, site = load_fitting(dictionary, value)
    if like is not None and like >= coder.num_latents:
        raise InputError(
            f"--like {like}: the dictionary has no such latent; it has 0 to {coder.num_latents - 1}"
        )
    with open_to_read(url, project) as notebook:
        if notebook.first(Query(Feature).where(Feature.dictionary == own)) is None:
            raise InputError(
                f"the notebook has no latents of {dictionary} yet; write them with "
                f"`glasshouse look features {shlex.quote(model)} {shlex.quote(str(dictionary))} "
                "--all`"
            )
        if like is not None:
            direction = vector_bytes(coder.directions[like])
            found = similar_features(notebook, direction, 11, model=subject_of(model), site=site)
            found = [(one, cosine) for one, cosine in found if (one.dictionary, one.number)
                     != (own, like)][:10]  # fmt: skip
        else:
            found = search_words(notebook, Feature, find or "", limit=500)
            found = [(one, score) for one, score in found if one.dictionary == own][:20]
    _list(found, "cosine" if like is not None else "relevance", own, json=json)


def _list(found: list[tuple[Feature, float]], measure: str, own: str, *, json: bool) -> None:
    """Print features that were found, best first."""
    if json:
        for one, score in found:
            json_line(
                {
                    "latent": one.number,
                    "dictionary": one.dictionary,
                    measure: score,
                    "explanation": one.explanation,
                    "feature": one.truth,
                    "f1": one.match,
                    "density": one.density,
                }
            )
        return
    if not found:
        talk("nothing is found")
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("latent", "dictionary", measure, "explanation", "true feature", "F1"):
        table.add_column(heading, overflow="fold")
    for one, score in found:
        table.add_row(
            str(one.number),
            "this" if one.dictionary == own else one.dictionary[:8],
            f"{score:.2f}",
            one.explanation,
            one.truth or "",
            "" if one.match is None else f"{one.match:.2f}",
        )
    table_console().print(table, markup=False)


def _report(sheets: list[FeatureSheet], folder: Path, loaded: LanguageModel, *, json: bool) -> None:
    """Say what was found, best and worst matches first, and where the pages are."""
    from glasshouse.report.features import Words
    from glasshouse.report.features.write import INDEX, feature_record

    matched = sorted(
        ((sheet.match.f1, sheet) for sheet in sheets if sheet.match is not None),
        key=lambda one: -one[0],
    )
    for name, some in (("best", matched[:5]), ("worst", matched[::-1][:5])):
        if some:
            told = (f"{sheet.latent} {sheet.match.name} {f1:.2f}" for f1, sheet in some
                    if sheet.match)  # fmt: skip
            talk(f"{name} matches with the truth: {', '.join(told)}")
    if json:
        words = Words(loaded.tokenizer)
        for sheet in sheets:
            json_line(feature_record(sheet, words))
    else:
        data(shown_path(folder / INDEX))


def _default_folder(dictionary: Path) -> Path:
    """Where pages go when nobody says: named for the dictionary, never an existing one."""
    stem = f"{dictionary.resolve().name}-features"
    folder, number = LOOKS / stem, 2
    while folder.exists():
        folder, number = LOOKS / f"{stem}-{number}", number + 1
    return folder
