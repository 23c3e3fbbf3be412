"""The house style of figures, and the colours that a dark page wants instead.

Every colour of the house has a light and a dark member. Figures are drawn with the light ones; a
style sheet swaps them where the reader prefers dark (see `dark_rules`), so that one SVG serves
both and a viewer that knows no style sheets still shows the light figure.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Colour:
    """One colour of the house, as `#rrggbb`."""

    light: str
    """On a light page."""
    dark: str
    """On a dark page."""


INK = Colour("#1c2b2a", "#e4ebe8")
"""Text and axes."""
MUTED = Colour("#5d6b69", "#9fadaa")
"""Tick labels and what stands back."""
RULE = Colour("#dde3df", "#33403e")
"""Grid lines."""
PAPER = Colour("#fcfbf8", "#131a19")
"""The page itself."""

SERIES = (
    Colour("#2f6f9f", "#7db8e0"),  # blue
    Colour("#d1603d", "#f0936f"),  # vermilion
    Colour("#2a8c6a", "#63c9a3"),  # green
    Colour("#c79a1e", "#e6c65c"),  # ochre
    Colour("#8a5aa5", "#c6a2dc"),  # violet
    Colour("#4bafc4", "#8fdcec"),  # cyan
    Colour("#8b8f94", "#b9bfc4"),  # grey
)
"""The cycle of data colours, told apart by the common forms of colour blindness (blue, vermilion
and ochre differ in lightness as well as hue)."""

_STAND_INS = (
    Colour("#000000", INK.dark),
    Colour("#808080", MUTED.dark),
)
"""Colours that a drawing may ask for by name (`black`, `gray`) and that must not sink into a dark
page."""

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
"""The fonts a reader's machine is asked for; nothing is downloaded."""


def dark_rules() -> str:
    """The CSS that turns every house colour of a drawing into its dark member."""
    pairs = (INK, MUTED, RULE, PAPER, *SERIES, *_STAND_INS)
    return "".join(
        f'[style*="{paint}: {colour.light}"]{{{paint}:{colour.dark}!important}}'
        for colour in pairs
        for paint in ("fill", "stroke")
    )


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style inside this block, whatever the caller's settings; no display."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_settings())
        try:
            yield
        finally:
            pyplot.close("all")


def _settings() -> dict[Any, Any]:
    """The matplotlib settings of the house."""
    from cycler import cycler

    return {
        "backend": "agg",
        "figure.figsize": (7.0, 4.0),
        "figure.constrained_layout.use": True,
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "figure.titlesize": 12,
        "figure.titleweight": "bold",
        "font.family": "sans-serif",
        "font.size": 10,
        "text.color": INK.light,
        "axes.facecolor": "none",
        "axes.edgecolor": MUTED.light,
        "axes.labelcolor": INK.light,
        "axes.linewidth": 0.8,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=[colour.light for colour in SERIES]),
        "grid.color": RULE.light,
        "grid.linewidth": 0.7,
        "xtick.color": MUTED.light,
        "ytick.color": MUTED.light,
        "xtick.labelcolor": MUTED.light,
        "ytick.labelcolor": MUTED.light,
        "xtick.major.size": 3,
        "ytick.major.size": 3,
        "lines.linewidth": 1.8,
        "lines.markersize": 5,
        "patch.edgecolor": "none",
        "patch.force_edgecolor": False,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "image.cmap": "viridis",
        "svg.fonttype": "none",
        "svg.hashsalt": "glasshouse",
    }
