"""`tdplib replay`: a schedule code back into its trace, its picture, or a regression test."""

from __future__ import annotations

import argparse
from pathlib import Path

from tdplib.cli._say import ProgressLine, say, say_json, write_file
from tdplib.cli._verbs import add_verb

__all__ = ["add", "as_page", "outputs", "trace_options", "trace_record"]


def add(verbs: argparse._SubParsersAction) -> None:
    """Describe the verb."""
    verb = add_verb(
        verbs,
        "replay",
        _replay,
        "replay a schedule code, as `check` prints it",
        "tdplib replay CODE\ntdplib replay CODE --step 5\n"
        "tdplib replay CODE --needed --svg out.svg\n"
        "tdplib replay CODE --pytest test_it.py",
    )
    verb.add_argument("code", help="the schedule code")
    verb.add_argument("--source", metavar="FILE", help="the kernel Python the code was found in")
    verb.add_argument("--step", type=int, metavar="N", help="show the whole state after step N")
    about = "which steps are needed for what it breaks, in which order; --svg shows it"
    verb.add_argument("--needed", action="store_true", help=about)
    verb.add_argument("--json", action="store_true", help="the trace as JSON")
    verb.add_argument("--pytest", metavar="OUT", help="write it as a regression test")
    trace_options(verb)


def trace_options(verb: argparse.ArgumentParser) -> None:
    """Add the files that a trace can be written to."""
    verb.add_argument("--svg", metavar="OUT", help="draw the trace as swim lanes")
    verb.add_argument("--html", metavar="OUT", help="a page to step through it, and off it")
    verb.add_argument("--perfetto", metavar="OUT", help="a trace for ui.perfetto.dev")


def outputs(args: argparse.Namespace, trace: object) -> bool:
    """Write the files that the options of `trace_options` name; say whether there was one."""
    from tdplib import draw

    kinds = {"svg": draw.swimlanes, "html": as_page, "perfetto": draw.to_perfetto}
    wanted = {kind: make for kind, make in kinds.items() if getattr(args, kind)}
    for kind, make in wanted.items():
        write_file(getattr(args, kind), make(trace))
    return bool(wanted)


def as_page(what: object) -> str:
    """Return a trace or a verdict as a page to step through, and say how far it is on the way."""
    from tdplib import offline

    line = ProgressLine()
    made = offline(what, progress=lambda part: line.show(f"making the page: {part:.0%}"))
    line.clear()
    return made.html


def trace_record(trace: object) -> list[dict]:
    """Return the actions of `trace` as plain data, in order."""
    return [
        {
            "step": step.number,
            "actor": step.actor_name,
            "function": action.function,
            "file": str(action.file),
            "line": action.line,
            "source": action.source.strip(),
            "effect": action.effect,
            "kind": action.kind,
        }
        for step in trace.steps
        for action in step.actions
    ]


def _replay(args: argparse.Namespace) -> int:
    from tdplib import replay

    own = Path(args.source) if args.source else None
    trace = replay(args.code, own)
    if args.needed:
        return _needed(args, trace)
    wrote = outputs(args, trace)
    if args.pytest:
        write_file(args.pytest, regression_test(trace, own and own.read_text(encoding="utf-8")))
        wrote = True
    if args.json:
        say_json(_record(trace))
    elif args.step is not None:
        _show_step(trace, args.step)
    elif not wrote:
        say(str(trace))
    return 0


def _needed(args: argparse.Namespace, trace: object) -> int:
    from tdplib import draw
    from tdplib.replay.needed import needed

    found = needed(trace)
    if args.svg:
        write_file(args.svg, draw.swimlanes(trace, needed=found.steps, arrows=found.before))
    else:
        say(str(found))
    return 0


def _record(trace: object) -> dict:
    return {
        "protocol": trace.protocol,
        "scenario": getattr(trace.scenario, "name", trace.scenario),
        "property": trace.broken,
        "schedule": trace.code,
        "steps": len(trace.steps),
        "trace": trace_record(trace),
    }


def _show_step(trace: object, number: int) -> None:
    from tdplib.errors import check_int
    from tdplib.replay.boardtext import board_text

    say(board_text(trace.boards()[check_int("--step", number, 0, len(trace.steps))]))


def regression_test(trace: object, source: str | None = None) -> str:
    """
    Return a pytest file that replays `trace` and wants the same property broken.

    source : the kernel Python that was checked, if it was somebody's own; it goes into the file
    """
    name = (trace.broken or "nothing").replace("-", "_")
    own = f"\nSOURCE = {_literal(source)}\n" if source else ""
    return f'''"""{trace.protocol}, a schedule that `tdplib check` found: {_what(trace)}."""

from tdplib import replay

SCHEDULE = {trace.code!r}
{own}

def test_{name}_is_broken():
    trace = replay(SCHEDULE{", SOURCE" if own else ""})
    assert trace.broken == {trace.broken!r}
    assert len(trace.steps) == {len(trace.steps)}
'''


def _what(trace: object) -> str:
    return f"{trace.broken} is broken" if trace.broken else "nothing is broken"


def _literal(text: str) -> str:
    """Return `text` as a Python literal, over several lines where that is safe."""
    if '"""' in text or "\\" in text:
        return repr(text)
    return f'"""\\\n{text.rstrip()}\n"""'
