"""The HTTP face of the node: JSON-RPC over POST, bounded and proof against garbage."""

import logging
from typing import Any

import orjson
from aiohttp import web

from devnet.near.errors import RpcError, internal_error, parse_error
from devnet.near.rpc import Rpc

MAX_BODY = 10 * 1024 * 1024  # nearcore's default
KEEP_ALIVE_SECONDS = 3600  # a test may pause longer than a server on the internet would wait

_CORS = {  # as nearcore's default: pages of any origin may call
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
}

log = logging.getLogger(__name__)


def application(rpc: Rpc) -> web.Application:
    """The web application that serves one node."""

    async def post(request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _response(None, error=parse_error("Payload too large"), status=413)
        return await _answer(rpc, body)

    async def get_status(request: web.Request) -> web.Response:
        return web.json_response(await rpc.status(None))

    async def get_health(request: web.Request) -> web.Response:
        return web.json_response(await rpc.health(None))

    async def options(request: web.Request) -> web.Response:
        return web.Response(headers=_CORS)

    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_post("/", post)
    app.router.add_options("/", options)
    app.router.add_get("/status", get_status)
    app.router.add_get("/health", get_health)
    return app


async def _answer(rpc: Rpc, body: bytes) -> web.Response:
    request_id = None
    try:
        request = _parse(body)
        request_id = request.get("id")
        result = await rpc.call(_method(request), request.get("params"))
        return _response(request_id, result=result)
    except RpcError as error:
        return _response(request_id, error=error)
    except Exception as error:
        log.exception("call failed")
        return _response(request_id, error=internal_error(f"{type(error).__name__}: {error}"))


def _parse(body: bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise parse_error(f"invalid JSON: {error}") from None
    if not isinstance(request, dict):
        raise parse_error("a request is one JSON object; batches are not supported")
    if request.get("jsonrpc") != "2.0":
        raise parse_error('`jsonrpc` must be "2.0"')
    return request


def _method(request: dict[str, Any]) -> str:
    method = request.get("method")
    if not isinstance(method, str):
        raise parse_error("`method` must be a string")
    return method


def _response(
    request_id: Any, *, result: Any = None, error: RpcError | None = None, status: int = 200
) -> web.Response:
    answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request_id}
    if error is None:
        answer["result"] = result
    else:
        answer["error"] = error.body
        status = error.http_status if status == 200 else status
    body = orjson.dumps(answer)
    return web.Response(body=body, status=status, headers=_CORS, content_type="application/json")
