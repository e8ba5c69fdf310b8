"""A client of the API that does not give up while the service is away."""

import time
from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

from urllib3.exceptions import HTTPError
from websockets.exceptions import WebSocketException

from devnet.api import ENDS, Api, ApiError

PATIENCE: Final = 120.0  # seconds
PAUSE: Final = 0.5
AWAY: Final = frozenset({"unavailable", "price_unavailable", "maker_mode_full",
                         "request_in_progress", "too_many_requests"})  # fmt: skip


class PatientApi(Api):
    """Asks again for PATIENCE seconds, a write under its Idempotency-Key: what was done is not
    done again.

    `said`: all that the service has answered, for the search for secrets.
    """

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.said: list[str] = []

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        key, until = str(uuid4()), time.monotonic() + PATIENCE
        while True:
            try:
                answer = self._ask(method, path, body, key)
            except (HTTPError, ApiError) as error:
                self.said.append(str(error))
                is_away = isinstance(error, HTTPError) or error.code in AWAY
                if not is_away or time.monotonic() > until:
                    raise
                time.sleep(PAUSE)
            else:
                self.said.append(str(answer))
                return answer

    def follow_through(self, session: dict[str, Any], after: int = 0) -> Iterator[dict[str, Any]]:
        """Each update once and in order, over as many connections as it takes."""
        while True:
            try:
                for update in self.follow(session, PATIENCE, after=after):
                    after = update["seq"]
                    self.said.append(str(update))
                    yield update
                    if update["status"] in ENDS:
                        return
            except (OSError, TimeoutError, WebSocketException, ApiError) as error:
                self.said.append(str(error))
            time.sleep(PAUSE)
