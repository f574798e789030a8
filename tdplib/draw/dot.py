"""States and lives of roots as DOT text, and DOT text as SVG by whichever Graphviz is there."""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise

from tdplib.draw._svg import plain
from tdplib.errors import TdplibError

__all__ = ["NoGraphvizError", "life_dot", "new_graph", "quoted", "render_dot", "state_dot"]

_FONT = {"fontname": "Helvetica,Arial,sans-serif", "fontsize": "11"}


class NoGraphvizError(TdplibError):
    """Graphviz is missing or refuses the text; the message says what to install or what it said."""


def state_dot(board: dict) -> str:
    """Return one `board` as DOT: list, queue, vCPUs and locks around the roots and their SPTEs."""
    graph = new_graph("state", rankdir="LR")
    chain = ["list", *(f"root{index}" for index in board["list"])]
    graph.node("list", "tdp_mmu_roots", shape="plaintext")
    for here, there in pairwise(chain):
        graph.edge(here, there)
    if board["queue"]:
        graph.node("queue", "tdp_mmu_zap_wq", shape="plaintext")
        for place, index in enumerate(board["queue"], 1):
            graph.edge("queue", f"root{index}", label=str(place), style="dashed")
    for root in board["roots"]:
        _add_root(graph, root)
    _add_holders(graph, board)
    return graph.source


def life_dot(trace: object, root: int = 0) -> str:
    """
    Return the life of one root along `trace` as DOT: a node per state, an edge per step.

    Only the steps that change the root have an edge; it carries step, actor and source line.
    """
    graph = new_graph("life")
    boards = trace.boards()
    seen: list[tuple] = []
    for place, board in enumerate(boards):
        found = next((r for r in board["roots"] if r["index"] == root), None)
        state = _life(found)
        if seen and seen[-1] == state:
            continue
        seen.append(state)
        name = f"s{len(seen) - 1}"
        bad = bool(found) and found["role"]["invalid"] and "live" in state[-1]
        graph.node(name, "\\n".join(state), **({"penwidth": "2"} if bad else {}))
        if place:
            graph.edge(f"s{len(seen) - 2}", name, label=_edge_label(trace.steps[place - 1], root))
    if trace.broken:
        graph.node(
            "broken", f"{trace.broken} is broken\\nin step {len(trace.steps)}", shape="octagon"
        )
        graph.edge(f"s{len(seen) - 1}", "broken", label=_edge_label(trace.steps[-1], root))
    return graph.source


def render_dot(dot: str) -> str:
    """
    Return `dot` as SVG text, laid out by pygraphviz's wheel, else by the program ``dot``.

    Raises
    ------
    NoGraphvizError
        Neither is installed, or the text is no DOT.
    """
    try:
        import pygraphviz
    except ImportError:
        return _render_by_program(dot)
    try:
        return pygraphviz.AGraph(string=dot).draw(format="svg", prog="dot").decode()
    except Exception as error:
        raise NoGraphvizError(f"pygraphviz cannot lay this out: {error}") from error


def _render_by_program(dot: str) -> str:
    program = shutil.which("dot")
    if program is None:
        raise NoGraphvizError(
            "no Graphviz: neither pygraphviz (pip install pygraphviz, its wheels carry Graphviz) "
            "nor a program `dot` (Debian: apt install graphviz). The DOT text needs neither."
        )
    done = subprocess.run(
        [program, "-Tsvg"], input=dot.encode(), capture_output=True, check=False, timeout=60
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise NoGraphvizError(f"{program} cannot lay this out: {said}")
    return done.stdout.decode()


def new_graph(name: str, **attributes: str) -> object:
    """Return an empty directed graph in the style of all of them; raises `NoGraphvizError`."""
    try:
        import graphviz
    except ImportError as error:
        raise NoGraphvizError(
            "DOT text is built with the package graphviz: pip install graphviz"
        ) from error
    return graphviz.Digraph(
        name,
        graph_attr={"bgcolor": "transparent", **attributes},
        node_attr={"shape": "box", "style": "rounded", **_FONT},
        edge_attr={**_FONT, "fontsize": "10"},
    )


def quoted(text: object) -> str:
    """Return `text` so that DOT shows it as it is."""
    from graphviz import escape

    return str(escape(plain(text)))


def _add_root(graph: object, root: dict) -> None:
    name = f"root{root['index']}"
    words = [root["name"], f"role {root['role']['word']:#x}", f"refcount {root['refcount']}"]
    words.insert(1, "invalid" if root["role"]["invalid"] else "valid")
    if root.get("is_table"):
        words = words[:1]
    style = {"style": "rounded,dashed"} if root["state"] == "freed" else {}
    graph.node(name, "\\n".join(quoted(word) for word in words), **style)
    if root["state"] == "freed":
        return
    for spte in root["sptes"]:
        leaf = f"{name}spte{spte['index']}"
        style = {} if spte["present"] else {"color": "gray", "fontcolor": "gray"}
        graph.node(leaf, f"SPTE {spte['index']}\\n{quoted(spte['text'])}", **style)
        graph.edge(name, leaf, arrowhead="none", **style)
        if spte.get("child") is not None:
            graph.edge(leaf, f"root{spte['child']}")


def _add_holders(graph: object, board: dict) -> None:
    """Add vCPUs with the root they have loaded, and locks with who holds them."""
    for root in board["roots"]:
        for vcpu in root["vcpus"]:
            graph.node(vcpu, quoted(vcpu), shape="ellipse")
            graph.edge(vcpu, f"root{root['index']}", style="bold")
    for lock in board["locks"]:
        holders = [lock["writer"]] if lock["writer"] else lock["readers"]
        for holder in holders:
            graph.node(holder, quoted(holder), shape="ellipse")
            mode = {"rwlock": "write" if lock["writer"] else "read"}.get(lock["kind"], "held")
            graph.node(lock["name"], quoted(lock["name"]), shape="diamond")
            graph.edge(lock["name"], holder, label=mode)


def _life(root: dict | None) -> tuple[str, ...]:
    """Return the facts of a root's life, a line each."""
    if root is None:
        return ("not allocated",)
    if root["state"] != "allocated":
        return (root["name"], root["state"])
    live = sum(spte["present"] for spte in root["sptes"])
    places = [name for name in ("listed", "queued", "running") if root[name]]
    return (
        root["name"],
        f"{'invalid' if root['role']['invalid'] else 'valid'}, refcount {root['refcount']}",
        ", ".join(places) or "off the list",
        f"{live} live SPTE{'' if live == 1 else 's'}" if live else "no SPTE",
    )


def _edge_label(step: object, root: int) -> str:
    """Return step, actor and the source lines that touch the root (two at most)."""
    touching = [a for a in step.actions if any(p.startswith(f"roots.{root}") for p in a.changed)]
    chosen = (touching or [a for a in step.actions if a.kind != "private"] or step.actions)[-2:]
    lines = [f"step {step.number}, {step.actor_name}"]
    lines += [f"{a.function}:{a.line}  {a.source.strip()}" for a in chosen]
    # Indented, or the text touches the edge it belongs to.
    return "".join(f"   {quoted(line)}   \\l" for line in lines)
