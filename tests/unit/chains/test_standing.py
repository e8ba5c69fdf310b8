"""How long a node is set aside, and when its head lags or is invented."""

import pytest

from chains_app.adapters.standing import (
    FIRST_PAUSE,
    LAG_BLOCKS,
    LONGEST_PAUSE,
    Standing,
    best_head,
)
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


@pytest.mark.parametrize(("blocks", "strays"), [(LAG_BLOCKS, False), (LAG_BLOCKS + 1, True)])
def test_where_heads_never_are_stale_blocks_count(blocks: int, strays: bool) -> None:
    assert Standing(head=at(100)).strays(at(100 + blocks, 10_000), None) is strays
    assert Standing(head=at(100 + blocks, 10_000)).strays(at(100), None) is strays


@pytest.mark.parametrize(("seconds", "strays"), [(30, False), (31, True)])
def test_where_heads_can_be_stale_their_time_counts(seconds: int, strays: bool) -> None:
    assert Standing(head=at(100, 1_000)).strays(at(10_000, 1_000 + seconds), 30) is strays
    assert Standing(head=at(10_000, 1_000 + seconds)).strays(at(100, 1_000), 30) is strays


def test_without_a_head_to_compare_nobody_strays() -> None:
    assert not Standing().strays(at(100), None)
    assert not Standing(head=at(1)).strays(None, None)


NOW, STALE = Seconds(1_000), 30


@pytest.mark.parametrize("ahead", [STALE, STALE + 1, 3_600])
def test_nobody_lags_behind_a_head_that_a_node_invents(ahead: int) -> None:
    """However near to the bound it stays."""
    honest, invented = at(100, NOW - STALE), at(10_000, NOW + ahead)
    best = best_head([honest, invented], STALE, NOW)
    assert not Standing(head=honest).strays(best, STALE)
    assert Standing(head=invented).strays(best, STALE) is (ahead > STALE)


def test_a_head_of_the_future_hides_no_lag() -> None:
    honest, lagging, invented = at(100, NOW - 4), at(80, NOW - 60), at(10_000, NOW + 3_600)
    best = best_head([lagging, invented, honest], STALE, NOW)
    assert best == honest
    assert Standing(head=lagging).strays(best, STALE)


def test_a_high_head_of_the_past_is_not_the_best() -> None:
    assert best_head([at(10_000, 1), at(100, NOW)], STALE, NOW) == at(100, NOW)


def test_when_all_heads_are_of_the_future_our_clock_is_wrong() -> None:
    heads = [at(100, NOW + 3_600), at(90, NOW + 3_000)]
    assert best_head(heads, STALE, NOW) == heads[0]


@pytest.mark.parametrize(("blocks", "best"), [(LAG_BLOCKS, 0), (LAG_BLOCKS + 1, 1)])
def test_where_no_time_tells_no_head_far_above_all_others_is_the_best(
    blocks: int, best: int
) -> None:
    heads = [at(100 + blocks), at(100), at(99)]
    assert best_head(heads[::-1], None, NOW) == heads[best]


@pytest.mark.parametrize("stale_after", [None, STALE])
def test_the_only_head_is_the_best(stale_after: int | None) -> None:
    assert best_head([], stale_after, NOW) is None
    assert best_head([at(100, NOW)], stale_after, NOW) == at(100, NOW)
