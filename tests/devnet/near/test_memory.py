"""What the node holds after a day of blocks; the block log."""

import json
import re
import subprocess
import sys
from base64 import b64decode

import pytest
from py_near import transactions as tx

from devnet.near.chain import ROOT_ACCOUNT, Chain, ChainConfig, GarbageCollectedError
from devnet.near.client import NEAR, Key, NearClient, Signer, call
from devnet.near.crypto import base58_decode
from devnet.near.transaction import parse
from devnet.near.vm import Vm
from tests.devnet.near.contracts import KEEPER

DAY = 144_000  # blocks of 0.6 s
EPOCH = 2_500  # the default
EVERY = 500  # blocks a call is sent
KEEPER_ID = "keeper.test.near"


class _Driver:
    """A chain in this process, and the one who owns it."""

    def __init__(self) -> None:
        self.key = Key.generate()
        self.chain = Chain(ChainConfig("devnet", self.key.public_key), Vm())
        self.nonce = 0

    def send(self, receiver_id: str, *actions: object) -> None:
        self.nonce += 1
        signed = tx.sign_and_serialize_transaction(
            ROOT_ACCOUNT,
            self.key.secret + self.key.public_bytes,
            receiver_id,
            self.nonce,
            list(actions),
            base58_decode(self.chain.head.hash),
        )
        self.chain.submit(parse(b64decode(signed)))

    def held(self) -> dict[str, int]:
        """How many of each kind of thing the chain holds."""
        chain = self.chain
        runtime = chain.runtime
        return {
            "blocks": len(chain.blocks),
            "states": runtime.state.blocks_held,
            "records": len(runtime.state.values),
            "transactions": len(chain.included),
            "outcomes": len(chain.outcomes),
            "receipts": len(chain.receipts),
            "data": len(chain.data_receipts),
            "hashes": len(chain.heights),
            "rejected": len(chain.rejected),
            "on their way": len(chain.mempool) + len(chain.delayed) + len(runtime.outgoing),
            "waiting": len(runtime.received) + len(runtime.awaited_by) + len(runtime.missing),
        }


def test_a_day_of_blocks_is_held_in_bounded_memory() -> None:
    driver = _Driver()
    chain = driver.chain
    chain.produce_block()
    create = [tx.create_create_account_action(), tx.create_transfer_action(10 * NEAR)]
    driver.send(KEEPER_ID, *create, tx.create_deploy_contract_action(KEEPER))
    old = chain.produce_block()
    after_a_third = {}
    for height in range(chain.head.height + 1, DAY + 1):
        if height % EVERY == 0:
            driver.send(KEEPER_ID, call("set", height.to_bytes(4, "little"), deposit=1))
        chain.produce_block()
        if height == DAY // 3:
            after_a_third = driver.held()
    held = driver.held()
    assert chain.head.height == DAY
    kept = DAY - (DAY // EPOCH - 4) * EPOCH + 1
    sent = kept // EVERY + 1
    assert held == {
        "blocks": kept,
        "states": kept - 1,  # what the oldest block replaced tells of a block before it
        "records": 5,
        "transactions": sent,
        "outcomes": 3 * sent - 2,  # of the transaction; of its call and the refund, one block later
        "receipts": 2 * sent - 1,
        "data": 0,
        "hashes": 86_401,
        "rejected": 0,
        "on their way": 1,
        "waiting": 0,
    }
    for kind in ("states", "records", "outcomes", "receipts", "on their way", "waiting"):
        assert held[kind] <= after_a_third[kind] + EPOCH, kind
    assert chain.earliest.height == DAY - kept + 1
    with pytest.raises(GarbageCollectedError):
        chain.block_at(chain.earliest.height - 1)
    assert old.hash not in chain.heights


def _block_lines(*options: str) -> list[str]:
    """What a node writes on standard error while it includes one transfer to itself."""
    command = [sys.executable, "-m", "devnet.near", "--port", "0", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as node:
        assert node.stdout is not None
        started = json.loads(node.stdout.readline())
        near = NearClient(started["url"])
        root = Signer(started["root_account"], Key.parse(started["root_secret_key"]))
        near.send(root, ROOT_ACCOUNT, [tx.create_transfer_action(1)])
        near.rpc.call("devnet_miss_chunks", count=1)
        near.mine()
        near.close()
        node.terminate()
        return node.communicate(timeout=10)[1].splitlines()


def test_a_line_for_each_block_when_asked_for() -> None:
    lines = _block_lines("--log-blocks")
    told = [re.sub(r"^\S+ \S+ ", "", line) for line in lines]
    assert [re.sub(r"[1-9A-Za-z]{43,44}:", "<hash>:", line) for line in told] == [
        "block 1 <hash>: 1 transactions, 1 receipts, 0.446 Tgas",
        "block 2 <hash>: 0 transactions, 0 receipts, 0.000 Tgas, no chunk",
    ]


def test_no_line_when_not_asked_for() -> None:
    assert _block_lines() == []
