"""A state space as a picture: a row for each number of steps from the start, an edge for a step."""

from __future__ import annotations

from collections import defaultdict

from tdplib.draw import Picture
from tdplib.draw._svg import ACTOR_COLOURS, Svg

__all__ = ["DASHES", "SIGNS", "layout", "space_picture", "space_text"]

ROW, COLUMN, SIDE, WIDTH = 44, 30, 24, 860
RADIUS = 8
DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 4", "12 4", "2 6", "6 2 2 2")
"""How the edges of each actor are dashed, so that colour is not the only sign."""
SIGNS = {"start": "", "inner": "", "end": "\u2713", "stuck": "!", "broken": "\u2717", "edge": "?"}
"""Kind of a node -> the sign in it."""
WORDS = {
    "start": "thick ring: the start", "end": "an end where all is well",
    "stuck": "nobody can move, wrongly",
    "broken": "a property is broken", "edge": "not followed further",
}  # fmt: skip
SWEEPS = 6


def layout(depths: list[int], edges: list[tuple[int, int]]) -> tuple[list[tuple], float, float]:
    """
    Return the place (x, y) of every node, and the width and height of the whole.

    Nodes of a depth share a row, ordered so that edges to the rows beside are short (each node near
    the mean of its neighbours, swept down and up); the same graph gets the same places each time.
    """
    rows: dict[int, list[int]] = defaultdict(list)
    for node, depth in enumerate(depths):
        rows[depth].append(node)
    beside: dict[int, list[int]] = defaultdict(list)
    for a, b in edges:
        if abs(depths[a] - depths[b]) == 1:
            beside[a].append(b)
            beside[b].append(a)
    at = {node: k - len(row) / 2 for row in rows.values() for k, node in enumerate(row)}
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for depth in sorted(rows, reverse=not down):
            near = depth - 1 if down else depth + 1
            mean = {}
            for node in rows[depth]:
                places = [at[n] for n in beside[node] if depths[n] == near]
                mean[node] = sum(places) / len(places) if places else at[node]
            rows[depth].sort(key=lambda node: (mean[node], node))
            at |= {node: k - (len(rows[depth]) - 1) / 2 for k, node in enumerate(rows[depth])}
    widest = max(len(row) for row in rows.values())
    step = min(3 * COLUMN, max(COLUMN, (WIDTH - 2 * SIDE) / max(widest - 1, 1)))
    width = max(WIDTH, (widest - 1) * step + 2 * SIDE)
    order = {depth: k for k, depth in enumerate(sorted(rows))}
    places = [
        (round(width / 2 + at[node] * step, 1), SIDE + ROW * order[depth])
        for node, depth in enumerate(depths)
    ]
    return places, width, 2 * SIDE + ROW * (len(rows) - 1)


def space_text(space: object) -> str:
    """Return a state space as plain text: its numbers, and what is special in it."""
    drawn = f"{len(space.nodes)} nodes and {len(space.edges)} steps drawn"
    lines = [f"state space of {space.title}: {space.total:,} states, {drawn}"]
    if space.note:
        lines.append(space.note)
    for kind in ("broken", "stuck", "end", "edge"):
        some = [node for node in space.nodes if node.kind == kind]
        if some:
            least = f"the soonest after {min(node.depth for node in some)} steps"
            lines.append(f"{SIGNS[kind]} {WORDS[kind]}: {len(some)}, {least}")
    return "\n".join(lines)


def space_picture(space: object) -> Picture:
    """Return the picture of a state space (see `tdplib.statespace.Space`)."""
    places, width, height = layout(
        [node.depth for node in space.nodes], [(a, b) for a, b, _ in space.edges]
    )
    svg, words = Svg(), space_text(space)
    for a, b, actor in space.edges:
        svg.curve(curve(places[a], places[b]), stroke_width=1.3, **_line(actor))
    for node, (x, y) in zip(space.nodes, places, strict=True):
        _mark(svg, node, x, y)
    legend = height + 16
    x = SIDE
    for actor, name in enumerate(space.actors):
        svg.line([(x, legend), (x + 34, legend)], stroke_width=2, **_line(actor))
        svg.text(x + 40, legend + 4, name)
        x += 60 + 8 * len(name)
    kinds = {node.kind for node in space.nodes}
    said = [f"{SIGNS[k]} {WORDS[k]}".strip() for k in WORDS if k in kinds]
    svg.text(SIDE, legend + 26, ";  ".join(said), "soft")
    return Picture(svg.document(width, legend + 44, space.title, words), words)


def _line(actor: int) -> dict[str, str | None]:
    """Return how an actor's edges are drawn."""
    dashes = DASHES[actor % len(DASHES)] or None
    return {"stroke": f"--a{actor % ACTOR_COLOURS}", "stroke_dasharray": dashes}


def curve(a: tuple[float, float], b: tuple[float, float]) -> str:
    """Return the path of an edge: straight to the next row, else in a bow."""
    (x, y), (u, v) = a, b
    if v - y == ROW:
        return f"M{x:g} {y:g} L{u:g} {v:g}"
    if (x, y) == (u, v):
        return f"M{x:g} {y:g} c28 -22 28 22 0 0"
    if v == y:
        return f"M{x:g} {y:g} Q{(x + u) / 2:g} {y - 30:g} {u:g} {v:g}"
    side = 26 if u >= x else -26
    return f"M{x:g} {y:g} Q{(x + u) / 2 + side:g} {(y + v) / 2:g} {u:g} {v:g}"


def _mark(svg: Svg, node: object, x: float, y: float) -> None:
    """Draw a node: its shape tells its kind, and so does the sign in it."""
    bad = node.kind in ("broken", "stuck")
    style = {"fill": "--badbg" if bad else "--bg", "stroke": "--bad" if bad else "--soft"}
    r = RADIUS
    if bad:
        r += 2
        svg.element("path", d=f"M{x:g} {y - r:g} l{r} {r} l-{r} {r} l-{r} -{r}z", **style)
    elif node.kind in ("end", "edge"):
        svg.rect(x - r, y - r, 2 * r, 2 * r, rx=2, **style)
    else:
        svg.element("circle", cx=x, cy=y, r=r, **style,
                    stroke_width=3 if node.kind == "start" else 1)  # fmt: skip
    svg.text(x, y + 4, SIGNS[node.kind], "bad small" if bad else "small", text_anchor="middle")
