"""The adapter of EVM chains: raw JSON-RPC, and blocks always named by their hash (EIP-1898)."""

import re
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from itertools import pairwise
from typing import Any, Final, Self

from eth_utils.address import is_checksum_address, to_checksum_address

from chains_app.adapters import evm_contract, evm_nodes, evm_orders, evm_signing, evm_tokens
from chains_app.adapters.evm_contract import EscrowContracts
from chains_app.adapters.evm_logs import EscrowLogs
from chains_app.adapters.evm_nodes import block as read_block
from chains_app.adapters.evm_tokens import Erc20
from chains_app.adapters.interface import (
    SECRET_PLACE,
    BlockUnknownError,
    ChainError,
    ChainUnavailableError,
    Fact,
    FactsPage,
    FeeAboveCapError,
    KeyState,
    Prepared,
    Refusal,
    Signed,
    SigningKey,
    Stage,
    TransactionRefusedError,
    TransactionStatus,
    WrongChainError,
)
from chains_app.adapters.node import Node, RpcError
from chains_app.adapters.rpc import JsonRpc
from chains_app.config import ChainSpec
from chains_app.locks import Block, Call, LockReading, LockState, LockTerms, native_value
from chains_app.orders import Order, SignedOrder
from chains_app.signers import SignerRole
from orchestrator.kernel.hashlock import LENGTH, Secret

PAGE_BLOCKS: Final = 20  # of one page of facts: two exchanges whatever their number
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")


