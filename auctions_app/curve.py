"""The falling price of an auction: integers only, by 1inch Fusion+'s formula.

A curve adds a *bump* to the least amount that the maker takes; bumps are ten-millionths. Times are
seconds since the auction's start, amounts base units of the destination token. Field widths are
those of the Fusion settler's packed auction details.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from orchestrator.kernel.amounts import Rounding, multiply_divide
from orchestrator.kernel.errors import OrchestratorError

RATE_BASE: Final = 10_000_000
_GAS_PRICE_BASE: Final = 1_000_000  # wei in a unit of the gas price estimate: 1000 is 1 gwei
_UINT16, _UINT24, _UINT32 = 2**16 - 1, 2**24 - 1, 2**32 - 1


class InvalidCurveError(OrchestratorError):
    """A curve that rises, or does not fit into the packed fields."""

    code = "invalid_curve"


@dataclass(frozen=True)
class Point:
    """The bump is `coefficient` at `delay` seconds after the point before (or the start)."""

    delay: int
    coefficient: int


@dataclass(frozen=True)
class Curve:
    """From `initial_rate_bump` through the points down to no bump after `duration` seconds.

    The gas fields lower the bump with the base fee; zero in either leaves it alone.
    Raises InvalidCurveError.
    """

    duration: int
    initial_rate_bump: int
    points: tuple[Point, ...] = ()
    gas_bump_estimate: int = 0
    gas_price_estimate: int = 0

    def __post_init__(self) -> None:
        if self.duration < 1:
            raise InvalidCurveError(f"duration is {self.duration}: give at least 1 second")
        fields = [
            ("duration", self.duration, _UINT24),
            ("initial rate bump", self.initial_rate_bump, _UINT24),
            ("gas bump estimate", self.gas_bump_estimate, _UINT24),
            ("gas price estimate", self.gas_price_estimate, _UINT32),
            *(("a point's coefficient", point.coefficient, _UINT24) for point in self.points),
            *(("a point's delay", point.delay, _UINT16) for point in self.points),
        ]
        for name, value, most in fields:
            if not 0 <= value <= most:
                raise InvalidCurveError(f"{name} is {value}: give 0 to {most}")
        self._require_falling()

    def _require_falling(self) -> None:
        bumps = [self.initial_rate_bump, *(point.coefficient for point in self.points)]
        if bumps != sorted(bumps, reverse=True):
            raise InvalidCurveError(f"the bumps {bumps} rise: a price that rises pays for waiting")

    def bump_at(self, elapsed: int, base_fee: int = 0) -> int:
        """The bump at `elapsed` seconds; `base_fee` in wei per gas of the destination chain."""
        return max(self._auction_bump(elapsed) - self._gas_bump(base_fee), 0)

    def amount_at(
        self, end_amount: int, elapsed: int, *, base_fee: int = 0, rounding: Rounding = Rounding.UP
    ) -> int:
        """What the maker gets; `end_amount` is the least. Fusion+ rounds up, our payouts down."""
        factor = RATE_BASE + self.bump_at(elapsed, base_fee)
        return multiply_divide(end_amount, factor, RATE_BASE, rounding)

    def first_at_most(self, end_amount: int, limit: int) -> int | None:
        """The first second at which the payout, rounded down, is at most `limit`; None if never.

        A search by halves: the curve falls.
        """
        if end_amount > limit:
            return None
        low, high = 0, self.duration
        while low < high:
            middle = (low + high) // 2
            if self.amount_at(end_amount, middle, rounding=Rounding.DOWN) <= limit:
                high = middle
            else:
                low = middle + 1
        return low

    def to_json(self) -> dict[str, Any]:
        """For a JSON column."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(**{**stored, "points": tuple(Point(**point) for point in stored["points"])})

    def _auction_bump(self, elapsed: int) -> int:
        if elapsed <= 0:
            return self.initial_rate_bump
        if elapsed >= self.duration:
            return 0
        time, bump = 0, self.initial_rate_bump
        for point in self.points:
            next_time = time + point.delay
            if elapsed <= next_time:
                weighted = (elapsed - time) * point.coefficient + (next_time - elapsed) * bump
                return weighted // (next_time - time)
            time, bump = next_time, point.coefficient
        return (self.duration - elapsed) * bump // (self.duration - time)

    def _gas_bump(self, base_fee: int) -> int:
        if not (self.gas_bump_estimate and self.gas_price_estimate and base_fee):
            return 0
        return self.gas_bump_estimate * base_fee // self.gas_price_estimate // _GAS_PRICE_BASE


def initial_rate_bump(start_amount: int, end_amount: int) -> int:
    """The bump that makes an auction for `end_amount` start at most at `start_amount`."""
    return RATE_BASE * start_amount // end_amount - RATE_BASE
