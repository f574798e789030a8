"""The protocols as data: same shape in all files, documented, small steps between neighbours."""

import ast
import difflib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tdplib import properties, protocols, scenarios
from tdplib.errors import BadValueError
from tdplib.protocols import worlds
from tdplib.protocols.table import TABLE

NAMES = protocols.names()
HEADINGS = ["Kernel", "Changed", "Why", "Breaks without", "Simplified"]
COMMITS = {"22b94c4b63eb", "8351779ce65f", "efd995dae5eb", "0df9dab891ff", "a955cad84cda"}
OTHER_FILES = {"__init__.py", "table.py", "_shared.py"}


def tree_of(name):
    return ast.parse((protocols.FOLDER / protocols.row(name).file).read_text())


def functions(tree):
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def signatures(tree):
    return [(f.name, [a.arg for a in f.args.args]) for f in functions(tree)]


def code_lines(tree):
    """The file without docstrings and comments, a line a statement."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef)) and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.unparse(tree).splitlines()


def test_every_row_of_the_table_has_a_file_and_every_file_a_row():
    files = {path.name for path in protocols.FOLDER.glob("*.py")} - OTHER_FILES
    assert files == {each.file for each in TABLE}
    assert len(TABLE) == 22 == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_functions_have_the_same_names_parameters_and_order_everywhere(name):
    assert signatures(tree_of(name)) == signatures(tree_of("v5.18"))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_under_study_is_also_shared(name):
    shared = {f.name for f in functions(ast.parse((protocols.FOLDER / "_shared.py").read_text()))}
    assert not shared & {f.name for f in functions(tree_of(name))}


@pytest.mark.parametrize("name", NAMES)
def test_module_docstring_says_name_version_change_reason_and_limits(name):
    lines = protocols.load(name).docstring.splitlines()
    assert lines[0].startswith(f"{name}: ")
    assert [line for line in lines[1:] if line and not line.startswith(" ")] == HEADINGS
    text = " ".join(lines)
    assert re.search(
        r"\b[0-9a-f]{12}\b|\bv\d\.\d+\b", text.partition("Changed")[0].split(":", 1)[1]
    ), "the Kernel paragraph names no version and no commit"


@pytest.mark.parametrize("name", [*NAMES, "_shared"])
def test_every_function_is_documented(name):
    file = "_shared.py" if name == "_shared" else protocols.row(name).file
    tree = ast.parse((protocols.FOLDER / file).read_text())
    assert [f.name for f in functions(tree) if not ast.get_docstring(f)] == []


def test_only_commits_that_are_sourced_are_cited():
    text = "".join(path.read_text() for path in protocols.FOLDER.glob("*.py"))
    text += Path(properties.__file__).read_text()
    cited = set(re.findall(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{12}\b", text))
    assert cited == COMMITS | {"cf4a8693d97a"}


@pytest.mark.parametrize("row", [r for r in TABLE if r.near], ids=lambda r: r.name)
def test_the_step_from_the_neighbour_is_small(row):
    ours, theirs = code_lines(tree_of(row.name)), code_lines(tree_of(row.near))
    changed = [d for d in difflib.ndiff(theirs, ours) if d[0] in "+-"]
    limit = {"seeded": 14, "variant": 4}.get(row.kind, 44)
    assert 0 < len(changed) <= limit, changed


def test_neighbours_come_earlier_in_the_course():
    for index, each in enumerate(TABLE):
        assert each.near is None or each.near in NAMES[:index]


@pytest.mark.parametrize("name", [*NAMES, "_shared"])
def test_functions_are_short(name):
    file = "_shared.py" if name == "_shared" else protocols.row(name).file
    for each in functions(ast.parse((protocols.FOLDER / file).read_text())):
        assert each.end_lineno - each.lineno < 26, each.name


def test_loading_reads_text_and_imports_no_protocol():
    code = (
        "import sys, tdplib.protocols as p\n"
        "for name in p.every_name(): p.load(name)\n"
        "bad = [m for m in sys.modules if m.startswith('tdplib.protocols.')"
        " and m not in ('tdplib.protocols.table', 'tdplib.protocols.worlds')]\n"
        "bad += [m for m in ('numba', 'numpy', 'tdplib.lang.kernel') if m in sys.modules]\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_protocol_carries_its_text_and_its_row():
    found = protocols.load("v5.18")
    assert [unit.name for unit in found.units] == ["_shared.py", "v5_18.py"]
    assert found.units[1].text == (protocols.FOLDER / "v5_18.py").read_text()
    assert found.has_queue
    assert not protocols.load("v6.6").has_queue
    assert found.scenario is scenarios.default("v5.18")


def test_an_unknown_protocol_names_the_nearest():
    with pytest.raises(BadValueError, match=r"'v5\.19'; did you mean 'v5\.1[78]'"):
        protocols.load("v5.19")


# Properties


def test_properties_stand_in_the_order_of_the_reference():
    text = (Path(properties.__file__).parent / "lang" / "REFERENCE.md").read_text()
    section = text.partition("## 5.")[2].partition("## 6.")[0]
    names = []
    for line in section.splitlines():
        if line.startswith("- "):
            head = line.partition(": ")[0] if ": " in line else line.partition(" is ")[0]
            names += re.findall(r"`([a-z]+(?:-[a-z]+)*)`", head)
            names += re.findall(r"above\. `(list-intact)`", line)
    assert names == [each.name for each in properties.PROPERTIES]


def test_sentences_are_sentences():
    for each in properties.PROPERTIES:
        for text in (each.sentence, each.why):
            assert text[0].isupper() or text.startswith(("refcount_t", "slots_lock", "mmu_lock"))
            assert text.endswith(".")
        assert each.kind in ("step", "end", "advice")
    assert {"wasted-zap"} == properties.ADVICE


def test_an_unknown_property_names_the_nearest():
    assert properties.find("zap-complete").kind == "step"
    with pytest.raises(BadValueError, match="did you mean 'zap-complete'"):
        properties.find("zap-completed")


def test_expected_verdicts_name_properties_that_exist():
    known = {each.name for each in properties.PROPERTIES} - properties.ADVICE
    for each in TABLE:
        assert set(each.expected.properties) <= known
        assert (each.expected.status == "violated") == bool(each.expected.properties)
        assert (each.expected.wasted_zap is None) == (each.expected.status == "violated")


# Scenarios


@pytest.mark.parametrize("name", NAMES)
def test_default_scenarios_have_two_vcpus_a_fault_each_and_two_updates(name):
    scenario = scenarios.default(name)
    assert scenario.vcpus >= 2
    assert scenario.faults >= 1
    assert scenario.updates >= 2
    assert scenario.unload == (name != "xchg-plain-rmw")


@pytest.mark.parametrize("name", NAMES)
def test_actors_run_functions_that_exist_with_the_right_arguments(name):
    protocol = protocols.load(name)
    known = {f.name: f for unit in protocol.units for f in functions(unit.tree)}
    everybody = scenarios.Scenario(nx_toggles=1, notifiers=2, markers=2, zap_all=1, workers=2)
    actors = everybody.actors(protocol)
    assert len({a.name for a in actors}) == len(actors)
    assert any(a.kind == "worker" for a in actors) == protocol.has_queue
    for actor in actors:
        assert len(actor.args) == len(known[actor.function].args.args), actor


def test_vcpus_fault_at_different_gfns_while_there_are_enough():
    scenario = scenarios.Scenario(vcpus=3, entries=2, first_gfn=1)
    assert [scenario.gfn(v) for v in range(3)] == [1, 0, 1]


def test_readers_come_after_the_vcpus_with_gfns_of_their_own():
    world = protocols.load("shared-drop")
    scenario = scenarios.Scenario(vcpus=1, updates=0, readers=2, entries=3)
    readers = [actor for actor in scenario.actors(world) if actor.kind == "reader"]
    assert [actor.name for actor in readers] == ["reader 0", "reader 1"]
    assert [actor.args for actor in readers] == [("kvm", 1), ("kvm", 2)]
    assert scenarios.Scenario(vcpus=0, updates=0, readers=1).actors(world), "a reader is somebody"


def test_scenarios_are_values():
    assert scenarios.vary("default", updates=2, name="default") == scenarios.SCENARIOS["default"]
    assert scenarios.vary("small", updates=3).roots == 4
    assert hash(scenarios.find("small")) == hash(scenarios.vary("small", name="small"))
    assert scenarios.find(None, "delist-at-queue").notifiers == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vcpus": 9}, "vcpus is 9"),
        ({"levels": 3}, "levels is 3"),
        ({"vcpus": 0, "updates": 0}, "nobody runs"),
        ({"vcpus": 1, "markers": 2}, "markers is 2, .* 0..1 here"),
    ],
)
def test_bad_scenarios_say_what_is_wrong(changes, words):
    with pytest.raises(BadValueError, match=words):
        scenarios.Scenario(**changes)


def test_no_two_scenarios_share_a_name():
    """A schedule code finds its scenario by the name alone."""
    for each in (*scenarios.SCENARIOS.values(), *scenarios.DEFAULTS.values()):
        assert scenarios.find(each.name) == each


def test_unknown_scenario_words_name_the_nearest():
    with pytest.raises(TypeError, match="no 'vcpu'; did you mean 'vcpus'"):
        scenarios.vary("small", vcpu=2)
    with pytest.raises(BadValueError, match="did you mean 'requeue'"):
        scenarios.find("re-queue")


def test_every_world_has_a_file_a_docstring_and_a_scenario_of_its_own():
    files = {path.name for path in worlds.FOLDER.glob("*.py")} - {"__init__.py"}
    assert files == {each.file for each in worlds.WORLDS}
    for each in worlds.WORLDS:
        world = protocols.load(each.name)
        assert world.docstring.startswith(f"{each.text or each.name}: ")
        assert each.name in scenarios.DEFAULTS
        assert not set(protocols.names()) & {each.name}


def test_a_world_names_the_only_actor_of_a_kind_in_its_own_words():
    world = protocols.load("unchecked-queue")
    names = [actor.name for actor in world.scenario.actors(world)]
    assert names == ["VM process", "others", "zap worker"]
    two = scenarios.vary(world.scenario, vcpus=2)
    assert [actor.name for actor in two.actors(world)][:2] == ["vCPU 0", "vCPU 1"]
