"""`python -m devnet.near`: a NEAR development node on 127.0.0.1."""

import argparse
import asyncio
import json
import logging
import signal
from contextlib import suppress

import uvloop
from aiohttp import web
from nacl.signing import SigningKey

from devnet.near import account_id
from devnet.near.chain import ROOT_ACCOUNT, ChainConfig
from devnet.near.crypto import base58_encode
from devnet.near.fees import EPOCH_BLOCKS
from devnet.near.node import Node
from devnet.near.rpc import Rpc
from devnet.near.server import KEEP_ALIVE_SECONDS, application


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devnet.near", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3030, help="0 picks a free one")
    parser.add_argument("--block-ms", type=_positive, help="interval; without it, on demand")
    parser.add_argument("--chain-id", default="devnet")
    parser.add_argument(
        "--epoch-blocks", type=_positive, default=EPOCH_BLOCKS, help="five epochs are kept"
    )
    parser.add_argument(
        "--wait-seconds", type=float, default=10.0, help="how long a waiter waits (nearcore: 10)"
    )
    parser.add_argument(
        "--account",
        action="append",
        type=_account,
        default=[],
        help="a further account in the genesis, with the same key; may be given more than once",
    )
    parser.add_argument(
        "--log-blocks", action="store_true", help="one line for each block on standard error"
    )
    parser.add_argument(
        "--check-broadcasts",
        action="store_true",
        help="tell more than nearcore: refuse what is sent without waiting, know the mempool",
    )
    return parser.parse_args()


def _account(name: str) -> str:
    if not account_id.is_valid(name) or name == ROOT_ACCOUNT:
        raise argparse.ArgumentTypeError(f"{name!r} is no further account id")
    return name


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not positive")
    return value


async def _serve(arguments: argparse.Namespace) -> None:
    if arguments.log_blocks:
        logging.basicConfig(format="%(asctime)s %(message)s")
        logging.getLogger("devnet.near.node").setLevel(logging.INFO)
    key = SigningKey.generate()
    public_key = "ed25519:" + base58_encode(key.verify_key.encode())
    config = ChainConfig(
        arguments.chain_id, public_key, arguments.epoch_blocks, tuple(arguments.account)
    )
    node = Node(config, arguments.block_ms, arguments.wait_seconds)
    address = f"{arguments.host}:{arguments.port}"
    runner = web.AppRunner(
        application(Rpc(node, address, checks_broadcasts=arguments.check_broadcasts)),
        access_log=None,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
    )
    await runner.setup()
    site = web.TCPSite(runner, arguments.host, arguments.port)
    await site.start()
    port = runner.addresses[0][1]
    secret_key = "ed25519:" + base58_encode(key.encode() + key.verify_key.encode())
    announcement = {
        "url": f"http://{arguments.host}:{port}",
        "chain_id": config.chain_id,
        "root_account": ROOT_ACCOUNT,
        "root_secret_key": secret_key,
    }
    print(json.dumps(announcement), flush=True)  # noqa: T201 - the interface to who started us
    await _until_stopped(node)
    await runner.cleanup()


async def _until_stopped(node: Node) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stopped.set)
    blocks = asyncio.create_task(node.run())
    signalled = asyncio.create_task(stopped.wait())
    await asyncio.wait({blocks, signalled}, return_when=asyncio.FIRST_COMPLETED)
    if blocks.done():  # it never ends by itself: raise what ended it, rather than stand still
        blocks.result()
    blocks.cancel()
    with suppress(asyncio.CancelledError):
        await blocks


if __name__ == "__main__":
    uvloop.run(_serve(_arguments()))
