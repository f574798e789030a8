"""
Mutated kernel Python through the front end, in a process of its own.

`python tests/fuzz_language.py FIRST COUNT` tries the sources of COUNT seeds. It writes each seed
before it tries it and the outcome behind it, so that whoever reads along knows the source that
crashed, hung or ran something; `python tests/fuzz_language.py SEED` shows that source.
"""

import ast
import collections
import faulthandler
import random
import re
import sys
import traceback
from pathlib import Path

from tdplib.errors import TdplibError
from tdplib.lang.errors import LanguageError
from tdplib.lang.grammar import check_unit
from tdplib.lang.source import unit_from

PROTOCOLS = Path(sys.modules["tdplib.errors"].__file__).parent / "protocols"
SECONDS = 20
"""One source takes milliseconds; this long is a hang."""

TRIPWIRES = [
    "__import__('os').system('touch {trip}')",
    "open('{trip}', 'w').write('x')",
    'exec(\'open("{trip}", "w")\')',
    'eval(\'__import__("os").mkdir("{trip}")\')',
    "().__class__.__base__.__subclasses__()",
    "(lambda: open('{trip}', 'w'))()",
    "[open('{trip}', 'w') for _ in range(1)]",
    'f\'{{open("{trip}", "w")}}\'',
    "breakpoint()",
    "print(1, file=open('{trip}', 'w'))",
]
LINES = [
    "@{wire}\ndef decorated(kvm):\n    pass",
    "def defaults(kvm, x={wire}):\n    pass",
    "def annotated(kvm: {wire}) -> {wire}:\n    pass",
    "class kvm({wire}):\n    x: u8",
    "class kvm:\n    x: {wire} = {wire}",
    "X = {wire}",
    "{wire}",
    "import antigravity",
    "from os import *",
    "assert {wire}",
    "for x in {wire}:\n    pass",
]
TOKENS = (
    """
    ( ) [ ] {{ }} : , ; . = == != < > <= >= + - * / // % ** & | ^ ~ << >> @ -> := += -= |= ... \\ #
    and or not is in if elif else while for break continue return def class pass None True False
    try except finally raise with as import from lambda yield async await del global nonlocal match
    0 1 2 -1 0x7fffffffffffffff 0x8000000000000000 99999999999999999999 1.5 2j 'x' b'x' f'{{x}}' '''
    kvm vcpu root page work root.role root.role.invalid root.role.word root.spt root.spt[0] _ __x
    root.tdp_mmu_root_count root.link root.rcu_head root.tdp_mmu_async_work root.tdp_mmu_async_data
    kvm.mmu_lock kvm.slots_lock kvm.arch kvm.arch.tdp_mmu_roots kvm.arch.tdp_mmu_zap_wq vcpu.kvm
    vcpu.arch.mmu.root vcpu.arch.mmu.root_role kvm_mmu_page range list_for_each_entry print eval
    xchg cmpxchg try_cmpxchg refcount_inc refcount_dec_and_test read_lock write_lock write_unlock
    mutex_lock mutex_unlock spin_lock rcu_read_lock call_rcu INIT_WORK queue_work flush_workqueue
    container_of WARN_ON_ONCE tdp_mmu_alloc_sp kvm_tdp_mmu_put_root kvm_make_all_cpus_request
    PT_ENTRIES SPTE_MMU_PRESENT_MASK RET_PF_RETRY KVM_REQ_MMU_FREE_OBSOLETE_ROOTS x old role
""".replace("{{", "{")
    .replace("}}", "}")
    .split()
)
CHARACTERS = "()[]{}:,;.=<>+-*/%&|^~!@#'\"\\ \t\n\r\0\x0c_ax019éẞ√\u202e\u200b\ufeff\ud800😀"
PIECE = re.compile(r"\w+(?:\.\w+)*|\s+|.", re.DOTALL)


def functions():
    """Return the text of every function and class of the protocols."""
    texts = []
    for path in sorted(PROTOCOLS.glob("*.py")):
        if path.name not in ("__init__.py", "table.py"):
            lines = path.read_text().split("\n")
            texts += [
                "\n".join(lines[node.lineno - 1 : node.end_lineno])
                for node in ast.parse("\n".join(lines)).body
                if isinstance(node, (ast.FunctionDef, ast.ClassDef))
            ]
    return sorted(set(texts))


# --- mutations: each takes the text and a random generator, and gives a text


def change_characters(text, rng):
    chars = list(text)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(chars) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            chars.insert(at, rng.choice(CHARACTERS))
        elif kind == 1:
            chars[at : at + rng.choice((1, 1, 1, 8))] = ""
        elif kind == 2:
            chars[at : at + 1] = rng.choice(CHARACTERS)
        else:
            chars[at : at + 2] = reversed(chars[at : at + 2])
    return "".join(chars)


def change_tokens(text, rng):
    pieces = PIECE.findall(text)
    places = [i for i, piece in enumerate(pieces) if not piece.isspace()]
    for _ in range(rng.randint(1, 4)):
        at, other = rng.choice(places), rng.choice(places)
        kind = rng.randrange(6)
        if kind < 3:
            pieces[at] = rng.choice(TOKENS)
        elif kind == 3:
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif kind == 4:
            pieces[at] = pieces[other]
        else:
            pieces[at] = rng.choice(("", pieces[at] + " " + rng.choice(TOKENS)))
    return "".join(pieces)


