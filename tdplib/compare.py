"""The same schedule on two versions of the protocol, side by side, the first difference marked."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

from .replay.apart import apart
from .replay.schedule import OWN_CODE, read
from .replay.session import BlockedError, Session
from .replay.subject import subject

__all__ = ["Compare", "Half", "Turn"]

WIDTH = 100


@dataclass(frozen=True)
class Half:
    """
    What one version did in a turn.

    actions : what it did; none where it could not move: then `reason` says why. broken : the
        property that this broke, or None
    """

    actions: tuple = ()
    reason: str = ""
    broken: str | None = None

    @property
    def effects(self) -> tuple[str, ...]:
        """What it did, in words."""
        return tuple(action.effect for action in self.actions)

    @property
    def words(self) -> str:
        """The whole of it in one line."""
        said = "; ".join(self.effects) if self.actions else f"cannot move: {self.reason}"
        return said + (f". This breaks {self.broken}" if self.broken else "")


@dataclass(frozen=True)
class Turn:
    """One step of the schedule: its number, whose turn it is, and what each version did."""

    number: int
    actor: str
    first: Half
    second: Half

    @property
    def agree(self) -> int:
        """How many effects are the same in both before the first that is not."""
        pairs = zip(self.first.effects, self.second.effects, strict=False)
        return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))

    @property
    def same(self) -> bool:
        """Whether both did the same, whatever line it stands in."""
        one, other = self.first, self.second
        return (one.effects, one.reason, one.broken) == (other.effects, other.reason, other.broken)


class Compare:
    """
    Run one schedule on two protocols and show both side by side.

    Turns are given to the same actors in the same order; where one of the two cannot move in its
    turn, that is said, and its next turn comes as the schedule has it.

    Parameters
    ----------
    first, second : what to compare, each as `check` takes it: the name of a protocol, or kernel
        Python of one's own (a function, several, source text, a path) that stands on `base`
    schedule : a schedule code (its scenario is used for both), or a Trace
    base : the protocol that one's own code stands on; a pair if each has another

    Attributes
    ----------
    names, ends : what the two are called, and how they end
    turns : what each did, turn by turn; difference : the first turn in which they do not do the
        same, or None
    apart, apart_at_end : in what the two systems differ after that turn, and at the end
        (`tdplib.replay.apart.Apart`)

    Examples
    --------
    >>> from tdplib.check import check
    >>> both = Compare("patch-22-skip-invalid", "v5.18", check("patch-22-skip-invalid").trace)
    >>> both.difference.number, both.ends
    (4, ('breaks zap-complete', 'breaks nothing'))
    >>> both.apart[0].sentence(*both.names)
    'in v5.18 root 0 is queued; in patch-22-skip-invalid it is not'
    """

    def __init__(
        self,
        first: object,
        second: object,
        schedule: object,
        *,
        base: str | tuple[str, str] = "v5.18",
    ) -> None:
        plan = read(getattr(schedule, "code", schedule))
        self.code = getattr(schedule, "code", schedule)
        self.scenario = plan.scenario
        bases = (base, base) if isinstance(base, str) else tuple(base)
        about = [subject(*each, plan.scenario) for each in zip((first, second), bases, strict=True)]
        self.names = _called(about)
        sessions = [Session(_subject=each, _mode=plan.mode) for each in about]
        known = Session(plan.protocol, plan.scenario, _mode=plan.mode).system.actors
        called = [known[k].name if k < len(known) else f"actor {k}" for k in plan.steps]
        turns: list[Turn] = []
        self.difference, self.apart = None, ()
        for number, name in enumerate(called, 1):
            turns.append(Turn(number, name, *(_take(session, name) for session in sessions)))
            if self.difference is None and not turns[-1].same:
                self.difference = turns[-1]
                self.apart = apart(*(session.board() for session in sessions))
        self.turns = tuple(turns)
        self.apart_at_end = apart(*(session.board() for session in sessions))
        ends = [session.trace().broken for session in sessions]
        self.ends = tuple(f"breaks {name or 'nothing'}" for name in ends)

    def __str__(self) -> str:
        first, second = self.names
        lines = [f"{first} and {second}, by {self.code}", ""]
        for turn in self.turns:
            mark = "   <- the first difference" if turn is self.difference else ""
            lines.append(f"{turn.number:>3}. {turn.actor}{mark}")
            for name, words in self._halves(turn):
                text = f"     {name}: {words}."
                lines += textwrap.wrap(text, WIDTH, subsequent_indent=" " * 7)
        lines.append("")
        for sentence in self.sentences():
            lines += textwrap.wrap(sentence, WIDTH, subsequent_indent="  ")
        return "\n".join(lines)

    __repr__ = __str__

    def _halves(self, turn: Turn) -> Iterator[tuple[str, str]]:
        """Give (who, what it did); what both did first is told once."""
        if turn.same:
            yield "both", turn.first.words
            return
        agree = turn.agree
        if agree:
            yield "both", "; ".join(turn.first.effects[:agree])
        for name, half in zip(self.names, (turn.first, turn.second), strict=True):
            rest = half.actions[agree:]
            if rest or not half.actions:
                yield name, ("then " if agree else "") + replace(half, actions=rest).words
            else:
                yield name, "then nothing more"

    def sentences(self) -> Iterator[str]:
        """Give in sentences where the two differ first, in what, and how each ends."""
        turn = self.difference
        same = f"They do the same in all {len(self.turns)} turns."
        yield same if turn is None else f"They differ first in turn {turn.number}, {turn.actor}'s."
        if turn is not None:
            yield f"After it {self._told(self.apart)}."
        if turn not in (None, self.turns[-1]):
            still = self.apart and self.apart == self.apart_at_end
            yield f"At the end {'that is still so' if still else self._told(self.apart_at_end)}."
        for name, end in zip(self.names, self.ends, strict=True):
            yield f"{name}: {end} on this path."

    def _told(self, found: tuple) -> str:
        told = ". ".join(_upper(each.sentence(*self.names)) for each in found)
        return (
            f"the two systems differ. {told}"
            if told
            else "the two systems differ in nothing that the actors share"
        )

    def svg(self) -> str:
        """Return the two beside each other as an SVG picture; `tdplib.draw(compare)` shows it."""
        from .draw.halves import halves

        return halves(self)

    def html(self) -> str:
        """Return a page of its own, without scripts."""
        title = html.escape(" and ".join(self.names))
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
            f"<style>:root{{color-scheme:light dark}}body{{margin:16px;background:Canvas}}</style>"
            f"<body>{self._repr_html_()}</body></html>\n"
        )

    def _repr_html_(self) -> str:
        first, second = map(html.escape, self.names)
        rows = "".join(self._row(turn) for turn in self.turns)
        said = "".join(f"<p>{html.escape(s)}</p>" for s in self.sentences())
        return (
            f'<div class="tdp-compare"><style>{_STYLE}</style>{said}<table>'
            f"<caption>{first} and {second}, turn by turn</caption>"
            f'<thead><tr><th scope="col">turn</th><th scope="col">{first}</th>'
            f'<th scope="col">{second}</th></tr></thead><tbody>{rows}</tbody></table>'
            f"<p>schedule <code>{html.escape(self.code)}</code></p></div>"
        )

    def _row(self, turn: Turn) -> str:
        if turn is self.difference:
            kind, word = "first", "the first difference"
        else:
            kind, word = ("same", "the same") if turn.same else ("differs", "differs")
        head = f'<th scope="row">{turn.number}. {html.escape(turn.actor)}<small>{word}</small></th>'
        cells = "".join(_cell(half, turn.agree) for half in (turn.first, turn.second))
        return f'<tr class="{kind}">{head}{cells}</tr>'


def _called(about: list) -> tuple[str, str]:
    """Return what the two are called: their protocols, "+code" behind it for one's own code."""
    names = [each.protocol + (OWN_CODE if each.own is not None else "") for each in about]
    if names[0] == names[1] and about[0].own is not about[1].own:
        return f"{names[0]} (first)", f"{names[1]} (second)"
    return names[0], names[1]


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _take(session: Session, name: str) -> Half:
    """Let the actor called `name` take its step, and say what came of it."""
    at = next((k for k, a in enumerate(session.system.actors) if a.name == name), None)
    if at is None:
        return Half(reason=f"there is no {name} in this version")
    try:
        step = session.step(at)
    except BlockedError as error:
        return Half(reason=str(error).partition("cannot move: ")[2])
    broken = session.broken()
    return Half(step.actions, broken=broken and broken.name)


