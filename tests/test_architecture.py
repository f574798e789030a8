"""House rules as tests: layers one way, one decorator for kernels, no print, no assert."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tdplib"

LAYERS = {
    # 0: what knows nothing
    "_interrupt": 0, "_jit": 0, "_jit_cache": 0, "_sources": 0, "errors": 0, "store": 0, "": 0,
    # 1: bits, and names that need none
    "words": 1, "words.bits": 1, "words.gfn": 1, "words.glossary": 1, "words.role": 1,
    "words.spte": 1,
    # 2: simulated memory
    "machine": 2, "machine._pagetable_kernels": 2, "machine._refcount_kernels": 2,
    "machine._refcount_rules": 2, "machine._zap_kernels": 2, "machine.pagetable": 2,
    "machine.refcount": 2, "machine.results": 2, "machine.tree": 2, "machine.view": 2,
    # 3: kernel Python
    "lang": 3, "lang.calls": 3, "lang.changes": 3, "lang.errors": 3, "lang.expressions": 3,
    "lang.flow": 3,
    "lang.grammar": 3, "lang.grammar_expressions": 3, "lang.grammar_messages": 3,
    "lang.independence": 3, "lang.ir": 3, "lang.kernel": 3, "lang.kernel._stub": 3,
    "lang.kernel.atomics": 3, "lang.kernel.constants": 3, "lang.kernel.locks": 3,
    "lang.kernel.model": 3, "lang.kernel.rcu": 3, "lang.kernel.work": 3, "lang.lower": 3,
    "lang.parsing": 3, "lang.refusals": 3, "lang.shape": 3, "lang.source": 3, "lang.symbols": 3,
    "lang.values": 3,
    "lang.world": 3,
    # 4: its machine
    "vm": 4, "vm._entry": 4, "vm._field": 4, "vm._list": 4, "vm._lock": 4, "vm._look": 4,
    "vm._memo": 4, "vm._memory": 4, "vm._model": 4, "vm._numbers": 4, "vm._private": 4,
    "vm._queue": 4, "vm._rcu": 4, "vm._run": 4, "vm._tlb": 4, "vm.codes": 4, "vm.decode": 4,
    "vm.image": 4, "vm.layout": 4, "vm.system": 4,
    # 5: every interleaving of it; and, knowing nothing of that, the protocols as data
    "search": 5, "search._bfs": 5, "search._cover": 5, "search._edges": 5, "search.cover": 5,
    "search._ways": 5, "search.ways": 5,
    "search._guard": 5, "search._shortest": 5,
    "search.explore": 5, "search.graph": 5, "search.guard": 5, "search.shortest": 5,
    "properties": 6, "scenarios": 6, "protocols": 6, "protocols.table": 6, "protocols.worlds": 6,
    # 7: traces
    "replay": 7, "replay.board": 7, "replay.boardtext": 7, "replay.narrate": 7,
    "replay.needed": 7, "replay.recount": 7,
    "replay.schedule": 7, "replay.session": 7, "replay.stepping": 7, "replay.subject": 7,
    "replay.trace": 7, "replay.uses": 7, "replay.why": 7,
    # 8: the facade, and the pictures
    "check": 8, "compare": 8, "ending": 8, "export": 8, "guard": 8, "outlook": 8, "player": 8,
    "draw._arrows": 8, "draw.halves": 8, "replay.apart": 7,
    "background": 8, "watch": 8, "widgets.running": 9, "widgets._answering": 9,
    "ladder": 8, "ladder.bests": 8, "ladder.level": 8, "ladder.play": 8, "ladder.saving": 8,
    "ladder.scoring": 8,
    "another": 8, "coverage": 8, "draw.coverage": 8, "draw.space": 8, "statespace": 8,
    "statistics": 8, "draw.statistics": 8,
    "draw": 8, "draw._locks": 8, "draw._plan": 8, "draw._rows": 8, "draw._strip": 8,
    "draw._svg": 8, "draw.board": 8, "draw.dot": 8, "draw.page": 8, "draw.perfetto": 8,
    "draw.swimlanes": 8, "draw._boardtree": 8, "draw._picture": 8, "draw._treeplan": 8,
    "draw.tree": 8, "draw.figures": 8, "draw.figures._parts": 8, "draw.figures.life": 8,
    "draw.figures.locks": 8, "draw.figures.queue": 8, "draw.figures.roleword": 8,
    "draw.figures.tables": 8, "draw.figures.versions": 8,
    "atlas": 8, "atlas.making": 8, "atlas.rows": 8,
    # 9: what people hold in their hands
    "figure": 9, "figure.holds": 9, "figure.lives": 9, "figure.queueing": 9,
    "widgets": 9, "widgets._assets": 9, "widgets.game": 9,
    "widgets.interleaver": 9, "widgets.offline": 9,
    "widgets.packing": 9, "widgets.snapshot": 9,
    "widgets.tables": 9, "widgets.terms": 9,
    "labs": 9, "labs.breaking": 9, "labs.build": 9, "labs.detours": 9,
    "labs.cost": 9, "labs.measure": 9,
    "labs.exercise": 9, "labs.guarding": 9,
    "labs.hints": 9,
    "labs.judge": 9, "labs.learner": 9, "labs.mutants": 9, "labs.mutations": 9,
    "labs.mutations_atomic": 9, "labs.page": 9, "labs.proofs": 9,
    "labs.progress": 9, "labs.report": 9, "labs.sources": 9, "labs.verify": 9,
    "widgets.statespace": 9,
    "offline": 10, "progress": 10,
    # 10: the shell
    "doctor": 10, "cli": 10, "cli._parser": 10, "cli._say": 10, "cli._verbs": 10,
    "cli._warming": 10, "cli.checking": 10, "cli.comparing": 10, "cli.figures": 10, "cli.labs": 10,
    "cli.ladder": 10, "cli.lists": 10,
    "cli.machine": 10, "cli.playing": 10, "cli.replaying": 10, "__main__": 10,
}  # fmt: skip
"""
Every module and its layer; a new file must be placed here.

