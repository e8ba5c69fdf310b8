"""How long one may wait in all, by a clock that passes when the test says so."""

from types import SimpleNamespace

import pytest

from orchestrator.kernel import patience
from orchestrator.kernel.patience import LEAST, is_fair, is_over, one_wait, wait_at_most


class Steady:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Steady:
    clock = Steady()
    monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def wait(clock: Steady, seconds: float) -> float | None:
    """What is given to one wait that takes so long."""
    with one_wait() as given:
        clock.now += seconds
    return given


def test_without_a_bound_each_wait_takes_what_it_takes(clock: Steady) -> None:
    assert [wait(clock, 60), wait(clock, 60), is_over()] == [None, None, False]


def test_each_wait_leaves_the_next_one_its_turn_until_nothing_is_left(clock: Steady) -> None:
    with wait_at_most(1):
        assert [wait(clock, 0.5), wait(clock, 0.25), wait(clock, 0.05)] == [0.5, 0.25, 0.125]
        assert not is_over()
        assert wait(clock, 0.19) == pytest.approx(0.1)
        assert is_over()
        assert wait(clock, 1) == LEAST
    assert (is_over(), wait(clock, 1)) == (False, None)


def test_nobody_is_blamed_for_a_wait_that_was_too_short(clock: Steady) -> None:
    assert is_fair()
    with wait_at_most(1):
        wait(clock, 0.5)
        assert is_fair()  # the next one has a quarter of a second
        wait(clock, 0.25)
        assert not is_fair()
    assert is_fair()


def test_what_is_done_between_two_waits_is_no_waiting(clock: Steady) -> None:
    with wait_at_most(1):
        clock.now += 60
        assert wait(clock, 0) == 0.5


def test_a_wait_that_fails_counts(clock: Steady) -> None:
    def fail() -> None:
        with one_wait():
            clock.now += 1
            raise TimeoutError

    with wait_at_most(1):
        with pytest.raises(TimeoutError):
            fail()
        assert is_over()
