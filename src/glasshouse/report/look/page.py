"""A look as one self-contained HTML page, light and dark; a small script only adds to it."""

from markupsafe import Markup

from glasshouse.models import Tokenizer
from glasshouse.report.look.heat import INK
from glasshouse.report.look.look import Look
from glasshouse.report.look.view import prompt_view, value_views
from glasshouse.report.page import environment, style_sheet
from glasshouse.report.provenance import Provenance


def render_look(look: Look, tokenizer: Tokenizer, *, provenance: Provenance) -> str:
    """Write the whole page.

    Args:
        look: What was found.
        tokenizer: The model's, for the words of the lens.
        provenance: How it was run.
    """
    prompts = [prompt_view(one, number, tokenizer) for number, one in enumerate(look.prompts)]
    templates = environment()
    templates.filters.update(signed=_signed, nats=_nats)
    return templates.get_template("look.html.j2").render(
        look=look,
        prompts=prompts,
        values=value_views(look),
        provenance=provenance,
        is_fed=bool(look.feedings),
        drawing=Markup(look.drawing),
        css=style_sheet() + Markup(templates.get_template("look.css.j2").render(heat=INK)),
        script=Markup(templates.get_template("look.js.j2").render()),
    )


def _signed(value: float) -> str:
    """A change with its sign, to two places."""
    return f"{value:+.2f}".replace("-", "−")


def _nats(value: float) -> str:
    """A divergence, to two places; what rounds to nothing is a dot."""
    return "·" if value < 0.005 else f"{value:.2f}"