class EvmAdapter:
    """One EVM chain and the escrow factory on it."""

    def __init__(
        self,
        spec: ChainSpec,
        keys: Mapping[SignerRole, Sequence[SigningKey]],
        urls: Sequence[str],
    ) -> None:
        self.name, self._spec, self._keys = spec.name, spec, keys
        self._chain_id = evm_nodes.chain_id(spec)
        self._contracts = EscrowContracts(self._chain_id, spec.contract)
        self._ask_through(JsonRpc(spec.name, urls, evm_nodes.dialect(spec)))

    def _ask_through(self, rpc: JsonRpc) -> Self:
        self._rpc, self._tokens = rpc, Erc20(self.name, rpc)
        self._orders = evm_orders.EvmOrders(self._chain_id, rpc, self._tokens)
        self._logs = EscrowLogs(self._spec, self._contracts.factory, rpc)
        return self

    def views(self) -> "Sequence[EvmAdapter]":
        return [copy(self)._ask_through(rpc) for rpc in self._rpc.alone()]

    def close(self) -> None:
        """Close the connections."""
        self._rpc.close()

    # blocks

    def head(self) -> Block:
        return self._block("latest")

    def final(self, tier: str) -> Block:
        tag, depth = self._tier(tier)
        tagged = self._block(tag)
        return tagged if depth == 0 else self.block(max(0, tagged.height - depth))

    def _tier(self, tier: str) -> tuple[str, int]:
        """A node's tag, and how many blocks before it: `head+3`, `safe`, `finalized`."""
        self._spec.require_tier(tier)
        _, is_counted, depth = tier.partition("head+")
        return ("latest", int(depth)) if is_counted else (tier, 0)

    def block(self, height_or_hash: int | str) -> Block:
        if isinstance(height_or_hash, int):
            return self._block(hex(height_or_hash))
        found = self._rpc.read("eth_getBlockByHash", [height_or_hash, False])
        return read_block(found, f"{self.name} has no block {height_or_hash}")

    def _block(self, number_or_tag: str) -> Block:
        found = self._rpc.read("eth_getBlockByNumber", [number_or_tag, False])
        return read_block(found, f"{self.name} has no block {number_or_tag}")

    # facts and locks

    def facts(
        self, from_height: int, to_height: int, locks: Collection[str] | None = None
    ) -> FactsPage:
        last = min(to_height, from_height + PAGE_BLOCKS - 1)
        wanted = range(from_height, last + 1)
        found = self._rpc.read_all(
            [("eth_getBlockByNumber", [hex(height), False]) for height in wanted]
        )
        headers = [header for header in found if header is not None]
        return FactsPage(_linked(headers, self.name), self._logs.facts(headers, locks))

    def shown_secret(self, terms: LockTerms, first: int, last: int) -> bytes | None:
        return self._logs.secret(terms, self.lock_id(terms), first, last)

    def lock_made(self, fact: Fact, block: Block) -> LockTerms | None:
        return fact.terms

    def lock_id(self, terms: LockTerms) -> str:
        return self._contracts.escrow(terms)

    def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
        at = {"blockHash": block.hash, "requireCanonical": True}
        escrow = self._contracts.escrow(terms)
        try:
            code, slot = self._rpc.read_all(
                [("eth_getCode", [escrow, at]), ("eth_getStorageAt", [escrow, "0x0", at])]
            )
        except RpcError:
            raise BlockUnknownError(f"{self.name} can't be read at block {block.hash}") from None
        state, is_paid = LockState.ABSENT, False
        ours = (terms.chain, terms.contract) == (self.name, self._spec.contract)
        if ours and bytes.fromhex(code[2:]) == self._contracts.clone_code:
            word = int(slot, 16).to_bytes(32, "big")
            state, is_paid = self._contracts.decode_slot(terms, word)
        return LockReading(state, is_paid, secret=None, block=block)

    def payout_problem(self, terms: LockTerms, to: str) -> str | None:
        """Asked with the gas of a payout, as from who holds the money (docs/adr/0007): a token's is
        the escrow's, or still its depositor's; native coin is given to the escrow for the question.
        """
        escrow = self._contracts.escrow(terms)
        if to == escrow:
            return f"{to} is the lock's own place on {self.name}: the contract refuses such a lock"
        if terms.token is not None:
            coin, payer = self._spec.asset(terms.token), self._tokens.payer(terms, escrow)
            if self._tokens.takes_transfer(coin, payer, to, terms.amount):
                return None
            return f"{coin.symbol} on {self.name} refuses a transfer to {to}"
        gas = hex(evm_signing.TRANSFER_GAS + evm_contract.PAYOUT_GAS)
        pay = {"from": escrow, "to": to, "value": hex(terms.amount), "gas": gas}
        funded = {escrow: {"balance": hex(terms.amount)}}
        try:
            self._rpc.read("eth_call", [pay, "latest", funded])
        except RpcError:
            return f"{to} refuses a payment on {self.name}"
        return None

    def repayment_problem(self, terms: LockTerms, account: str) -> str | None:
        """The very transfer is tried, with its gas, as from the account that would send it."""
        coin, to = self._spec.asset(terms.token), terms.depositor
        if self._tokens.takes_repayment(coin, account, to, terms.amount):
            return None
        return f"{terms.amount} base units of {coin.symbol} from {account} would not reach {to}"

    def preliminary(self, call: Call, terms: LockTerms, account: str) -> Call | None:
        if call is not Call.LOCK or terms.token is None:
            return None
        allowance = self._tokens.allowance(terms.token, account, self._contracts.factory)
        return evm_tokens.missing_approval(self._spec.asset(terms.token), allowance, terms.amount)

    def registration_cost(self, token: str | None, account: str) -> int:
        return 0

    # our transactions

    def prepare(self, call: Call, terms: LockTerms, key: SigningKey) -> Prepared:
        gas = self._spec.asset(terms.token).gas[call]
        return self._prepare(key, gas, native_value(call, terms))

    def prepare_transfer_to_self(self, key: SigningKey) -> Prepared:
        return self._prepare(key, evm_signing.TRANSFER_GAS, 0)

    def _prepare(self, key: SigningKey, gas: int, value: int) -> Prepared:
        header, tip, nonce, balance = self._rpc.read_all([
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_maxPriorityFeePerGas", []),
            ("eth_getTransactionCount", [key.account, "latest"]),
            ("eth_getBalance", [key.account, "latest"]),
        ])  # fmt: skip
        base_fee, most = int(header["baseFeePerGas"], 16), self._spec.max_gas_price
        if base_fee > most:
            raise FeeAboveCapError(
                f"{self.name} asks {base_fee} wei for a unit of gas, we pay {most} at most: "
                "it is tried again until the fee falls"
            )
        fields = evm_signing.fee_fields(gas, base_fee, int(tip, 16), most)
        cost = evm_signing.cost_cap(fields, value, self._spec.data_fee)
        return Prepared(fields, int(nonce, 16), cost, int(balance, 16))

    def named_block(self, prepared: Prepared) -> None:
        return None

    def sign(
        self,
        call: Call | None,
        terms: LockTerms | None,
        prepared: Prepared,
        key: SigningKey,
        nonce: int,
        secret: Secret | None = None,
        order: SignedOrder | None = None,
    ) -> Signed:
        if call is None or terms is None:
            message = (key.account, 0, b"")
        elif call is Call.LOCK_FOR:
            message = evm_orders.submission(order, terms)
        elif call is Call.LOCK:
            message = self._contracts.creation(terms, evm_contract.CREATE_DESTINATION)
        elif call in (Call.APPROVE, Call.APPROVE_ZERO):
            message = evm_tokens.our_approval(call, terms.token, self._contracts.factory)
        elif call is Call.REPAY:
            message = evm_tokens.repayment(terms)
        else:
            message = self._contracts.ending(call, terms, secret)
        return evm_signing.sign_transaction(message, prepared.fields, self._chain_id, nonce, key)

    def replace(self, prepared: Prepared, percent: int) -> Prepared:
        return evm_signing.raise_fees(prepared, percent)

    def broadcast(self, raw: bytes) -> None:
        refusal = self._rpc.send("eth_sendRawTransaction", ["0x" + raw.hex()], evm_nodes.refusal_of)
        if refusal is not None:
            self._refuse(raw, refusal)

    def _refuse(self, raw: bytes, reason: Refusal) -> None:
        """A nonce that this very transaction has used is no refusal."""
        if reason is Refusal.NONCE_USED:
            hash_ = evm_signing.transaction_hash(raw)
            if self._rpc.read("eth_getTransactionByHash", [hash_]) is not None:
                return
        raise TransactionRefusedError(reason)

    def transaction_status(self, hash_: str, sender: str, tier: str) -> TransactionStatus:
        found = self._rpc.first_known(lambda node: self._status(node, hash_, tier))
        return TransactionStatus(Stage.UNKNOWN) if found is None else found

    def _status(self, node: Node, hash_: str, tier: str) -> TransactionStatus | None:
        """None when the node does not know it."""
        tag, depth = self._tier(tier)
        known, receipt, tagged = node.read_all([
            ("eth_getTransactionByHash", [hash_]),
            ("eth_getTransactionReceipt", [hash_]),
            ("eth_getBlockByNumber", [tag, False]),
        ])  # fmt: skip
        if receipt is None or known is None:
            nothing = receipt is None and known is None
            return None if nothing else TransactionStatus(Stage.PENDING)
        height, final = int(receipt["blockNumber"], 16), int(tagged["number"], 16) - depth
        stage = Stage.FINAL if height <= final else Stage.INCLUDED
        succeeded = receipt["status"] == "0x1" and not evm_tokens.moved_nothing(known, receipt)
        return TransactionStatus(stage, succeeded, height, receipt["blockHash"])

    def signed_bytes(self, hash_: str) -> bytes | None:
        try:
            found = self._rpc.read("eth_getRawTransactionByHash", [hash_])
        except RpcError:  # not every node serves it
            return None
        raw = bytes.fromhex((found or "0x")[2:])
        return raw if evm_signing.transaction_hash(raw) == hash_ else None

    def key_state(self, key: SigningKey) -> KeyState:
        """`final_nonce` is -1, nothing known, where a node keeps no state at `finalized`."""
        head, height = self._rpc.read_all(
            [("eth_getTransactionCount", [key.account, "latest"]), ("eth_blockNumber", [])]
        )
        try:
            final = self._rpc.read("eth_getTransactionCount", [key.account, "finalized"])
        except RpcError:
            final = "0x0"
        return KeyState(int(final, 16) - 1, int(head, 16) - 1, int(height, 16))

    def balance(self, account: str, token: str | None) -> int:
        if token is None:
            return int(self._rpc.read("eth_getBalance", [account, "latest"]), 16)
        return self._tokens.balance(token, account)

    # others' wallets and accounts

    def wallet_transactions(
        self, terms: LockTerms, *, only_missing: bool = False
    ) -> Sequence[dict[str, Any]]:
        """Parameters of a wallet's `eth_sendTransaction` (EIP-1193); approvals are exact."""
        lock = self._contracts.creation(terms, evm_contract.CREATE_SOURCE)
        calls = [*self._approvals(terms, only_missing=only_missing), lock]
        chain = {"chainId": hex(self._chain_id), "from": terms.depositor}
        return [
            chain | {"to": to, "value": hex(value), "data": "0x" + data.hex()}
            for to, value, data in calls
        ]

    def _approvals(self, terms: LockTerms, *, only_missing: bool) -> list[tuple[str, int, bytes]]:
        """One too many changes nothing: it allows this lock's amount, as the last one does."""
        if terms.token is None:
            return []
        coin, missing = self._spec.asset(terms.token), None
        if only_missing:
            try:
                missing = self.preliminary(Call.LOCK, terms, terms.depositor)
            except ChainError:
                only_missing = False
        zero = coin.approve_zero_first and (missing is Call.APPROVE_ZERO or not only_missing)
        amounts = ([0] if zero else []) + ([terms.amount] if missing or not only_missing else [])
        return [
            (terms.token, 0, evm_tokens.approval(self._contracts.factory, amount))
            for amount in amounts
        ]

    def open_lock_question(self, terms: LockTerms) -> dict[str, Any]:
        """A JSON-RPC call; its result holds 31 bytes of the hash of all terms (`read_lock`)."""
        escrow, slot = self._contracts.escrow(terms), self._contracts.open_slot(terms)
        return {
            "method": "eth_getStorageAt",
            "params": [escrow, "0x0", "latest"],
            "open": "0x" + slot.hex(),
        }

    def exit_transaction(self, call: Call, terms: LockTerms) -> dict[str, Any]:
        """Parameters of `eth_sendTransaction` without a sender. The gas is said, for an estimate
        would show the secret to a node before it is sent.
        """
        mark = Secret(b"\xa5" * LENGTH) if call is Call.WITHDRAW else None
        to, value, data = self._contracts.ending(call, terms, mark)
        text = data.hex() if mark is None else data.hex().replace(mark.reveal().hex(), SECRET_PLACE)
        gas = self._spec.asset(terms.token).gas[call]
        chain_id = hex(self._chain_id)
        return {"chainId": chain_id, "to": to, "value": hex(value), "data": "0x" + text,
                "gas": hex(gas)}  # fmt: skip

    def order_to_sign(self, order: Order) -> dict[str, Any]:
        """For a wallet's `eth_signTypedData_v4`."""
        return evm_orders.typed_data(order, self._chain_id)

    def order_problem(self, signed: SignedOrder) -> str | None:
        return self._orders.problem(signed, self._spec.asset(signed.order.terms.token))

    def spelled(self, account: str) -> str:
        """All of one case has no checksum (EIP-55), and gets it here."""
        digits = account[2:]
        is_plain = _ADDRESS.fullmatch(account) and digits in (digits.lower(), digits.upper())
        return str(to_checksum_address(account)) if is_plain else account

    def account_problem(self, account: str) -> str | None:
        if not _ADDRESS.fullmatch(account):
            return f"{account[:80]!r} is not an address: give 0x and 40 hex digits"
        if not is_checksum_address(account):
            return f"{account} fails its checksum (EIP-55): give it as your wallet shows it"
        if account in (to_checksum_address(evm_contract.ZERO_ADDRESS), self._contracts.factory):
            return f"{account} can't be a party of a lock"
        return None

    def problems(self) -> list[str]:
        wrong = self._rpc.problems()
        try:
            return wrong + self._wrong()
        except WrongChainError:  # each node's problem is told
            return wrong
        except ChainError as error:
            return [*wrong, str(error)]

    def _wrong(self) -> list[str]:
        factory, implementation = self._spec.contract, self._contracts.implementation
        codes = self._rpc.read_all(
            [("eth_getCode", [contract, "latest"]) for contract in (factory, implementation)]
        )
        wrong = []
        for contract, at, code in zip(
            ("EscrowFactory", "Escrow"), (factory, implementation), codes, strict=True
        ):
            if not evm_contract.is_built_code(contract, bytes.fromhex(code[2:])):
                wrong.append(f"{self.name}: the code at {at} is not our {contract}: deploy it")
        accounts = {key.account for keys in self._keys.values() for key in keys}
        empty = sorted(account for account in accounts if self.balance(account, None) == 0)
        wrong += [f"{self.name}: {account} has no ETH for gas" for account in empty]
        holder = next((key.account for key in self._keys.get(SignerRole.LOCK, ())), None)
        tokens = self._spec.tokens.values()
        return wrong + [each for coin in tokens for each in self._tokens.problems(coin, holder)]


def _linked(headers: Sequence[dict[str, Any]], chain: str) -> tuple[Block, ...]:
    """The blocks, each the parent of the next."""
    blocks = tuple(read_block(header, "") for header in headers)
    if not blocks:
        raise BlockUnknownError(f"{chain} has none of these blocks")
    if any(a.hash != b.parent_hash for a, b in pairwise(blocks)):
        raise ChainUnavailableError(f"{chain} reorganised while it was read: read again")
    return blocks
