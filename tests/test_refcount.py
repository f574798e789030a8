"""refcount_t: no way up from zero, saturation, underflow caught."""

import random

import numpy as np
import pytest

from tdplib.errors import BadValueError
from tdplib.machine import _refcount_kernels as kernels
from tdplib.machine.refcount import REFCOUNT_MAX, REFCOUNT_SATURATED, Refcount, RefcountError


def test_a_get_from_zero_fails():
    count = Refcount(0)
    assert count.inc_not_zero() is False
    assert count.value == 0


def test_the_last_put_is_told():
    count = Refcount(2)
    assert count.inc_not_zero() is True
    assert [count.dec_and_test() for _ in range(3)] == [False, False, True]


def test_set_brings_a_count_back():
    count = Refcount(0)
    count.set(1)
    assert count.value == 1
    assert count.dec_and_test()


@pytest.mark.parametrize(
    ("start", "operation", "kind", "text"),
    [
        (0, "dec_and_test", "SUB_UAF", "dec_and_test of a count of 0: underflow"),
        (0, "inc", "ADD_UAF", "inc of a count of 0: raised from zero"),
        (REFCOUNT_MAX, "inc", "ADD_OVF", "overflow"),
        (REFCOUNT_MAX, "inc_not_zero", "ADD_NOT_ZERO_OVF", "overflow"),
    ],
)
def test_a_bug_saturates_and_every_later_operation_tells(start, operation, kind, text):
    count = Refcount(start)
    with pytest.raises(RefcountError, match=text) as caught:
        getattr(count, operation)()
    assert (caught.value.kind, caught.value.before) == (kind, start)
    assert count.value == REFCOUNT_SATURATED == -(2**30)
    assert count.saturated
    assert repr(count) == "Refcount(saturated)"
    for later in ("inc", "inc_not_zero", "dec_and_test"):
        with pytest.raises(RefcountError, match="of a saturated count"):
            getattr(count, later)()
        assert count.value == REFCOUNT_SATURATED


def test_values_out_of_range_are_refused():
    for value in (-1, 1 << 31, 1.0, True, None):
        with pytest.raises(BadValueError, match="value is"):
            Refcount(value)


def test_just_below_the_maximum_still_counts():
    count = Refcount(REFCOUNT_MAX - 1)
    count.inc()
    assert count.value == REFCOUNT_MAX
    assert repr(count) == f"Refcount({REFCOUNT_MAX})"
    assert count.dec_and_test() is False


def plain(old, operation):
    """The same in plain words: (new value, code)."""
    bad = REFCOUNT_SATURATED
    if operation == "dec_and_test":
        if old <= 0:
            return bad, kernels.BUG_SUB_UAF
        return old - 1, kernels.YES if old - 1 == 0 else kernels.NO
    if old == 0:
        return (0, kernels.NO) if operation == "inc_not_zero" else (bad, kernels.BUG_ADD_UAF)
    if not 0 < old < 2**31 - 1:
        name = "BUG_ADD_NOT_ZERO_OVF" if operation == "inc_not_zero" else "BUG_ADD_OVF"
        return bad, getattr(kernels, name)
    return old + 1, kernels.YES


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_kernels_agree_with_plain_words(dtype):
    cells = np.zeros(5, dtype)
    for seed in range(500):
        rng = random.Random(seed)
        old = rng.choice(
            [0, 1, 2, REFCOUNT_MAX - 1, REFCOUNT_MAX, REFCOUNT_SATURATED, -1, -(2**31)]
        )
        operation = rng.choice(["inc", "inc_not_zero", "dec_and_test"])
        cells[:] = 77
        cells[3] = old
        code = getattr(kernels, f"refcount_{operation}")(cells, 3)
        assert (cells[3], code) == plain(old, operation), f"seed {seed}"
        assert cells[[0, 1, 2, 4]].tolist() == [77] * 4


def test_facade_and_kernels_have_the_same_constants():
    assert (kernels.REFCOUNT_MAX, kernels.REFCOUNT_SATURATED) == (REFCOUNT_MAX, REFCOUNT_SATURATED)
