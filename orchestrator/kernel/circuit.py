"""A circuit breaker: what does not answer is not asked again for a while."""

import time


class Circuit:
    """Open after a failure for `pause` seconds; one failure is enough, one success is not asked.

    For what may be left out (hints, counters in Redis), so that its loss costs each process one
    timeout per pause, not one per call.
    """

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._closed_again_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether to leave the call out."""
        return time.monotonic() < self._closed_again_at

    def fail(self) -> None:
        """Note a failure."""
        self._closed_again_at = time.monotonic() + self._pause
