"""The devnet's NEAR node; every transaction makes the blocks that it needs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from py_near import transactions as near_transactions

from chains_app.adapters.interface import ChainAdapter
from chains_app.adapters.near import NearAdapter
from chains_app.adapters.near_signing import near_key
from chains_app.registry import get_adapter, get_chain, signing_keys
from chains_app.signers import SignerRole
from devnet.near.client import NEAR, Key, Signer, call
from devnet.network import Devnet
from tests.conformance.world import Unpayable

NO_BLOCKS_MS = 3_600_000


class NearWorld:
    """The NEAR of a devnet whose environment is installed."""

    amount = NEAR
    answers_unchecked = True
    token: str | None = None

    def __init__(self, devnet: Devnet) -> None:
        self.node, self.client = devnet.near, devnet.near.client
        self.adapter, self.spec = get_adapter("near"), get_chain("near")
        account, key = (devnet.environment[f"MAKER_NEAR_{part}"] for part in ("ACCOUNT", "KEY"))
        self._wallet = Signer(account, Key.parse(key))
        self.maker = near_key(account, key)
        self.lock = signing_keys("near", SignerRole.LOCK)[0]
        self.duty = signing_keys("near", SignerRole.DUTY)[0]

    def connect(
        self,
        urls: Sequence[str],
        dress: Callable[[NearAdapter], ChainAdapter] = lambda adapter: adapter,
    ) -> NearAdapter:
        """From here on ask through these URLs, with an adapter that is dressed up so."""
        keys = {role: signing_keys("near", role) for role in SignerRole}
        code_hash = self.client.view_account(self.spec.contract)["code_hash"]
        bare = NearAdapter(self.spec, keys, urls, code_hash)
        self.adapter = dress(bare)
        return bare

    def use_token(self) -> None:
        """The devnet's USDC, which maker and lock account hold."""
        (self.token,), self.amount = self.spec.tokens, 25 * 10**6

    def mine(self, blocks: int = 1, seconds: int = 0) -> None:
        self.client.mine(blocks, seconds)

    def include(self) -> None:
        """The node makes blocks for what it is sent; it answers a send before, and others after."""
        self.client.rpc.call("status")

    @contextmanager
    def hold_blocks(self) -> Iterator[None]:
        self.client.rpc.call("devnet_set_block_ms", ms=NO_BLOCKS_MS)
        yield
        self.client.rpc.call("devnet_set_block_ms")

    def send_by_wallet(self, transactions: Sequence[dict[str, Any]]) -> None:
        for wanted in transactions:
            assert wanted["signerId"] == self._wallet.account_id
            actions = [function_call(action) for action in wanted["actions"]]
            outcome = self.client.send(self._wallet, wanted["receiverId"], actions)
            assert not outcome.failures

    def unpayable(self) -> Unpayable:
        """Of NEAR one that does not exist yet, of a token one that can leave it again."""
        if self.token is not None:
            return self._unregistering(self.token)
        account = f"late.{self.node.root.account_id}"

        def create() -> None:
            actions = [
                near_transactions.create_create_account_action(),
                near_transactions.create_transfer_action(NEAR),
            ]
            assert not self.client.send(self.node.root, account, actions).failures

        return Unpayable(account, lambda: None, create)

    def _unregistering(self, token: str) -> Unpayable:
        account, key = f"fickle.{self.node.root.account_id}", Key.generate()
        actions = [
            near_transactions.create_create_account_action(),
            near_transactions.create_transfer_action(NEAR),
            near_transactions.create_full_access_key_action(key.public_bytes),
        ]
        assert not self.client.send(self.node.root, account, actions).failures
        fickle = Signer(account, key)
        leave = call("storage_unregister", {"force": True}, deposit=1)
        enter = call("storage_deposit", {"account_id": account}, deposit=NEAR // 100)
        assert not self.client.send(fickle, token, [enter]).failures
        return Unpayable(
            account,
            lambda: self.client.send(fickle, token, [leave]),
            lambda: self.client.send(fickle, token, [enter]),
        )

    def stranger(self) -> str:
        return f"stranger.{self.node.root.account_id}"

    def unreachable(self) -> ChainAdapter:
        return NearAdapter(self.spec, {}, ["http://127.0.0.1:1/token-in-a-path"], "1" * 43)


def function_call(action: dict[str, Any]) -> Any:
    assert action["type"] == "FunctionCall"
    params = action["params"]
    gas, deposit = int(params["gas"]), int(params["deposit"])
    return call(params["methodName"], params["args"], gas=gas, deposit=deposit)