def change_names(text, rng):
    """Put another name or number in the place of one: most of these are still kernel Python."""
    pieces = PIECE.findall(text)
    words = [i for i, piece in enumerate(pieces) if re.match(r"\w", piece)]
    for _ in range(rng.randint(1, 3)):
        pieces[rng.choice(words)] = pieces[rng.choice(words)]
    return "".join(pieces)


def change_lines(text, rng):
    lines = text.split("\n")
    for _ in range(rng.randint(1, 3)):
        at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        kind = rng.randrange(5)
        if kind == 0:
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 1:
            lines.insert(at, lines[other])
        elif kind == 2 and len(lines) > 1:
            del lines[at]
        elif kind == 3:
            lines[at] = rng.choice(("    ", "  ", "\t", "")) + lines[at].removeprefix("    ")
        else:
            lines[at] = lines[at] * rng.choice((2, 50))
    return "\n".join(lines)


def plant_a_tripwire(text, rng):
    wire = rng.choice(TRIPWIRES)
    if rng.randrange(2):
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        indent = re.match(r" *", lines[at]).group()
        new = rng.choice(LINES).replace("{wire}", wire).split("\n")
        return "\n".join(lines[:at] + [indent + line for line in new] + lines[at:])
    pieces = PIECE.findall(text)
    words = [i for i, piece in enumerate(pieces) if re.match(r"\w", piece)]
    pieces[rng.choice(words)] = wire
    return "".join(pieces)


def nest(text, rng):
    """Repeat something that nests, far or near."""
    pieces = PIECE.findall(text)
    words = [i for i, piece in enumerate(pieces) if re.match(r"\w", piece)]
    left, right = rng.choice((("(", ")"), ("not ", ""), ("-", ""), ("f(", ")"), ("", " + 1")))
    times = rng.choice((3, 20, 40, 300))
    at = rng.choice(words)
    pieces[at] = left * times + pieces[at] + right * times
    return "".join(pieces)


MUTATIONS = (
    (change_characters, 5),
    (change_tokens, 5),
    (change_names, 5),
    (change_lines, 3),
    (plant_a_tripwire, 3),
    (nest, 1),
)


def source(seed, texts):
    """Return the mutated source of a seed."""
    rng = random.Random(seed)
    parts = [rng.choice(texts) for _ in range(rng.choice((1, 1, 2)))]
    text = "\n\n\n".join(dict.fromkeys(parts)) + "\n"
    mutations, weights = zip(*MUTATIONS, strict=True)
    for mutate in rng.choices(mutations, weights, k=rng.choice((1, 1, 2))):
        text = mutate(text, rng) if text.strip() else text
    return text.replace("{trip}", "tripwire")


# --- the front end


def compile_with(unit):
    """Compile and pack the unit on top of v5.18 for the actors of its default scenario."""
    from tdplib.protocols import load
    from tdplib.vm.system import Actor, build

    protocol = load("v5.18")
    specs = protocol.scenario.actors(protocol)
    actors = tuple(Actor(s.name, s.kind, s.function, s.args) for s in specs)
    system = build((*protocol.units, unit), actors)
    assert system.fingerprint
    assert system.image is not None


def front_end(text):
    """Everything between the learner's text and the machine; raises LanguageError or nothing."""
    unit = unit_from(text)
    check_unit(unit)
    compile_with(unit)


def check_error(error, text):
    """Check that an error says all that it must."""
    assert error.found, "found is empty"
    assert error.write, "write is empty"
    assert "\n" not in error.found + error.write, "more than a line"
    assert len(error.found + error.write) < 400, "longer than anybody reads"
    assert str(error).count("\n") <= 3, "more than four lines"
    if error.file == "<text>" and error.line:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert error.source_line == lines[error.line - 1], "the line is another one"
        assert 1 <= error.column <= len(error.source_line) + 1, "the column is beside the line"


def outcome(text):
    """Return what became of a source: accepted, refused by what, or a fault of ours."""
    try:
        front_end(text)
    except LanguageError as error:
        try:
            check_error(error, text)
        except AssertionError as wrong:
            return f"FAULT {wrong}: {error!r}"
        return "refused " + re.sub(r"\s+", " ", re.sub(r"`.*?`|\d+", "…", error.found))
    except TdplibError as error:
        return f"FAULT not a LanguageError: {error!r}"
    except BaseException:
        return "FAULT " + traceback.format_exc().replace("\n", " / ")
    return "accepted"


RUNS = re.compile(r"exec$|os\.(?!listdir|scandir|walk|fwalk)|subprocess|socket|shutil|ctypes")


def watch(tripped):
    """Note every event of the interpreter that means that something is run or written."""

    def hook(event, args):
        if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
            tripped[f"opens {args[0]}"] += 1
        elif RUNS.match(event):
            tripped[event] += 1

    sys.addaudithook(hook)


def main(first, count):
    texts = functions()
    for text in texts:  # imports what is imported late, before anything is watched
        outcome(text)
    tripped = collections.Counter()
    watch(tripped)
    for seed in range(first, first + count):
        print(seed, end=" ", flush=True)
        text = source(seed, texts)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        result = outcome(text)
        faulthandler.cancel_dump_traceback_later()
        if tripped:
            result = f"FAULT it ran {dict(tripped)}"
            tripped.clear()
        print(result.encode("ascii", "backslashreplace").decode(), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(source(int(sys.argv[1]), functions()))
        print("->", outcome(source(int(sys.argv[1]), functions())))
    else:
        main(int(sys.argv[1]), int(sys.argv[2]))
