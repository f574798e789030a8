"""Coverage of a check as text and as HTML: the source with marks beside its lines."""

from __future__ import annotations

from tdplib.draw._svg import escape

__all__ = ["coverage_html", "coverage_text"]

NEVER = "never"
ONE_WAY = {True: "never false", False: "never true", None: ""}


def coverage_text(told: dict) -> str:
    """Return a coverage (as `Coverage.to_dict` gives it) as plain text."""
    lines = [headline(told), *told["notes"]]
    lines.append("Beside each line: how many transitions begin its statement.")
    for function in told["functions"]:
        lines += ["", f"{summary(function)}", *(f"  {r}" for r in function["remarks"])]
        if is_idle(function):
            continue
        lines.append("")
        width = max(len(count(line)) for line in function["lines"])
        for line in function["lines"]:
            mark = ONE_WAY[line["one_way"]]
            source = line["source"].rstrip()
            row = f"{line['number']:>6}  {count(line):>{width}}  {source}"
            lines.append((f"{row:78}  <- {mark}" if mark else row).rstrip())
    return "\n".join(lines)


def headline(told: dict) -> str:
    """Return what was looked at, in one line."""
    asked = sum(1 for f in told["functions"] for line in f["lines"] if line["kind"] == "statement")
    never = sum(len(f["never"]) for f in told["functions"])
    return (
        f"{asked - never} of {asked} lines run in some interleaving   [{told['protocol']}, "
        f"scenario {told['scenario']}: {told['states']:,} states, "
        f"{told['transitions']:,} transitions]"
    )


def summary(function: dict) -> str:
    """Return how much of a function runs, in one line."""
    asked = [line for line in function["lines"] if line["kind"] == "statement"]
    ran = len(asked) - len(function["never"])
    return f"{function['name']} ({function['file']}): {ran} of {len(asked)} lines run"


def is_idle(function: dict) -> bool:
    """Tell whether nothing of a function runs: then one sentence says all."""
    return all(line["never"] for line in function["lines"] if line["kind"] == "statement")


def count(line: dict) -> str:
    """Return what stands in the margin of a line: the transitions that begin it."""
    if line["kind"] != "statement":
        return line["kind"]
    return NEVER if line["never"] else f"{line['transitions']:,}"


def coverage_html(told: dict) -> str:
    """Return a coverage as HTML with its own style; everything in it is escaped."""
    notes = "".join(f"<p class=note>{escape(note)}</p>" for note in told["notes"])
    parts = "".join(map(_function, told["functions"]))
    return (
        f'<div class="tdp-coverage"><style>{_STYLE}</style>'
        f"<p><b>{escape(headline(told))}</b></p>{notes}{parts}</div>"
    )


def _function(function: dict) -> str:
    remarks = "".join(f"<li>{escape(remark)}</li>" for remark in function["remarks"])
    if is_idle(function):
        return f"<p>{escape(summary(function))}</p><ul>{remarks}</ul>"
    rows = "".join(map(_row, function["lines"]))
    return (
        f"<p>{escape(summary(function))}</p>{remarks and f'<ul>{remarks}</ul>'}<table>"
        f"<caption>{escape(function['name'])}: each line, and how many transitions begin it"
        '</caption><thead><tr><th scope="col">line</th><th scope="col">transitions</th>'
        f'<th scope="col">source</th><th scope="col">condition</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _row(line: dict) -> str:
    kind = "never" if line["never"] else "way" if line["one_way"] is not None else "soft"
    mark = {"never": "✗ ", "way": "", "soft": ""}[kind]
    return (
        f'<tr class="{kind if line["kind"] == "statement" else "none"}"><td>{line["number"]}</td>'
        f"<td>{mark}{escape(count(line))}</td><td><code>{escape(line['source'].rstrip())}</code>"
        f"</td><td>{escape(ONE_WAY[line['one_way']])}</td></tr>"
    )


_STYLE = """\
.tdp-coverage{--edge:light-dark(#d5d9df,#3a4049);--soft:light-dark(#565d68,#a9b1bc);
--bad:light-dark(#b3161b,#ff9a94);--badbg:light-dark(#fdeeee,#3b1d1f);
--mark:light-dark(#7a3e00,#ffd08a);--markbg:light-dark(#fff3d6,#3d3017);color-scheme:light dark;
--ground:var(--jp-layout-color1,light-dark(#fff,#15181d));background:var(--ground);
padding:10px 12px;color:var(--jp-ui-font-color0,light-dark(#14171c,#eef0f3));
font:13px/1.45 system-ui,sans-serif}
body[data-jp-theme-light="true"] .tdp-coverage{color-scheme:light}
body[data-jp-theme-light="false"] .tdp-coverage{color-scheme:dark}
.tdp-coverage p{margin:6px 0 2px}.tdp-coverage p.note{color:var(--mark)}
.tdp-coverage ul{margin:0 0 4px;padding-left:18px}
.tdp-coverage table{border-collapse:collapse;margin:4px 0 12px;font-size:12px}
.tdp-coverage caption{text-align:left;color:var(--soft)}
.tdp-coverage :is(th,td){text-align:right;vertical-align:top;padding:0 8px;border:0;
background:none;white-space:nowrap;color:inherit}
.tdp-coverage th{font-weight:400;color:var(--soft);border-bottom:1px solid var(--edge)}
.tdp-coverage :is(th,td):nth-child(n+3){text-align:left}
.tdp-coverage td:nth-child(3){white-space:pre-wrap;overflow-wrap:anywhere}
.tdp-coverage code{font:11.5px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;
background:none;color:inherit;padding:0;white-space:pre-wrap}
.tdp-coverage td:first-child,.tdp-coverage tr.none td{color:var(--soft)}
.tdp-coverage tr.never td{background:var(--badbg);color:var(--bad)}
.tdp-coverage tr.way td{background:var(--markbg)}
.tdp-coverage tr.way td:last-child{color:var(--mark)}
"""
