"""How long a node is set aside, and when its head lags."""

import pytest

from chains_app.adapters.standing import FIRST_PAUSE, LAG_BLOCKS, LONGEST_PAUSE, Standing
from chains_app.locks import Block
from orchestrator.kernel.clock import Seconds


def at(height: int, time: int = 0) -> Block:
    return Block(height, "", "", Seconds(time))


def test_each_failure_in_a_row_sets_aside_for_twice_as_long_up_to_a_bound() -> None:
    standing, pauses = Standing(), []
    for _ in range(2_000):
        standing.fail(10.0)
        pauses.append(standing.aside_until - 10.0)
    assert pauses[:4] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert (max(pauses), pauses[-1]) == (LONGEST_PAUSE, LONGEST_PAUSE)


def test_it_is_aside_until_its_time_is_over() -> None:
    standing = Standing()
    assert not standing.is_aside(0.0)
    standing.fail(10.0)
    assert standing.is_aside(10.0 + FIRST_PAUSE - 0.01)
    assert not standing.is_aside(10.0 + FIRST_PAUSE)


def test_an_answer_ends_a_row_of_failures() -> None:
    standing = Standing()
    standing.fail(10.0)
    standing.fail(10.0)
    standing.answer()
    assert not standing.is_aside(10.0)
    standing.fail(20.0)
    assert standing.aside_until == 20.0 + FIRST_PAUSE


def test_who_failed_has_to_prove_itself_again() -> None:
    standing = Standing(is_proved=True)
    standing.answer()
    assert standing.is_proved
    standing.fail(0.0)
    assert not standing.is_proved


@pytest.mark.parametrize(("blocks", "lags"), [(LAG_BLOCKS, False), (LAG_BLOCKS + 1, True)])
def test_where_heads_never_are_stale_blocks_count(blocks: int, lags: bool) -> None:
    assert Standing(head=at(100)).lags(at(100 + blocks, 10_000), None) is lags


@pytest.mark.parametrize(("seconds", "lags"), [(30, False), (31, True)])
def test_where_heads_can_be_stale_their_time_counts(seconds: int, lags: bool) -> None:
    assert Standing(head=at(100, 1_000)).lags(at(10_000, 1_000 + seconds), 30) is lags


def test_without_a_head_to_compare_nobody_lags() -> None:
    assert not Standing().lags(at(100), None)
    assert not Standing(head=at(1)).lags(None, None)
