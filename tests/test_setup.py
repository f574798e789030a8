"""Installing and starting: the locks, the Makefile, the public face, the doctor."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import webbrowser
from inspect import signature
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import tdplib
from tdplib import doctor

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


# Locks


def pins(name):
    """The `name==version` of a requirements file."""
    text = (ROOT / name).read_text()
    return dict(re.findall(r"^([\w.-]+)==([\w.+]+)", text, flags=re.M))


@pytest.mark.parametrize("name", ["requirements", "requirements-test"])
def test_lock_holds_every_pin_with_hashes_and_names_no_host(name):
    text = (ROOT / f"{name}.lock").read_text()
    assert pins(f"{name}.txt").items() <= pins(f"{name}.lock").items()
    entries = re.split(r"\n(?=\w)", text)
    assert len(entries) > 50
    for entry in entries:
        assert "--hash=sha256:" in entry, entry
    assert "://" not in text
    assert "--index" not in text


def test_tests_run_what_a_learner_runs():
    assert pins("requirements.lock").items() <= pins("requirements-test.lock").items()


def test_every_requirement_is_pinned_and_explained():
    for name in ("requirements.txt", "requirements-test.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r ")):
                assert re.fullmatch(r"[\w-]+==[\w.]+ +# .+", line), line


def test_ranges_of_the_package_admit_the_pinned_versions():
    ours = pins("requirements.txt")
    ranges = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["labs"]
    for requirement in map(Requirement, ranges):
        assert ours[requirement.name] in requirement.specifier, requirement


def test_every_direct_dependency_has_its_reason_in_contributing():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for name in pins("requirements.txt") | pins("requirements-test.txt"):
        assert re.search(rf"^\|[^|]*\b{re.escape(name)}\b", text, flags=re.M), name


# The range of Pythons is said in three places


def test_python_versions_agree():
    (low, high) = doctor._PYTHONS
    said = SpecifierSet(PROJECT["requires-python"])
    assert said == SpecifierSet(f">={low[0]}.{low[1]},<{high[0]}.{high[1]}")
    assert f"({low[0]}, {low[1]}) <= sys.version_info < ({high[0]}, {high[1]})" in makefile()
    minors = [c.rpartition(".")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c]
    assert minors == [str(minor) for minor in range(low[1], high[1])]


def test_version_is_in_the_changelog():
    assert f"\n## {tdplib.__version__} " in (ROOT / "CHANGELOG.md").read_text()


# The Makefile, with a Python that only writes down what it is asked


def makefile():
    return (ROOT / "Makefile").read_text()


FAKE_PYTHON = """#!/bin/sh
case "$*" in
  *sys.version_info*) exit {old} ;;
  *ensurepip*) exit {bare} ;;
  *alive*) echo alive; exit 0 ;;
  "-V") echo Python 3.13.7; exit 0 ;;
  "-m venv --clear .venv") rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