A module imports from its own layer and from lower ones. `FORBIDDEN` says what is more.
"""

FORBIDDEN = {
    "search": ("words", "machine", "lang", "protocols", "scenarios", "properties"),
    "replay": ("search", "check", "draw"),
    "check": ("draw",),
    "draw": ("check", "search", "widgets", "vm", "lang"),
    "protocols": ("search", "vm", "replay"),
    "scenarios": ("search", "vm", "lang", "replay"),
    "properties": ("search", "vm", "lang", "replay"),
    "machine": ("lang", "vm"),
    "lang": ("machine", "vm"),
    "vm": ("search", "protocols"),
    "widgets": ("search", "vm", "lang", "check"),
}
"""Part -> parts it must not know even where the order of layers would allow it."""

DATA = set((PACKAGE / "protocols").rglob("*.py")) - {
    PACKAGE / "protocols" / name for name in ("__init__.py", "table.py", "worlds/__init__.py")
}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path not in DATA)
TREES = {path: ast.parse(path.read_text(), str(path)) for path in FILES}


def name_of(path):
    """The module's name below tdplib: "vm.layout"; "" is the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def imports(path, tree=None):
    """(line, module of tdplib or of others) of every import, those inside functions too."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree or TREES[path]):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            full = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{full}.{alias.name}"
                known = inner.removeprefix("tdplib.") in MODULES
                yield node.lineno, inner if known and inner.startswith("tdplib.") else full


def inside(path, tree=None):
    """(line, name below tdplib) of every import from tdplib."""
    for line, full in imports(path, tree):
        if full == "tdplib" or full.startswith("tdplib."):
            yield line, full.removeprefix("tdplib").removeprefix(".")


def wrong_imports(name, path, tree=None):
    """Imports of a module that its layer does not allow, as texts."""
    part = name.partition(".")[0]
    for line, other in inside(path, tree):
        forbidden = other.partition(".")[0] in FORBIDDEN.get(part, ())
        if LAYERS[other] > LAYERS[name] or forbidden:
            yield f"tdplib/{path.relative_to(PACKAGE)}:{line}: {name} imports {other or 'tdplib'}"


def test_every_module_has_a_layer():
    assert set(MODULES) == set(LAYERS)


def test_layers_are_one_way():
    wrong = [text for name, path in MODULES.items() for text in wrong_imports(name, path)]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("vm.system", "from ..search.explore import explore"),
        ("errors", "def f():\n    from .words import role"),
        ("search.explore", "from .. import protocols"),
        ("draw.dot", "import tdplib.check"),
        ("lang.lower", "from ..vm import codes"),
    ],
)
def test_a_wrong_import_is_seen(name, line):
    assert list(wrong_imports(name, MODULES[name], ast.parse(line)))


def test_parts_import_no_circle():
    """A part, a package or a file beside it, never leads back to itself through others."""
    edges = {}
    for name, path in MODULES.items():
        others = {other.partition(".")[0] for _, other in inside(path)}
        edges.setdefault(name.partition(".")[0], set()).update(others - {name.partition(".")[0]})
    reached = {part: set(edges[part]) for part in edges if part}
    for _ in reached:
        for seen in reached.values():
            seen |= {more for other in list(seen) if other for more in edges.get(other, ())}
    assert [part for part, seen in reached.items() if part in seen] == []


def test_only_the_one_decorator_compiles():
    users = {name for name, path in MODULES.items() for _, m in imports(path)
             if m.partition(".")[0] in ("numba", "llvmlite")}  # fmt: skip
    assert users <= {"_jit", "_jit_cache", "doctor"}, "numba is _jit's; _jit_cache hooks its cache"
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            word = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
            if word in ("njit", "jit", "vectorize", "guvectorize", "cfunc", "prange"):
                assert name_of(path) == "_jit", f"{path}:{node.lineno}: {word}"


def test_widget_and_notebook_packages_stay_in_their_place():
    allowed = {
        "ipywidgets": ("widgets", "doctor", "labs"),
        "anywidget": ("widgets", "doctor"),
        "traitlets": ("widgets",),
        "IPython": ("widgets", "draw", "labs", "lang", "cli", "watch"),
        "graphviz": ("draw", "doctor"),
        "pygraphviz": ("draw", "doctor"),
        "jupytext": ("labs", "cli", "doctor"),
        "nbformat": ("labs",),
    }
    for name, path in MODULES.items():
        for line, other in imports(path):
            places = allowed.get(other.partition(".")[0])
            assert places is None or name.partition(".")[0] in places, f"{path}:{line}: {other}"


def calls(tree, *names):
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [node for node in found if getattr(node.func, "id", "") in names]


def test_no_print_outside_the_command_line():
    told = [f"{path}:{n.lineno}" for path, tree in TREES.items() for n in calls(tree, "print")
            if name_of(path).partition(".")[0] != "cli"]  # fmt: skip
    assert told == []


def test_nothing_is_executed_or_asserted():
    """No eval, exec or compile: a learner's text is parsed. No assert: it vanishes under -O."""
    wrong = []
    for path, tree in TREES.items():
        wrong += [f"{path}:{n.lineno}" for n in ast.walk(tree) if isinstance(n, ast.Assert)]
        wrong += [f"{path}:{n.lineno}" for n in calls(tree, "eval", "exec", "__import__")]
    assert wrong == []


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_kernel(node):
    return any(getattr(d, "id", "") == "kernel" for d in getattr(node, "decorator_list", ()))


