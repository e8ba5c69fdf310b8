"""One HTTP exchange with a node, its whole answer bounded in time and in size.

A socket's timeout is for each of its reads alone, and a length is only what a node says: neither
ends an answer that comes byte by byte, or for ever.
"""

import io
import time
from http.client import HTTPResponse
from socket import socket
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse

from orchestrator.kernel.patience import one_wait

# Seconds; `total` is from the request to the last byte, enough for a long answer on a slow line.
_CONNECT, _TOTAL = 2.0, 10.0
_TIMEOUT: Final = urllib3.Timeout(connect=_CONNECT, total=_TOTAL)
_SILENCE: Final = 5.0  # seconds without a byte
_MOST_BYTES: Final = 32 * 2**20  # unpacked; geth lets the answers to a batch be 25 MB
_HEADERS: Final = {"Content-Type": "application/json"}


class EndlessError(HTTPError):
    """The body of an answer did not end within its bounds."""


class Line:
    """Kept-alive connections to one URL; may be used by several threads."""

    def __init__(self, url: str) -> None:
        self._path = urllib3.util.parse_url(url).request_uri
        self._pool = urllib3.connection_from_url(url, timeout=_TIMEOUT, maxsize=16, retries=False)
        self._pool.ConnectionCls = _Encrypted if self._pool.scheme == "https" else _Plain

    def post(self, body: str) -> bytes:
        """What is answered, whatever its status; raises EndlessError, HTTPError.

        A connection on which something of an answer was left is closed. Who may not wait that long
        (`patience`) has less time.
        """
        with one_wait() as most:
            bounds = self._bounds(most)
            with self._pool.urlopen(
                "POST", self._path, body, _HEADERS, timeout=bounds, preload_content=False
            ) as head:
                return _body(head)

    def _bounds(self, most: float | None) -> urllib3.Timeout:
        if most is None:
            return self._pool.timeout
        return urllib3.Timeout(connect=_CONNECT, total=min(most, _TOTAL))

    def close(self) -> None:
        """Close the connections, for good."""
        self._pool.close()


def _body(head: BaseHTTPResponse) -> bytes:
    try:
        said = head.read(_MOST_BYTES + 1)
    except ReadTimeoutError as late:
        raise EndlessError from late
    if len(said) > _MOST_BYTES:
        raise EndlessError
    return said


class _InTime(io.RawIOBase):
    """What a socket receives, until the timeout that it has now is over."""

    def __init__(self, line: socket) -> None:
        self._line, self._received = line, line.makefile("rb", buffering=0)
        self._end = time.monotonic() + (line.gettimeout() or 0)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """In a socket's place."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Raises TimeoutError."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._line.settimeout(min(left, _SILENCE))
        return self._received.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._line.settimeout(_SILENCE)  # for the next request's sending
            self._received.close()
        super().close()


class _Answer(HTTPResponse):
    def __init__(self, line: socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_InTime(line), *args, **kwargs)  # type: ignore[arg-type]


class _Plain(HTTPConnection):
    response_class = _Answer


class _Encrypted(HTTPSConnection):
    response_class = _Answer
