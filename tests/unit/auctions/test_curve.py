"""The curve against the published vectors of 1inch's SDK, and against exact rationals."""

from fractions import Fraction
from itertools import pairwise
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auctions_app.curve import RATE_BASE, Curve, InvalidCurveError, Point, initial_rate_bump
from orchestrator.kernel.amounts import Rounding

GWEI = 10**9
ETHER = 10**18
WITH_GAS = Curve(1800, 1_000_000, (Point(60, 500_000),), 10_000, 1000)
amounts = st.integers(min_value=1, max_value=2**128)


@st.composite
def curves(draw: st.DrawFn, *, most: int = 2**24 - 1) -> Curve:
    """Any falling curve, points beyond its end included."""
    bumps = sorted(draw(st.lists(st.integers(0, most), min_size=1, max_size=5)), reverse=True)
    points = tuple(Point(draw(st.integers(0, 200)), bump) for bump in bumps[1:])
    return Curve(draw(st.integers(1, 600)), bumps[0], points)


def exact_bump(curve: Curve, elapsed: int) -> Fraction:
    """The polygon through the curve's points, as a rational."""
    corners = [(0, curve.initial_rate_bump)]
    for point in curve.points:
        corners.append((corners[-1][0] + point.delay, point.coefficient))
    if elapsed <= 0:
        return Fraction(curve.initial_rate_bump)
    if elapsed >= curve.duration:
        return Fraction(0)
    corners.append((curve.duration, 0))
    for (left, high), (right, low) in pairwise(corners):
        if elapsed <= right:
            return high + Fraction((elapsed - left) * (low - high), right - left)
    raise AssertionError("a curve ends")


def test_published_vector_without_points() -> None:
    curve = Curve(duration=120, initial_rate_bump=50_000)
    assert curve.bump_at(60) == 25_000
    assert curve.amount_at(1_420_000_000, 60) == 1_423_550_000


@pytest.mark.parametrize(
    ("base_fee", "amount"),
    [
        (0, 1_050_000_000_000_000_000),
        (GWEI // 10, 1_049_900_000_000_000_000),
        (15 * GWEI, 1_035_000_000_000_000_000),
        (100 * GWEI, 1_000_000_000_000_000_000),
    ],
)
def test_published_vectors_with_a_point_and_gas(base_fee: int, amount: int) -> None:
    assert WITH_GAS.amount_at(ETHER, 60, base_fee=base_fee) == amount


@pytest.mark.parametrize(
    ("elapsed", "bump"),
    [(-5, 1000), (0, 1000), (1, 960), (10, 600), (11, 575), (30, 100), (31, 90), (40, 0), (99, 0)],
)
def test_a_point_counts_its_delay_from_the_point_before(elapsed: int, bump: int) -> None:
    assert Curve(40, 1000, (Point(10, 600), Point(20, 100))).bump_at(elapsed) == bump


def test_a_point_without_delay_is_a_step_down() -> None:
    curve = Curve(10, 1000, (Point(5, 800), Point(0, 300)))
    assert [curve.bump_at(elapsed) for elapsed in (5, 6)] == [800, 240]


def test_gas_needs_all_of_its_three_numbers() -> None:
    assert Curve(100, 1000, (), 0, 7).bump_at(0, GWEI) == 1000
    assert Curve(100, 1000, (), 7, 0).bump_at(0, GWEI) == 1000
    assert Curve(100, 1000, (), 7, 1000).bump_at(0, GWEI) == 993


@given(curves(), st.integers(-10, 700))
def test_a_bump_is_the_polygon_rounded_down(curve: Curve, elapsed: int) -> None:
    assert curve.bump_at(elapsed) == floor(exact_bump(curve, elapsed))


@given(curves(), amounts, st.integers(-10, 700), st.integers(0, 100))
def test_the_price_never_rises(curve: Curve, end: int, elapsed: int, later: int) -> None:
    assert curve.amount_at(end, elapsed) >= curve.amount_at(end, elapsed + later)


@given(curves(), amounts, st.integers(-10, 700), st.sampled_from(Rounding), st.integers(0, 10**12))
def test_the_price_stays_between_its_ends(
    curve: Curve, end: int, elapsed: int, rounding: Rounding, base_fee: int
) -> None:
    amount = curve.amount_at(end, elapsed, base_fee=base_fee, rounding=rounding)
    assert end <= amount <= curve.amount_at(end, 0, rounding=rounding)


@given(curves(), amounts, st.integers(-10, 700))
def test_fusion_rounds_up_and_our_payout_down(curve: Curve, end: int, elapsed: int) -> None:
    exact = Fraction(end * (RATE_BASE + curve.bump_at(elapsed)), RATE_BASE)
    up = curve.amount_at(end, elapsed)
    down = curve.amount_at(end, elapsed, rounding=Rounding.DOWN)
    assert down <= exact <= up
    assert up - down == (0 if exact.denominator == 1 else 1)


@given(curves(), st.integers(1, 10**6), st.integers(0, 3 * 10**6))
def test_the_first_second_at_a_limit_is_the_first(curve: Curve, end: int, limit: int) -> None:
    seconds = [
        second
        for second in range(curve.duration + 1)
        if curve.amount_at(end, second, rounding=Rounding.DOWN) <= limit
    ]
    assert curve.first_at_most(end, limit) == (seconds[0] if seconds else None)


@given(amounts, st.integers(0, 16_000_000))
def test_an_auction_starts_at_most_where_it_was_asked_to(end: int, above: int) -> None:
    start = end + end * above // RATE_BASE
    curve = Curve(60, initial_rate_bump(start, end))
    started = curve.amount_at(end, 0, rounding=Rounding.DOWN)
    assert started <= start
    assert (start - started) * RATE_BASE <= end + RATE_BASE  # one step of the bump, one unit


@given(curves())
def test_a_stored_curve_is_the_same(curve: Curve) -> None:
    assert Curve.from_json(curve.to_json()) == curve


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ((0, 0), "duration is 0: give at least 1 second"),
        ((2**24, 0), "duration is 16777216: give 0 to 16777215"),
        ((1, 2**24), "initial rate bump is 16777216: give 0 to 16777215"),
        ((1, 1, (), 2**24), "gas bump estimate is 16777216: give 0 to 16777215"),
        ((1, 1, (), 1, 2**32), "gas price estimate is 4294967296: give 0 to 4294967295"),
        ((1, 1, (Point(2**16, 0),)), "a point's delay is 65536: give 0 to 65535"),
        ((1, 1, (Point(1, -1),)), "a point's coefficient is -1: give 0 to 16777215"),
        ((9, 5, (Point(1, 6),)), r"the bumps \[5, 6\] rise"),
    ],
)
def test_a_curve_that_rises_or_does_not_fit_is_refused(
    fields: tuple[int, ...], complaint: str
) -> None:
    with pytest.raises(InvalidCurveError, match=complaint):
        Curve(*fields)  # type: ignore[arg-type]  # points among the numbers
