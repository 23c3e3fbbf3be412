"""A matplotlib figure as an SVG that is the same for the same figure, and follows light and dark.

matplotlib's own SVG carries a date, ids that clash when two figures share a page, a style rule
that would reach the whole page, and coordinates to a millionth of a point. All four are mended.
"""

import io
import re
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from glasshouse.report.style import PAPER, SANS, dark_rules

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing
else:
    Drawing = Any

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_BETWEEN_TAGS = re.compile(r">\s*\n\s*<")
_OPACITY = re.compile(r"(?:^|; )opacity:")
_SPACES = re.compile(r"\s+")
_LONG_DECIMAL = re.compile(r"-?\d+\.\d{3,}(?![\d.])")
_FONT_FAMILIES = re.compile(r"'DejaVu Sans'[^;]*")
_INHERITED_FONT = f"font-family: {SANS}; "


def drawing_to_svg(drawing: Drawing, *, name: str, alt: str) -> str:
    """Turn a figure into an `<svg>` element to stand inside a page.

    Args:
        drawing: The matplotlib figure.
        name: Prefix of the ids inside, so that figures on one page do not clash.
        alt: What a reader who cannot see it is told.
    """
    raw = io.BytesIO()
    drawing.savefig(raw, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(raw.getvalue())
    _drop_page_wide_parts(root)
    _keep_ids_apart(root, prefix=name)
    _shorten(root)
    _drop_bare_groups(root)
    _hoist_shared(root)
    root.attrib.pop("version", None)
    root.set("role", "img")
    root.set("aria-label", alt)
    root.set("style", f"{_INHERITED_FONT}stroke-linejoin: round; stroke-linecap: butt")
    ElementTree.register_namespace("", _SVG.strip("{}"))
    return _BETWEEN_TAGS.sub("><", ElementTree.tostring(root, encoding="unicode"))


def standalone(svg: str) -> str:
    """The same drawing as a file of its own: with paper behind it and its own dark rules."""
    head, _, rest = svg.partition(">")
    style = f"<style>@media (prefers-color-scheme: dark){{{dark_rules()}}}</style>"
    paper = f'<rect width="100%" height="100%" style="fill: {PAPER.light}"/>'
    return f"{head}>{style}{paper}{rest}\n"


def natural_width(svg: str) -> float:
    """The width a drawing was made for, in CSS pixels (a point is 4/3 of one)."""
    found = re.search(r'width="([\d.]+)pt"', svg)
    return float(found.group(1)) * 4 / 3 if found else 640.0


def _drop_page_wide_parts(root: ElementTree.Element) -> None:
    """Remove the metadata and the `*{…}` rule, which inside a page would style all of it."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
                parent.remove(child)


def _keep_ids_apart(root: ElementTree.Element, *, prefix: str) -> None:
    """Drop ids that nothing refers to; number the rest behind the prefix, to keep them short."""
    text = ElementTree.tostring(root, encoding="unicode")
    used = dict.fromkeys(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    short = {name: f"{prefix}-{number}" for number, name in enumerate(used)}
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in short:
            element.set("id", short[name])
        target = element.attrib.pop(_HREF, None) or element.attrib.pop("href", None)
        if target is not None:
            element.set("href", f"#{short[target[1:]]}" if target.startswith("#") else target)
        clip = element.get("clip-path")
        if clip is not None:
            element.set("clip-path", f"url(#{short[clip.removeprefix('url(#').removesuffix(')')]})")


def _shorten(root: ElementTree.Element) -> None:
    """Round coordinates to a hundredth of a point and ask for the reader's own fonts."""
    for element in root.iter():
        for key in ("d", "transform", "points", "x", "y", "width", "height"):
            value = element.get(key)
            if value is not None:
                element.set(key, _SPACES.sub(" ", _LONG_DECIMAL.sub(_two_decimals, value)).strip())
        style = element.get("style")
        if style is not None:
            named = _FONT_FAMILIES.sub(SANS, style)
            element.set("style", named.replace(_INHERITED_FONT, ""))


def _drop_bare_groups(root: ElementTree.Element) -> None:
    """Replace every `<g>` without attributes by what is in it."""
    for parent in list(root.iter()):
        kept: list[ElementTree.Element] = []
        for child in parent:
            kept += list(_contents(child))
        parent[:] = kept


def _contents(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """An element, or what is in it if it is a group that says nothing."""
    if element.tag == f"{_SVG}g" and not element.attrib:
        for child in element:
            yield from _contents(child)
    else:
        yield element


def _hoist_shared(root: ElementTree.Element) -> None:
    """Give runs of alike neighbours one group that carries what they share.

    A scatter of a thousand points repeats one style a thousand times otherwise.
    """
    for parent in list(root.iter()):
        if parent.tag == f"{_SVG}text":
            continue  # a tspan may not stand in a group
        new: list[ElementTree.Element] = []
        for form, run in groupby(parent, key=_form):
            alike = list(run)
            new += alike if form is None or len(alike) < 3 else [_grouped(alike)]
        parent[:] = new


def _form(element: ElementTree.Element) -> tuple[str, ...] | None:
    """What neighbours must agree on to share a group; None for what cannot be shared."""
    style = element.get("style", "")
    if not style or element.tag in (f"{_SVG}defs", f"{_SVG}g") or _OPACITY.search(style):
        return None  # opacity of a group is not opacity of each
    if element.get("transform") is not None and element.get("clip-path") is not None:
        return None  # a clip path is meant in the element's own coordinates
    return element.tag, element.get("clip-path", ""), *_declarations(style)


def _grouped(alike: list[ElementTree.Element]) -> ElementTree.Element:
    """A group around elements that declare the same properties; what all agree on moves to it."""
    styles = [_declarations(element.get("style", "")) for element in alike]
    shared = {
        name: value
        for name, value in styles[0].items()
        if all(style[name] == value for style in styles)
    }
    group = ElementTree.Element(f"{_SVG}g")
    if (clip := alike[0].get("clip-path")) is not None:
        group.set("clip-path", clip)
    if shared:
        group.set("style", _joined(shared))
    for element, style in zip(alike, styles, strict=True):
        element.attrib.pop("clip-path", None)
        own = {name: value for name, value in style.items() if name not in shared}
        element.attrib.pop("style")
        if own:
            element.set("style", _joined(own))
        group.append(element)
    return group


def _declarations(style: str) -> dict[str, str]:
    """The properties of a style attribute and their values."""
    pairs = (part.partition(":") for part in style.split(";") if part.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _joined(declarations: dict[str, str]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in declarations.items())


def _two_decimals(number: re.Match[str]) -> str:
    """A number at two decimals, without trailing zeros; scales (below 1) keep six digits."""
    value = float(number.group())
    text = f"{value:.2f}" if abs(value) >= 1 else f"{value:.4g}"
    return text.rstrip("0").rstrip(".") if "e" not in text and "." in text else text
