"""Many latents in one folder: a page each, an index, and what it says as records."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from glasshouse.errors import InputError
from glasshouse.files import folder_atomically
from glasshouse.models import Tokenizer
from glasshouse.report.features.page import FeaturePages, Words
from glasshouse.report.features.sheet import FeatureSheet
from glasshouse.report.page import environment, style_sheet

INDEX, RECORDS = "index.html", "features.jsonl"


def write_features(
    sheets: Sequence[FeatureSheet],
    out: Path,
    tokenizer: Tokenizer,
    *,
    model: str,
    value: str,
    note: str = "",
) -> None:
    """Write a page for every latent, an index that can be sorted and searched, and records.

    Args:
        sheets: What is known of each.
        out: The folder to make; it must not exist, or be empty.
        tokenizer: The model's.
        model: Its name.
        value: The name of the value that the dictionary writes.
        note: A sentence on the dictionary as a whole, for the index.

    Raises:
        InputError: If there is nothing to write, or the folder holds something.
        OSError: If the disk is full; no folder is left.
    """
    if not sheets:
        raise InputError("there are no latents to write pages of")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already; name a folder that does not exist yet")
    words = Words(tokenizer)
    pages = FeaturePages(words, model=model, value=value, linked={sheet.latent for sheet in sheets})
    out.parent.mkdir(parents=True, exist_ok=True)
    with folder_atomically(out) as draft:
        for sheet in sheets:
            (draft / f"{sheet.latent}.html").write_text(pages.render(sheet), encoding="utf-8")
        index = _index(sheets, words, model=model, value=value, note=note)
        (draft / INDEX).write_text(index, encoding="utf-8")
        lines = (json.dumps(feature_record(sheet, words), ensure_ascii=False) for sheet in sheets)
        (draft / RECORDS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def feature_record(sheet: FeatureSheet, words: Words) -> dict[str, Any]:
    """What is known of a latent as plain values."""
    report = sheet.report
    return {
        "latent": sheet.latent,
        "density": report.density,
        "maximum": report.maximum,
        "mean": report.mean,
        "explanation": sheet.explanation,
        "simulation": None if sheet.score is None else _finite(sheet.score.simulation),
        "detection": None if sheet.score is None else _finite(sheet.score.detection),
        "fuzzing": None if sheet.score is None else _finite(sheet.score.fuzzing),
        "feature": None if sheet.match is None else sheet.match.name,
        "f1": None if sheet.match is None else sheet.match.f1,
        "raises": [words.plain(one.token) for one in sheet.raised],
        "lowers": [words.plain(one.token) for one in sheet.lowered],
        "alike": [link.latent for link in sheet.alike],
        "together": [link.latent for link in sheet.together],
        "words": top_words(sheet, words),
    }


def top_words(sheet: FeatureSheet, words: Words, count: int = 3) -> list[str]:
    """The tokens that a latent's strongest examples are of, the most frequent first."""
    counts: dict[int, int] = {}
    for example in sheet.report.top:
        token = int(example.ids[example.place])
        counts[token] = counts.get(token, 0) + 1
    ordered = sorted(counts, key=lambda token: -counts[token])
    return [words.plain(token) for token in ordered[:count]]


def _index(
    sheets: Sequence[FeatureSheet], words: Words, *, model: str, value: str, note: str
) -> str:
    templates = environment()
    css = style_sheet() + Markup(templates.get_template("feature.css.j2").render())
    return templates.get_template("features.html.j2").render(
        rows=[(sheet, top_words(sheet, words)) for sheet in sheets],
        has_match=any(sheet.match for sheet in sheets),
        has_explanation=any(sheet.explanation for sheet in sheets),
        model=model,
        value=value,
        note=note,
        css=css,
        script=Markup(templates.get_template("features.js.j2").render()),
    )


def _finite(number: float) -> float | None:
    return number if number == number else None
