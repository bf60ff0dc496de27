"""The memory that a thread keeps for kernels."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tapegrad.kernels import workspace
from tapegrad.kernels.workspace import Lent, Recycled, scratch


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_scratch_has_the_sizes_asked_for_side_by_side_at_cache_lines():
    arrays = scratch([(5, np.float32), (0, np.intp), (100, np.float64), (3, np.float32)])
    assert [(a.size, a.dtype) for a in arrays] == [(5, "f4"), (0, np.intp), (100, "f8"), (3, "f4")]
    assert all(address(a) % 64 == 0 for a in arrays)
    for number, array in enumerate(arrays):
        array[:] = number
    assert [set(a.tolist()) for a in arrays] == [{0.0}, set(), {2.0}, {3.0}]


def test_a_thread_gets_the_same_memory_again_and_no_other_threads():
    wanted = ((1000, np.float32),)
    first = scratch(wanted)[0]
    assert address(scratch(wanted)[0]) == address(first)
    found = []
    thread = threading.Thread(target=lambda: found.append(scratch(wanted)[0]))
    thread.start()
    thread.join()
    assert not np.shares_memory(found[0], first)


def test_more_than_is_kept_is_new_each_time():
    wanted = ((workspace._KEPT // 4 + 1, np.float32),)
    first, second = scratch(wanted)[0], scratch(wanted)[0]
    assert not np.shares_memory(first, second)
    with Lent(workspace._KEPT + 1, np.uint8):
        pass
    assert workspace._kept.lent.size <= workspace._KEPT


def test_requests_of_many_sizes_are_not_all_remembered():
    for size in range(3 * workspace._SHAPES):
        assert scratch(((size, np.float32),))[0].size == size
    assert len(workspace._kept.views) <= workspace._SHAPES


def test_what_is_lent_is_nobody_elses_until_it_comes_back():
    with Lent(1000, np.float32) as outer:
        with Lent(1000, np.float32) as inner:
            assert not np.shares_memory(outer, inner)
        assert address(outer) % 64 == 0
        outer_address = address(outer)
    with Lent(500, np.float64) as again:
        assert again.dtype == np.float64
        assert again.size == 500
        assert address(again) in (outer_address, address(inner))


def test_what_was_lent_when_a_call_failed_is_not_lent_again():
    with pytest.raises(KeyboardInterrupt), Lent(1000, np.float32) as lost:
        raise KeyboardInterrupt
    with Lent(1000, np.float32) as other:
        assert not np.shares_memory(lost, other)


def test_arrays_are_given_out_again_when_nobody_holds_them():
    made = Recycled((1000,), np.float32, 2)
    first = made.take()
    addresses = {address(array) for array in first}
    assert addresses.isdisjoint(map(address, made.take()))  # the caller has them still
    part = first[0][10:20]
    kept = address(first[0])
    del first
    again = made.take() + made.take()
    assert kept not in map(address, again)  # a part is held
    assert addresses & set(map(address, again)) == addresses - {kept}
    del part


def test_arrays_of_many_callers_are_their_own():
    made = Recycled((100,), np.int64, 1)
    wrong = []

    def call(number: int) -> None:
        mine = []
        for _ in range(300):
            (array,) = made.take()
            array[:] = number
            mine = [*mine[-1:], array]
            if any((each != number).any() for each in mine):
                wrong.append(number)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
