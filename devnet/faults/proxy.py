"""HTTP proxies in front of nodes, in a thread of this process, that inject faults when told to."""

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, Final, Self, TypeVar

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web
from yarl import URL

from devnet.faults.exchange import JSON, Manner, Reply, Request
from devnet.faults.kinds import Fault, layered

MAX_BODY: Final = 32 * 1024 * 1024
KEEP_ALIVE_SECONDS: Final = 3600
DRIP_SECONDS: Final = 0.25  # between two bytes
SPACES: Final = b" " * 2**18  # at a time
CALM_SECONDS: Final = 30  # what a removed fault may need to answer those whom it held
_OF_CONNECTION: Final = frozenset(  # headers that are not the node's to pass on
    {"connection", "content-encoding", "content-length", "date", "server", "transfer-encoding"}
)
_NO_LINGER: Final = struct.pack("ii", 1, 0)

T = TypeVar("T")


class Proxies:
    """The event loop of any number of proxies; a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._all: list[FaultProxy] = []

    def start(self, node_url: str) -> "FaultProxy":
        """Open a proxy in front of a node, on a free port of 127.0.0.1."""
        if not self._all:
            self._thread.start()
        proxy = FaultProxy(node_url, self)
        self._all.append(proxy)
        self.run(proxy._open())
        return proxy

    @property
    def is_running(self) -> bool:
        """Whether there are proxies; none hold anything after the end."""
        return self._loop.is_running()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run in the loop and wait for the result."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(CALM_SECONDS)

    def stop(self) -> None:
        """Close all proxies; what hangs is cut off."""
        for proxy in self._all:
            self.run(proxy._close())
        if self._all:
            self.run(_end_all())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class FaultProxy:
    """Passes everything on to its node, except for what a fault does with it.

    `asked` counts the calls of each method that came in. Use it from any one thread.
    """

    def __init__(self, node_url: str, proxies: Proxies) -> None:
        self.url, self.asked = "", Counter[str]()
        self._node_url, self._proxies = node_url.rstrip("/"), proxies
        self._faults: tuple[Fault, ...] = ()
        self._client: ClientSession
        self._runner: web.AppRunner

    def add(self, fault: Fault) -> None:
        """Inject a fault from now on; it acts before those that are there already."""
        self._proxies.run(self._add(fault))

    def remove(self, fault: Fault) -> None:
        """End a fault; those whom it held have been answered when this returns."""
        if self._proxies.is_running:
            self._proxies.run(self._remove(fault))

    def clear(self) -> None:
        """End all faults."""
        for fault in self._faults:
            self.remove(fault)

    @contextmanager
    def injecting(self, fault: Fault) -> Iterator[Fault]:
        """A fault for the time of a block."""
        self.add(fault)
        try:
            yield fault
        finally:
            self.remove(fault)

    # in the loop

    async def _add(self, fault: Fault) -> None:
        self._faults = (*self._faults, fault)

    async def _remove(self, fault: Fault) -> None:
        self._faults = tuple(each for each in self._faults if each is not fault)
        fault.ended.set()
        await fault.idle.wait()

    async def _open(self) -> None:
        self._client = ClientSession(
            connector=TCPConnector(limit=0), timeout=ClientTimeout(total=None)
        )
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=KEEP_ALIVE_SECONDS, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _close(self) -> None:
        await self._runner.cleanup()
        await self._client.close()

    async def _serve(self, http: web.Request) -> web.StreamResponse:
        request = Request.read(http.method, http.raw_path, await http.read())
        self.asked.update(call["method"] for call in request.calls)
        return await _send(http, await layered(self._faults, self._ask_node)(request))

    async def _ask_node(self, request: Request) -> Reply:
        url = URL(self._node_url + request.path, encoded=True)
        body, headers = (request.body, JSON) if request.verb == "POST" else (None, None)
        try:
            async with self._client.request(
                request.verb, url, data=body, headers=headers
            ) as answer:
                kept = {n: v for n, v in answer.headers.items() if n.lower() not in _OF_CONNECTION}
                return Reply(answer.status, await answer.read(), kept)
        except ClientError:
            return Reply(502, b"the node behind the fault proxy gives no answer")


async def _end_all() -> None:
    """Whatever of this loop still runs, such as answers to who has hung up."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _send(http: web.Request, reply: Reply) -> web.StreamResponse:
    transport = http.transport
    if transport is None or transport.is_closing():  # the client did not wait
        return web.Response()
    if reply.manner is Manner.RESET:
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER
        )
        transport.abort()
        return web.Response()
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    if reply.manner is not Manner.ENDLESS:
        response.content_length = len(reply.body)
    await response.prepare(http)
    if reply.manner is Manner.CUT:
        await response.write(reply.body[: len(reply.body) // 2])
        transport.close()
        return response
    with suppress(ConnectionResetError):  # the client left
        async for part in _parts(reply):
            await response.write(part)
    return response


async def _parts(reply: Reply) -> AsyncIterator[bytes]:
    """The body, as it is to come."""
    if reply.manner is Manner.DRIP:
        for byte in reply.body:
            yield bytes([byte])
            await asyncio.sleep(DRIP_SECONDS)
        return
    yield reply.body
    while reply.manner is Manner.ENDLESS:
        yield SPACES