def _cell(half: Half, agree: int) -> str:
    if not half.actions:
        return f'<td class="stuck">cannot move: {html.escape(half.reason)}</td>'
    last = half.actions[-1]
    where = f"<small>{html.escape(last.function)}, line {last.line}</small>"
    said = "".join(
        f"<li{' class=agree' if k < agree else ''}>{html.escape(effect)}</li>"
        for k, effect in enumerate(half.effects)
    )
    broken = f"<b>✗ breaks {html.escape(half.broken)}</b>" if half.broken else ""
    return f"<td>{where}<ul>{said}</ul>{broken}</td>"


_STYLE = """\
.tdp-compare{--edge:light-dark(#d5d9df,#3a4049);--soft:light-dark(#565d68,#a9b1bc);
--bad:light-dark(#b3161b,#ff9a94);--mark:light-dark(#fff3d6,#3d3017);color-scheme:light dark;
--ground:var(--jp-layout-color1,light-dark(#fff,#15181d));background:var(--ground);
padding:10px 12px;color:var(--jp-ui-font-color0,light-dark(#14171c,#eef0f3));
font:13px/1.45 system-ui,sans-serif}
body[data-jp-theme-light="true"] .tdp-compare{color-scheme:light}
body[data-jp-theme-light="false"] .tdp-compare{color-scheme:dark}
.tdp-compare p{margin:0 0 4px}
.tdp-compare table{border-collapse:collapse;table-layout:fixed;width:100%;margin:8px 0;
font-size:12.5px}
.tdp-compare caption{text-align:left;color:var(--soft)}
.tdp-compare :is(th,td){text-align:left;vertical-align:top;padding:4px 8px;
border:1px solid var(--edge);overflow-wrap:anywhere;white-space:normal;background:none}
.tdp-compare thead th:first-child{width:130px}
.tdp-compare th{font-weight:600}
.tdp-compare small{display:block;font-weight:400;font-size:11px;color:var(--soft)}
.tdp-compare ul{margin:0;padding-left:15px}
.tdp-compare :is(tr.same td,li.agree){color:var(--soft)}
.tdp-compare tr.first :is(th,td){background:var(--mark);border-block:2px solid}
.tdp-compare tr.first small{color:inherit}
.tdp-compare .stuck{font-style:italic}
.tdp-compare b{color:var(--bad)}
"""
