"""A client that takes nothing is let go, and what many ask at once is one query."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from sessions_app.consumers import feed
from sessions_app.consumers.reading import BatchReader


async def _serve(send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """A connection whose client says one ping and then nothing more, until the server ends it."""
    said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    said.put_nowait({"type": "websocket.connect"})
    said.put_nowait({"type": "websocket.receive", "text": '{"type": "ping"}'})
    application = feed.FeedConsumer.as_asgi()
    await asyncio.wait_for(application({"type": "websocket"}, said.get, send), 10)


def test_a_client_that_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "SEND_SECONDS", 0.01)
    taken: list[str] = []

    async def send(message: dict[str, Any]) -> None:
        if message["type"] != "websocket.accept":
            await asyncio.Event().wait()
        taken.append(message["type"])

    asyncio.run(_serve(send))
    assert taken == ["websocket.accept"]


def test_many_who_ask_at_once_are_answered_by_one_query() -> None:
    queries: list[list[UUID]] = []
    wanted = [uuid4() for _ in range(50)]

    def read(keys: list[UUID]) -> dict[UUID, int]:
        queries.append(keys)
        return {key: len(queries) for key in keys}

    async def ask_twice() -> list[int | None]:
        reader = BatchReader(read)
        await asyncio.gather(*(reader.get(key) for key in wanted * 3))
        return await asyncio.gather(*(reader.get(key) for key in wanted))

    answers = asyncio.run(ask_twice())
    assert [sorted(keys) for keys in queries] == [sorted(wanted)] * 2
    assert answers == [2] * len(wanted)


def test_who_asks_while_a_query_runs_is_answered_by_the_next() -> None:
    queries: list[int] = []
    key = uuid4()

    async def ask_while_reading() -> tuple[int | None, int | None]:
        loop, reading = asyncio.get_running_loop(), asyncio.Event()

        def read(_keys: list[UUID]) -> dict[UUID, int]:
            queries.append(1)
            number = len(queries)
            if number == 1:
                loop.call_soon_threadsafe(reading.set)
                asyncio.run_coroutine_threadsafe(_second(), loop).result(10)
            return {key: number}

        async def _second() -> None:
            later.append(asyncio.create_task(reader.get(key)))
            await asyncio.sleep(0)

        later: list[asyncio.Task[int | None]] = []
        reader = BatchReader(read)
        first = await reader.get(key)
        return first, await later[0]

    assert asyncio.run(ask_while_reading()) == (1, 2)


def test_a_query_that_fails_fails_for_all_who_asked_and_for_nobody_else() -> None:
    failures = [True, False]

    def read(keys: list[UUID]) -> dict[UUID, str]:
        if failures.pop(0):
            raise ConnectionError
        return dict.fromkeys(keys, "read")

    async def ask() -> tuple[list[Any], str | None]:
        reader, key = BatchReader(read), uuid4()
        asked = (reader.get(key) for _ in range(3))
        return await asyncio.gather(*asked, return_exceptions=True), await reader.get(key)

    failed, after = asyncio.run(ask())
    assert [type(each) for each in failed] == [ConnectionError] * 3
    assert after == "read"
