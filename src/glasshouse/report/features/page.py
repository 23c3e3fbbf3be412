"""A latent as one self-contained page.

A thousand pages are a million words, so the words of texts are put together by hand from a table
that was escaped once; all else is a template.
"""

import html
from collections.abc import Collection, Sequence
from functools import cached_property

import jinja2
from jaxtyping import Int
from markupsafe import Markup

from glasshouse.interpret.features import Example
from glasshouse.models import Tokenizer
from glasshouse.report.features.sheet import FeatureSheet
from glasshouse.report.look.texts import shown_token
from glasshouse.report.page import environment, style_sheet


class Words:
    """Tokens as a reader sees them, each escaped once."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Use a model's tokenizer."""
        self._tokenizer = tokenizer
        self._plain: dict[int, str] = {}
        self._escaped: dict[int, str] = {}

    def plain(self, token: int) -> str:
        """A token as text."""
        found = self._plain.get(token)
        if found is None:
            found = self._plain[token] = shown_token(self._tokenizer, token)
        return found

    def escaped(self, token: int) -> str:
        """A token as HTML."""
        found = self._escaped.get(token)
        if found is None:
            found = self._escaped[token] = html.escape(self.plain(token))
        return found


class FeaturePages:
    """Renders pages of one dictionary; what all of them share is made once."""

    def __init__(self, words: Words, *, model: str, value: str, linked: Collection[int]) -> None:
        """Prepare.

        Args:
            words: The model's.
            model: Its name.
            value: The name of the value that the dictionary writes.
            linked: Latents that have a page, to which others may link.
        """
        self._words = words
        self._about = {"model": model, "value": value, "linked": frozenset(linked)}

    @cached_property
    def _template(self) -> jinja2.Template:
        templates = environment()
        css = style_sheet() + Markup(templates.get_template("feature.css.j2").render())
        return templates.get_template(
            "feature.html.j2",
            globals={
                **self._about,
                "css": css,
                "word": self._words.plain,
                "passage": self._passage,
            },
        )

    def render(self, sheet: FeatureSheet) -> str:
        """Write one page."""
        report = sheet.report
        return self._template.render(
            sheet=sheet,
            report=report,
            bars=_bars(report.histogram),
            intervals=[
                (number / len(report.by_interval), (number + 1) / len(report.by_interval), part)
                for number, part in reversed(list(enumerate(report.by_interval)))
                if part
            ],
        )

    def _passage(self, example: Example, maximum: float) -> Markup:
        """A stretch of text, each active token tinted by its strength."""
        escaped = self._words.escaped
        parts = []
        for place, (token, strength) in enumerate(
            zip(example.ids.tolist(), example.activations.tolist(), strict=True)
        ):
            word = escaped(token)
            if strength > 0:
                share = min(strength / maximum, 1.0)
                mark = ' class="at"' if place == example.place else ""
                word = f'<b{mark} style="--a:{share:.2f}" title="{strength:.3g}">{word}</b>'
            elif place == example.place:
                word = f'<b class="at">{word}</b>'
            parts.append(word)
        return Markup(" ".join(parts))


def render_feature(sheet: FeatureSheet, tokenizer: Tokenizer, *, model: str, value: str) -> str:
    """Write the page of one latent.

    Args:
        sheet: What is known of it.
        tokenizer: The model's.
        model: Its name.
        value: The name of the value that the dictionary writes.
    """
    return FeaturePages(Words(tokenizer), model=model, value=value, linked=()).render(sheet)


def _bars(histogram: Int[object, " bin"] | Sequence[int]) -> Markup:
    """A histogram as an SVG; heights are square roots, so that rare strong activations are seen."""
    counts = [int(count) for count in histogram]  # type: ignore[union-attr]
    peak = max(counts, default=0) or 1
    width, height = 480, 72
    step = width / max(len(counts), 1)
    bars = "".join(
        f'<rect x="{number * step:.1f}" y="{height - tall:.1f}" width="{step - 1.5:.1f}" '
        f'height="{tall:.1f}"><title>{count}</title></rect>'
        for number, count in enumerate(counts)
        if (tall := max((count / peak) ** 0.5 * height, 1.5 if count else 0))
    )
    return Markup(
        f'<svg class="bars" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="Histogram of activations">{bars}</svg>'
    )
