"""anvil with the deployed contracts. It mines when told: by itself it would answer too early."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from eth_account import Account

from chains_app.adapters.evm import EvmAdapter
from chains_app.adapters.evm_signing import evm_key
from chains_app.adapters.interface import ChainAdapter
from chains_app.registry import get_adapter, get_chain, signing_keys
from chains_app.signers import SignerRole
from devnet.network import Devnet
from tests.conformance.world import Unpayable

REVERTING_CODE = "0x60006000fd"


class EvmWorld:
    """The BASE of a devnet whose environment is installed."""

    amount = 10**15
    answers_unchecked = False

    def __init__(self, devnet: Devnet) -> None:
        self.anvil, self.rpc = devnet.anvil, devnet.anvil.rpc
        self.adapter, self.spec = get_adapter("base"), get_chain("base")
        self.maker = evm_key(devnet.environment["MAKER_BASE_KEY"])
        (self.lock,) = signing_keys("base", SignerRole.LOCK)
        (self.duty,) = signing_keys("base", SignerRole.DUTY)
        self.rpc.call("evm_setAutomine", False)
        self._is_held = False

    def mine(self, blocks: int = 1, seconds: int = 0) -> None:
        """The jump counts from the head: anvil's clock lags where many blocks share a second."""
        if blocks > 1:
            self.anvil.mine(blocks - 1)
        if seconds:
            time = self.adapter.head().time + seconds
            self.rpc.call("evm_setNextBlockTimestamp", time)
        self.anvil.mine()

    def include(self) -> None:
        if not self._is_held:
            self.anvil.mine()

    @contextmanager
    def hold_blocks(self) -> Iterator[None]:
        self._is_held = True
        yield
        self._is_held = False

    def send_by_wallet(self, transactions: Sequence[dict[str, Any]]) -> None:
        for wanted in transactions:
            nonce = self.rpc.call("eth_getTransactionCount", wanted["from"], "latest")
            fees = {"gas": 500_000, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9}
            fields = {name: value for name, value in wanted.items() if name != "from"}
            sent = Account.sign_transaction(
                {**fields, **fees, "nonce": nonce}, self.maker.secret.reveal()
            )
            self.rpc.call("eth_sendRawTransaction", sent.raw_transaction.to_0x_hex())
            self.anvil.mine()

    def unpayable(self) -> Unpayable:
        account = Account.create().address
        self.rpc.call("anvil_setCode", account, REVERTING_CODE)
        return Unpayable(account, lambda: self.rpc.call("anvil_setCode", account, "0x"))

    def unreachable(self) -> ChainAdapter:
        return EvmAdapter(self.spec, {}, ["http://127.0.0.1:1/token-in-a-path"])