esac
echo "$*" >> asked
"""

needs_make = pytest.mark.skipif(not shutil.which("make"), reason="no make here")


@pytest.fixture
def kit(tmp_path):
    folder = tmp_path / "kit"
    (folder / "labs").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-test.lock"):
        shutil.copy(ROOT / name, folder)
    for name in ("lab10_b.ipynb", "lab07_a.ipynb"):
        (folder / "labs" / name).write_text("{}")
    return folder


def make(kit, *arguments, old=0, bare=0):
    """Run make; return its exit code, what it printed and what Python was asked."""
    python = kit.parent / "python"
    python.write_text(FAKE_PYTHON.format(old=old, bare=bare))
    python.chmod(0o755)
    (kit / "asked").write_text("")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    run = subprocess.run(
        ["make", *arguments, f"PYTHON={python}"],
        cwd=kit,
        env=environ | {"LC_ALL": "C"},
        capture_output=True,
        text=True,
    )
    return run.returncode, run.stdout + run.stderr, (kit / "asked").read_text().splitlines()


def installs(asked):
    return [line for line in asked if "pip install" in line or "-m venv" in line]


@needs_make
def test_make_lab_installs_warms_and_opens_the_first_lab(kit):
    code, said, asked = make(kit, "lab", "LAB_FLAGS=--no-browser")
    assert code == 0, said
    assert asked[0] == "-m venv --clear .venv"
    assert asked[1].endswith("--require-hashes -r requirements.lock")
    assert asked[2].endswith("--no-deps --no-build-isolation --editable .")
    assert "-m tdplib warm" in asked
    assert "/lab/tree/labs/lab07_a.ipynb " in asked[-1]
    assert asked[-1].endswith(" --no-browser")


@needs_make
def test_second_run_installs_nothing_again(kit):
    make(kit, "lab")
    assert installs(make(kit, "lab")[2]) == []
    first = installs(make(kit, "test")[2])
    assert len(first) == 1
    assert first[0].endswith("requirements-test.lock")
    os.utime(kit / "requirements.lock")
    assert installs(make(kit, "test")[2]) == []


@needs_make
def test_changed_lock_is_installed_and_moved_folder_made_anew(kit):
    make(kit, "test")
    with (kit / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    again = installs(make(kit, "test")[2])
    assert not any("venv" in line for line in again)
    assert any(line.endswith("requirements.lock") for line in again)
    moved = kit.rename(kit.parent / "moved")
    assert installs(make(moved, "lab")[2])[0] == "-m venv --clear .venv"
    (moved / ".venv/bin/python").unlink()
    assert installs(make(moved, "lab")[2])[0] == "-m venv --clear .venv"


@needs_make
@pytest.mark.parametrize(
    ("lack", "message"),
    [
        ({"old": 1}, "tdplib needs Python 3.11 to 3.14, and none of these is one: "),
        ({"bare": 1}, " has no venv module. Debian, Ubuntu: apt install python3-venv."),
    ],
)
def test_unfit_python_is_told_in_one_line(kit, lack, message):
    code, said, asked = make(kit, "lab", **lack)
    assert code != 0
    assert asked == []
    lines = [line for line in said.splitlines() if not line.startswith("make")]
    assert len(lines) == 1
    assert message in lines[0]
    assert "make PYTHON=/path/to/python3.12 lab" in lines[0]


@needs_make
def test_no_lab_says_how_to_build_them(kit):
    shutil.rmtree(kit / "labs")
    code, said, _ = make(kit, "lab")
    assert code != 0
    assert "tdplib labs build" in said


# The public face


def in_new_process(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_import_brings_no_part_of_it_and_nothing_heavy():
    loaded = in_new_process(
        "import sys; before = set(sys.modules); import tdplib; print(*set(sys.modules) - before)"
    )
    # Where an installer's hook has not loaded them before, importing anything loads these too.
    light = {
        "importlib",
        "importlib._bootstrap",
        "importlib._bootstrap_external",
        "types",
        "warnings",
    }
    assert set(loaded.split()) - light == {"tdplib"}


@pytest.mark.parametrize("name", ["check", "draw", "replay"])
def test_face_is_module_and_function(name):
    code = (
        f"from tdplib import {name}; import tdplib.{name} as module; from inspect import signature;"
        f"from tdplib.{name} import {name} as function;"
        f"print({name} is module, signature({name}) == signature(function))"
    )
    assert in_new_process(code) == "True True"


def test_calling_the_module_calls_the_function():
    from tdplib import draw
    from tdplib.draw import draw as function

    assert signature(draw) == signature(function)
    with pytest.raises(tdplib.errors.BadValueError, match="cannot draw int"):
        tdplib.draw(3)


def test_unknown_name():
    with pytest.raises(AttributeError, match="'tdplib' has no attribute 'chekc'"):
        _ = tdplib.chekc
    assert {"check", "draw", "replay"} <= set(dir(tdplib))


# The doctor


def test_each_thing_has_one_line_and_what_is_missing_says_what_works():
    lines = doctor.report()
    assert [line.name for line in lines] == [
        "python",
        "core",
        "labs",
        "kernels",
        "graphviz",
        "browser",
    ]
    shown = doctor.text(lines).splitlines()
    assert len(shown) == len(lines)
    for line in lines:
        assert line.ok or line.without


def lines_of(report):
    return {line.name: line for line in report}


def test_bare_machine(monkeypatch, tmp_path):
    def no_browser():
        raise webbrowser.Error

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CHROME", str(tmp_path / "none"))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setattr(webbrowser, "get", no_browser)
    lines = lines_of(doctor.report())
    assert not lines["graphviz"].ok
    assert "DOT text" in lines["graphviz"].without
    assert not lines["browser"].ok
    assert "prints an address" in lines["browser"].without


def test_wheel_that_does_not_load_is_named(monkeypatch, tmp_path):
    def refuse(name):
        raise ImportError("libgobject-2.0.so.0: cannot open shared object file")

    monkeypatch.setattr(doctor, "import_module", refuse)
    monkeypatch.setenv("PATH", str(tmp_path))
    line = lines_of(doctor.report())["graphviz"]
    assert not line.ok
    assert "libgobject-2.0.so.0" in line.found


def test_cache_folder_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TDPLIB_CACHE_DIR", str(tmp_path / "file"))
    line = lines_of(doctor.report())["kernels"]
    assert not line.ok
    assert "TDPLIB_CACHE_DIR" in line.without


def test_cold_kernels_are_told(monkeypatch, tmp_path):
    monkeypatch.setenv("TDPLIB_CACHE_DIR", str(tmp_path))
    line = lines_of(doctor.report())["kernels"]
    assert not line.ok
    assert "tdplib warm" in line.without
    assert list(tmp_path.iterdir()) == []


def test_missing_only(capsys, monkeypatch):
    lines = [doctor.Line("a", True, "is here"), doctor.Line("b", False, "no b", "c works")]
    monkeypatch.setattr(doctor, "report", lambda: lines)
    assert doctor.main(["--missing"]) == 0
    assert capsys.readouterr().out == "--  b         no b; c works\n"
