"""A graph drawn: values as boxes from top to bottom, blocks as frames, alike blocks once.

The drawing is SVG written by hand, small enough to read. Its colours are CSS variables, so a page
may set them; by itself it follows the reader's light or dark.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from glasshouse.dataflow.outline import Group, Item, shape_text
from glasshouse.files import write_atomically

WIDTH, HEIGHT = 176, 36
"""Of a value's box."""
_GAP_X, _GAP_Y, _PAD, _HEAD, _LANE = 14, 18, 16, 26, 12

_STYLE = """
.gh-graph{--ink:var(--graph-ink,#1c2b2a);--mute:var(--graph-muted,#5d6b69);
--rule:var(--graph-rule,#c9d1cc);--paper:var(--graph-paper,#fcfbf8);
--fetched:var(--graph-fetched,#2f6f9f);--fed:var(--graph-fed,#b8541f);
font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}
@media(prefers-color-scheme:dark){.gh-graph{--ink:var(--graph-ink,#e4ebe8);
--mute:var(--graph-muted,#9fadaa);--rule:var(--graph-rule,#3d4b49);
--paper:var(--graph-paper,#131a19);--fetched:var(--graph-fetched,#7db8e0);
--fed:var(--graph-fed,#f0936f)}}
.gh-graph .page{fill:var(--paper)}
.gh-graph .frame{fill:none;stroke:var(--rule)}
.gh-graph .box{fill:var(--paper);stroke:var(--ink)}
.gh-graph .edge{fill:none;stroke:var(--mute)}
.gh-graph .tip{fill:var(--mute)}
.gh-graph text{fill:var(--ink);font-size:12px;text-anchor:middle}
.gh-graph .head{font-weight:600;text-anchor:start}
.gh-graph .shape,.gh-graph .key{fill:var(--mute);font-size:9.5px}
.gh-graph .key{text-anchor:start}
.gh-graph .idle{opacity:.4}
.gh-graph .idle .box{stroke-dasharray:3 3}
.gh-graph .fetched .box{stroke:var(--fetched);stroke-width:2.5}
.gh-graph .fetched .name{fill:var(--fetched);font-weight:600}
.gh-graph .fed .box{stroke:var(--fed);stroke-width:2.5}
.gh-graph .fed .name{fill:var(--fed);font-weight:600}
""".replace("\n", "")
_PAGE_STYLE = """
.gh-outline{font:14px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif}
.gh-outline summary{cursor:pointer;padding:.15em 0}
.gh-outline .count{opacity:.65}
""".replace("\n", "")
_KEY = "bold → fetched · bold ← fed · dashed: not computed"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph, or what a plan does with it, to be shown."""

    groups: tuple[Group, ...]
    """Values, block by block."""

    @property
    def svg(self) -> str:
        """One picture. Blocks of which nothing is computed are closed."""
        groups = self._coloured()
        parts = [_framed(group, is_open=self.is_open(group)) for group in groups]
        width = max(part.width for part in parts) + 2 * _PAD
        pieces, y, centre = [], _PAD, width / 2
        for i, part in enumerate(parts):
            if i:
                pieces.append(_edge(centre, y, centre, y + _GAP_Y))
                y += _GAP_Y
            pieces.append(_moved(part.svg, (width - part.width) / 2, y))
            y += part.height
        if self.is_asked:
            pieces.append(f'<text class="key" x="{_PAD}" y="{y + 22:g}">{_KEY}</text>')
            y += 22
        return _document("".join(pieces), width, y + _PAD, self._told())

    @property
    def html(self) -> str:
        """The same for a page, with blocks that open and close."""
        pieces = [f'<div class="gh-outline"><style>{_PAGE_STYLE}</style>']
        for group in self._coloured():
            part = _inside(group)
            svg = _document(_moved(part.svg, _PAD, _PAD), part.width + 2 * _PAD,
                            part.height + 2 * _PAD, group.title or "values")  # fmt: skip
            if not group.paths[0]:
                pieces.append(svg)
                continue
            is_open = " open" if self.is_open(group) else ""
            pieces.append(
                f"<details{is_open}><summary>{escape(group.title)} "
                f'<span class="count">{_count(group)}</span></summary>{svg}</details>'
            )
        return "".join([*pieces, "</div>"])

    @property
    def is_asked(self) -> bool:
        """Whether it shows a plan, and not just the graph."""
        return any(item.state != "idle" for group in self.groups for item in group.items)

    def is_open(self, group: Group) -> bool:
        """Whether a group's values are shown: not those of blocks that a plan leaves idle."""
        return not self.is_asked or group.state != "idle"

    def save(self, path: Path) -> None:
        """Write the picture, as `.svg`, or as `.html` with blocks that open and close."""
        is_page = path.suffix == ".html"
        page = f"<!doctype html><meta charset=utf-8><title>graph</title>{self.html}"
        write_atomically(path, page if is_page else self.svg)

    def _repr_html_(self) -> str:
        return self.html

    def _coloured(self) -> list[Group]:
        """The groups; without a plan nothing is grey."""
        if self.is_asked:
            return list(self.groups)
        return [
            replace(g, items=tuple(replace(i, state="computed") for i in g.items))
            for g in self.groups
        ]

    def _told(self) -> str:
        return "graph of " + ", ".join(g.title or g.items[0].name for g in self.groups)


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of SVG and its size."""

    svg: str
    width: float
    height: float


def _framed(group: Group, *, is_open: bool) -> _Part:
    """A block in its frame with its title, or values without one."""
    if not group.paths[0]:
        return _inside(group)
    part = _inside(group) if is_open else _Part("", WIDTH, 0)
    width, height = part.width + 2 * _PAD, part.height + _HEAD + (_PAD if is_open else 6)
    title = f"{escape(group.title)}  {_count(group)}"
    svg = (
        f'<rect class="frame" width="{width:g}" height="{height:g}" rx="8"/>'
        f'<text class="head" x="{_PAD}" y="18">{title}</text>{_moved(part.svg, _PAD, _HEAD)}'
    )
    return _Part(_classed(svg, "" if is_open else "idle"), width, height)


def _count(group: Group) -> str:
    return f"× {group.count}" if group.count > 1 else ""


def _inside(group: Group) -> _Part:
    """The values of a group, each below what it reads."""
    ranks = _ranks(group.items)
    columns = _columns(group.items, ranks)
    step_x, step_y = WIDTH + _GAP_X, HEIGHT + _GAP_Y
    left = min(columns.values())
    lanes = _lanes(group.items, ranks, columns)
    states = {item.name: item.state for item in group.items}
    margin = [
        _LANE * (1 + max((lane for at, lane in lanes.values() if at == side), default=-1))
        for side in (-1, 1)
    ]

    def place(name: str) -> tuple[float, float]:
        return margin[0] + (columns[name] - left) * step_x, ranks[name] * step_y

    right = margin[0] + (max(columns.values()) - left) * step_x + WIDTH
    edges = []
    for item in group.items:
        for source in item.reads:
            if source in ranks:
                lane = lanes.get((source, item.name))
                link = _link(place(source), place(item.name), lane, margin[0], right)
                is_idle = "idle" in (states[source], item.state)
                edges.append(_classed(link, "idle" if is_idle else ""))
    boxes = [_box(item, *place(item.name)) for item in group.items]
    height = (1 + max(ranks.values())) * step_y - _GAP_Y
    return _Part("".join([*edges, *boxes]), right + margin[1], height)


def _ranks(items: Sequence[Item]) -> dict[str, int]:
    """The row of each value: below everything that it reads."""
    ranks: dict[str, int] = {}
    for item in items:
        ranks[item.name] = max((ranks[s] + 1 for s in item.reads if s in ranks), default=0)
    return ranks


def _columns(items: Sequence[Item], ranks: dict[str, int]) -> dict[str, float]:
    """The column of each value: one alone in its row in the middle, several side by side."""
    columns: dict[str, float] = {}
    for rank in range(max(ranks.values()) + 1):
        row = [item for item in items if ranks[item.name] == rank]
        above = {
            item.name: [columns[source] for source in item.reads if source in columns]
            for item in row
        }
        names = sorted(above, key=lambda name: sum(above[name]) / max(len(above[name]), 1))
        columns |= {name: i - (len(row) - 1) / 2 for i, name in enumerate(names)}
    return columns


def _lanes(
    items: Sequence[Item], ranks: dict[str, int], columns: dict[str, float]
) -> dict[tuple[str, str], tuple[int, int]]:
    """Side (-1 left, 1 right) and lane of every edge that passes rows by."""
    taken: list[tuple[int, int, int, int]] = []  # side, lane, first row, last row
    lanes: dict[tuple[str, str], tuple[int, int]] = {}
    for item in items:
        for source in item.reads:
            if source not in ranks or ranks[item.name] - ranks[source] < 2:
                continue
            side = 1 if columns[source] > columns[item.name] else -1
            first, last, lane = ranks[source], ranks[item.name], 0
            while any(t[:2] == (side, lane) and t[2] < last and first < t[3] for t in taken):
                lane += 1
            taken.append((side, lane, first, last))
            lanes[source, item.name] = (side, lane)
    return lanes


def _link(
    start: tuple[float, float], end: tuple[float, float],
    lane: tuple[int, int] | None, left: float, right: float,
) -> str:  # fmt: skip
    """An edge between two boxes: straight down, or around what lies between."""
    (x0, y0), (x1, y1) = start, end
    if lane is None:
        return _edge(x0 + WIDTH / 2, y0 + HEIGHT, x1 + WIDTH / 2, y1)
    side, number = lane
    at = left - _LANE * (number + 0.75) if side < 0 else right + _LANE * (number + 0.75)
    near = 0 if side < 0 else WIDTH
    y0, y1 = y0 + 0.7 * HEIGHT, y1 + 0.3 * HEIGHT  # one may arrive where another leaves
    bend = 6 * side
    path = (
        f"M{x0 + near:g} {y0:g}H{at - bend:g}Q{at:g} {y0:g} {at:g} {y0 + 6:g}"
        f"V{y1 - 6:g}Q{at:g} {y1:g} {at - bend:g} {y1:g}H{x1 + near + 5 * side:g}"
    )
    return f'<path class="edge" d="{path}"/>{_tip(x1 + near, y1, -side, 0)}'


def _edge(x0: float, y0: float, x1: float, y1: float) -> str:
    middle = (y0 + y1) / 2
    path = f"M{x0:g} {y0:g}C{x0:g} {middle:g} {x1:g} {middle:g} {x1:g} {y1 - 5:g}"
    return f'<path class="edge" d="{path}"/>{_tip(x1, y1, 0, 1)}'


def _tip(x: float, y: float, towards_x: int, towards_y: int) -> str:
    """An arrow's head that ends at a point."""
    a = (x - 6 * towards_x - 3 * towards_y, y - 6 * towards_y - 3 * towards_x)
    b = (x - 6 * towards_x + 3 * towards_y, y - 6 * towards_y + 3 * towards_x)
    return f'<path class="tip" d="M{x:g} {y:g}L{a[0]:g} {a[1]:g}L{b[0]:g} {b[1]:g}Z"/>'


def _box(item: Item, x: float, y: float) -> str:
    sign = {"fetched": " →", "fed": " ←"}.get(item.state, "")
    middle = WIDTH / 2
    text = (
        f'<text class="name" x="{middle:g}" y="15">{escape(item.name)}{sign}</text>'
        f'<text class="shape" x="{middle:g}" y="28">{escape(shape_text(item.value))}</text>'
    )
    box = f'<rect class="box" width="{WIDTH}" height="{HEIGHT}" rx="5"/>'
    told = f"<title>{escape(str(item.value))}</title>"
    return f'<g class="{item.state}" transform="translate({x:g} {y:g})">{told}{box}{text}</g>'


def _moved(svg: str, x: float, y: float) -> str:
    return f'<g transform="translate({x:g} {y:g})">{svg}</g>' if svg else ""


def _classed(svg: str, name: str) -> str:
    return f'<g class="{name}">{svg}</g>' if name else svg


def _document(body: str, width: float, height: float, told: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gh-graph" width="{width:g}" '
        f'height="{height:g}" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{escape(told)}"><style>{_STYLE}</style>'
        f'<rect class="page" width="100%" height="100%"/>{body}</svg>'
    )
