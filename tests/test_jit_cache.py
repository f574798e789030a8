"""The disk cache of kernels: never stale, never shared, never the cause of an error.

Each test writes a package of two files, `caller.py` with a kernel that calls one in `callee.py`,
and runs it in fresh processes: numba's state of one process would hide what the disk does.
"""

import os
import pickle
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

CALLER = """
    from tdplib._jit import kernel
    from mini import callee

    @kernel
    def total(n):
        '''Sum `step` over range(n).'''
        answer = 0
        for i in range(n):
            answer += callee.step(i)
        return answer
"""
CALLEE = """
    from tdplib._jit import kernel
    from . import constants

    FACTOR = constants.FACTOR

    @kernel
    def step(i):
        '''One term.'''
        return i * FACTOR
"""
OTHER = """
    import tdplib._jit

    @tdplib._jit.kernel
    def other(i):
        '''Has nothing to do with the rest.'''
        return i
"""
RUN = """
    from mini.caller import total
    print(total(4), sum(total._cache_hits.values()))
"""


@pytest.fixture
def mini(tmp_path):
    """Return a function that runs Python text beside the package, and its two folders."""
    package = tmp_path / "mini"
    package.mkdir()
    cache = tmp_path / "cache"
    for name, text in {
        "__init__": "",
        "caller": CALLER,
        "callee": CALLEE,
        "constants": "import mini.base as base\nFACTOR = base.FACTOR\n",
        "base": "FACTOR = 1\n",
        "other": OTHER,
        "unrelated": "",
    }.items():
        (package / f"{name}.py").write_text(textwrap.dedent(text))

    # Without byte code: Python itself overlooks an edit of equal size within one second.
    fixed = {"TDPLIB_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(text=RUN, **environment):
        paths = os.pathsep.join([str(tmp_path), str(ROOT)])
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(text)],
            env={**os.environ, **fixed, "PYTHONPATH": paths, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    run.package, run.cache = package, cache
    return run


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# --- right answers ------------------------------------------------------------------------------


def test_an_edited_callee_in_another_file_changes_the_answer(mini):
    assert mini() == "6 0"
    assert mini() == "6 1"  # from disk
    edit(mini.package / "callee.py", "i * FACTOR", "i * FACTOR + 1")
    assert mini() == "10 0"
    edit(mini.package / "callee.py", "i * FACTOR + 1", "i * FACTOR")
    assert mini() == "6 1"  # the first folder is still there


def test_an_edited_constant_three_imports_away_changes_the_answer(mini):
    assert mini() == "6 0"
    edit(mini.package / "base.py", "FACTOR = 1", "FACTOR = 2")
    assert mini() == "12 0"


def test_an_edit_that_keeps_size_and_time_changes_the_answer(mini):
    path = mini.package / "base.py"
    before = path.stat()
    assert mini() == "6 0"
    edit(path, "1", "3")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert mini() == "18 0"


def test_a_file_no_kernel_can_reach_keeps_the_cache(mini):
    assert mini() == "6 0"
    (mini.package / "unrelated.py").write_text("X = 1\n")
    assert mini() == "6 1"


def test_an_edit_while_the_process_runs_is_not_stored(mini):
    running = """
        import pathlib
        import mini.other                            # the folder's name is settled
        path = pathlib.Path(mini.other.__file__).with_name("callee.py")
        old = path.read_text()
        path.write_text(old.replace("i * FACTOR", "i * FACTOR + 1"))
        from mini.caller import total                # compiled with the edited callee
        print(total(4))
        path.write_text(old)
    """
    assert mini(running) == "10"
    assert mini() == "6 0"


# --- where it lies ------------------------------------------------------------------------------


def test_the_folder_is_private_and_lists_every_kernel(mini):
    mini()
    (folder,) = mini.cache.iterdir()
    assert folder.name.startswith("mini-")
    assert folder.stat().st_mode & 0o077 == 0
    indices = sorted(path.name.split("-")[0] for path in folder.glob("*.nbi"))
    assert indices == ["mini.callee.step", "mini.caller.total"]


def test_is_warm_knows_without_numba(mini):
    ask = """
        import sys
        from tdplib import _jit
        print(_jit.is_warm("mini"), _jit.cold_kernels("mini"), "numba" in sys.modules)
    """
    assert mini(ask) == (
        "False ('mini.callee.step', 'mini.caller.total', 'mini.other.other') False"
    )
    mini(RUN + "    from mini.other import other; other(1)")
    assert mini(ask) == "True () False"
    edit(mini.package / "callee.py", "i * FACTOR", "i * FACTOR + 0")
    assert mini(ask).startswith("False")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_a_folder_others_can_write_is_not_used(mini):
    mini()
    (folder,) = mini.cache.iterdir()
    folder.chmod(0o777)
    assert mini() == "6 0"


def test_without_a_place_to_write_kernels_still_run(mini):
    mini.cache.write_text("a file where the folder should be")
    assert mini() == "6 0"


def test_a_damaged_cache_costs_time_only(mini):
    mini()
    (folder,) = mini.cache.iterdir()
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:40])
    assert mini() == "6 0"
    for path in folder.glob("*.nbi"):
        path.write_bytes(pickle.dumps("no index"))
    assert mini() == "6 0"
    assert mini() == "6 1"


def test_a_folder_that_vanishes_while_in_use_costs_time_only(mini):
    vanish = """
        import shutil
        from tdplib import _jit
        from mini.caller import total
        shutil.rmtree(_jit.cache_dir("mini"))
        print(total(4))
    """
    assert mini(vanish) == "6"
    assert mini() == "6 1"


@pytest.mark.parametrize(
    ("days", "kept"),
    [
        ([1, 2, 3, 4, 5], [True, True, True, False, False]),  # the last used
        ([0, 0, 0, 0, 4, 5], [True, True, True, True, False, False]),  # and those in use
    ],
)
def test_old_folders_are_pruned(mini, days, kept):
    mini.cache.mkdir()
    old = [mini.cache / f"mini-{number:016x}" for number in range(len(days))]
    foreign = [mini.cache / "other-0000000000000000", mini.cache / "mini-notes"]
    for folder, age in zip([*old, *foreign], [*days, 9, 9], strict=True):
        folder.mkdir()
        (folder / "x").write_text("")
        os.utime(folder, (time.time() - 86400 * age,) * 2)
    mini()
    assert [folder.exists() for folder in old] == kept
    assert all(folder.exists() for folder in foreign)


def test_bounds_checks_are_a_switch_and_leave_no_trace(mini):
    edit(mini.package / "callee.py", "return i * FACTOR", "return FACTORS[i]")
    edit(
        mini.package / "callee.py",
        "FACTOR = constants.FACTOR",
        "import numpy as np\nFACTORS = np.ones(2, dtype=np.int64)",
    )
    text = """
        from mini.caller import total
        try:
            total(4)
        except IndexError:
            print("caught")
    """
    assert mini(text, TDPLIB_BOUNDSCHECK="1") == "caught"
    assert not mini.cache.exists()


# --- what importing costs -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "module", ["tdplib", "tdplib._jit", "tdplib.words.spte", "tdplib.machine.pagetable"]
)
def test_importing_does_not_import_numba(mini, module):
    assert mini(f"import {module}, sys; print('numba' in sys.modules)") == "False"


def test_without_jit_the_plain_function_comes_back(mini):
    text = "from mini.caller import total; print(total(4), type(total).__name__)"
    assert mini(text, NUMBA_DISABLE_JIT="1") == "6 function"