def undocumented(tree):
    """Public functions, methods and classes, and all kernels, that have no docstring."""
    if not ast.get_docstring(tree):
        yield 1, "the module"
    todo = [(node, True) for node in tree.body]
    while todo:
        node, public = todo.pop()
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            continue
        public = public and not node.name.startswith("_")
        overload = any(getattr(d, "id", "") == "overload" for d in node.decorator_list)
        if (public or is_kernel(node)) and not ast.get_docstring(node) and not overload:
            yield node.lineno, node.name
        if isinstance(node, ast.ClassDef):
            todo += [(inner, public) for inner in node.body]


def test_public_names_and_kernels_are_documented():
    wrong = {path: [*undocumented(tree)] for path, tree in TREES.items()}
    assert {str(path): names for path, names in wrong.items() if names} == {}


def test_kernels_are_in_private_modules():
    """A facade validates; a kernel takes arrays and integers."""
    for path, tree in TREES.items():
        if any(is_kernel(node) for node in ast.walk(tree)):
            assert path.name.startswith("_"), path


def test_kernels_neither_raise_nor_print():
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if is_kernel(node):
                inner = [n for n in ast.walk(node) if isinstance(n, ast.Raise)]
                assert inner == [], f"{path}:{node.lineno}: {node.name} raises"


def test_files_and_functions_stay_short():
    for path, tree in TREES.items():
        file = str(path.relative_to(PACKAGE))
        lines = len(path.read_text().splitlines())
        assert lines <= 500, file
        for node in ast.walk(tree):
            if isinstance(node, FUNCTIONS):
                documented = ast.get_docstring(node) and len(node.body) > 1
                length = node.end_lineno - node.body[1 if documented else 0].lineno
                assert length < 80, f"{file}: {node.name}"


HEAVY = ("numba", "numpy", "ipywidgets", "anywidget", "graphviz", "pygraphviz", "IPython")


@pytest.mark.parametrize(
    "what", ["import tdplib", "from tdplib import check, replay, draw, figure", "import tdplib.cli"]
)
def test_import_is_light(what, record_property):
    code = (
        f"import sys, time\nbefore = time.perf_counter()\n{what}\n"
        "print(time.perf_counter() - before)\n"
        f"print(*[m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    seconds, loaded = run.stdout.split("\n")[:2]
    print(f"{what}: {float(seconds) * 1000:.0f} ms")
    record_property("seconds", float(seconds))
    assert loaded == ""
