"""anvil with the deployed contracts. It mines when told: by itself it would answer too early."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from eth_utils import to_checksum_address

from chains_app.adapters.evm import EvmAdapter
from chains_app.adapters.evm_accounts import Account, encode_typed_data
from chains_app.adapters.evm_signing import evm_key
from chains_app.adapters.interface import ChainAdapter
from chains_app.orders import Order
from chains_app.registry import get_adapter, get_chain, signing_keys
from chains_app.signers import SignerRole
from chains_app.tokens import EvmToken
from devnet.evm import Sender, call_data, constructor_data, new_account
from devnet.network import Devnet
from tests.conformance.world import Unpayable

FUNDS = 10**12
REVERTING_CODE = "0x60006000fd"


class EvmWorld:
    """The BASE of a devnet whose environment is installed."""

    amount = 10**15
    answers_unchecked = False
    token: str | None = None

    def __init__(self, devnet: Devnet) -> None:
        self.anvil, self.rpc = devnet.anvil, devnet.anvil.rpc
        self.adapter: ChainAdapter = get_adapter("base")
        self.spec = get_chain("base")
        self.maker = evm_key(devnet.environment["MAKER_BASE_KEY"])
        (self.lock,) = signing_keys("base", SignerRole.LOCK)
        (self.duty,) = signing_keys("base", SignerRole.DUTY)
        self.rpc.call("evm_setAutomine", False)
        self.rpc.call("anvil_dropAllTransactions")  # what a test left waiting, a revert does not
        self._is_held = False
        self._urls: Sequence[str] = [self.anvil.url]
        self._dress: Callable[[EvmAdapter], ChainAdapter] = lambda adapter: adapter

    def connect(
        self,
        urls: Sequence[str],
        dress: Callable[[EvmAdapter], ChainAdapter] = lambda adapter: adapter,
    ) -> EvmAdapter:
        """From here on ask through these URLs, with an adapter that is dressed up so."""
        self._urls, self._dress = urls, dress
        keys = {role: signing_keys("base", role) for role in SignerRole}
        bare = EvmAdapter(self.spec, keys, urls)
        self.adapter = dress(bare)
        return bare

    def use_token(self, artifact: str = "BlockingToken", *arguments: Any, **declared: Any) -> None:
        """A fresh token of 6 decimals, some of it with the maker and our lock account."""
        account = new_account()
        self.anvil.fund(account.address, 10**18)
        self.deployer = Sender(self.anvil, account)
        address = self.deploy(artifact, *arguments)
        for key in (self.maker, self.lock):
            self.call_token(address, "mint(address,uint256)", key.account, FUNDS)
        behaviour = {"approve_zero_first": True, **declared}
        token = EvmToken(symbol="USDC", decimals=6, address=address, **behaviour)
        self.token, self.amount = address, 25 * 10**6
        self.spec = replace(self.spec, tokens={address: token.spec()})
        self.connect(self._urls, self._dress)

    def deploy(self, artifact: str, *arguments: Any) -> str:
        """A contract of the tests; its address."""
        deployed = self.deployer.send(None, constructor_data(artifact, *arguments))
        self.anvil.mine()
        return str(to_checksum_address(self.deployer.receipt(deployed)["contractAddress"]))

    def sign_typed_data(self, data: dict[str, Any]) -> bytes:
        """By the maker's key, as a wallet does with what it is given."""
        message = encode_typed_data(full_message=data)
        return bytes(Account.sign_message(message, self.maker.secret.reveal()).signature)

    def sign_order(self, order: Order) -> bytes:
        return self.sign_typed_data(self.adapter.order_to_sign(order))

    def call_token(self, token: str, signature: str, *values: Any) -> None:
        """A write to a test token by its deployer, whom they obey in everything."""
        sent = self.deployer.send(token, call_data(signature, *values))
        self.anvil.mine()
        self.deployer.receipt(sent)

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
        if self.token is None:
            return Unpayable(
                account,
                lambda: self.rpc.call("anvil_setCode", account, REVERTING_CODE),
                lambda: self.rpc.call("anvil_setCode", account, "0x"),
            )
        block = partial(self.call_token, self.token, "setBlocked(address,bool)", account)
        return Unpayable(account, partial(block, True), partial(block, False))

    def stranger(self) -> str:
        return str(Account.create().address)

    def unreachable(self) -> ChainAdapter:
        return EvmAdapter(self.spec, {}, ["http://127.0.0.1:1/token-in-a-path"])
