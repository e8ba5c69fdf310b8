"""The adapter of NEAR: our JSON-RPC carries what py_near signs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, Self

from chains_app.adapters import near_contract, near_signing
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
    Signed,
    SigningKey,
    Stage,
    TransactionRefusedError,
    TransactionStatus,
    WrongChainError,
)
from chains_app.adapters.near_rpc import FINAL, OPTIMISTIC, NearRpc
from chains_app.adapters.near_tokens import Nep141
from chains_app.config import ChainSpec
from chains_app.locks import Block, Call, LockReading, LockState, LockTerms
from chains_app.orders import Order, SignedOrder
from chains_app.signers import SignerRole
from chains_app.tokens import NEAR_STORAGE_DEPOSIT
from orchestrator.kernel.hashlock import Secret

PAGE_HEIGHTS: Final = 20  # of one page of facts
_PRICE_HEADROOM: Final = 2  # full blocks raise the price of gas by 1 % each: 70 of them to this
_STORAGE_BYTE: Final = 10**19  # yocto; an account keeps this much for each byte that it uses


class NearAdapter:
    """One NEAR chain and the HTLC account on it, whose code has a fixed hash."""

    def __init__(
        self,
        spec: ChainSpec,
        keys: Mapping[SignerRole, Sequence[SigningKey]],
        urls: Sequence[str],
        code_hash: str,
    ) -> None:
        self.name, self._spec, self._keys = spec.name, spec, keys
        self._htlc, self._code_hash = spec.contract, code_hash
        self._ask_through(NearRpc.of(spec, urls))

    def _ask_through(self, rpc: NearRpc) -> Self:
        self._rpc, self._tokens = rpc, Nep141(self.name, rpc)
        self._has_our_code = lru_cache(64)(self._reads_our_code)  # a block never changes
        self._height = lru_cache(1024)(self._reads_height)
        return self

    def views(self) -> "Sequence[NearAdapter]":
        """Each believes only what its own node told."""
        return [copy(self)._ask_through(rpc) for rpc in self._rpc.alone()]

    def close(self) -> None:
        """Close the connections."""
        self._rpc.close()

    # blocks

    def head(self) -> Block:
        return self._rpc.block(OPTIMISTIC)

    def final(self, tier: str) -> Block:
        self._spec.require_tier(tier)
        return self._rpc.block(FINAL)

    def block(self, height_or_hash: int | str) -> Block:
        return self._rpc.block({"block_id": height_or_hash})

    # facts and locks

    def facts(
        self, from_height: int, to_height: int, locks: Collection[str] | None = None
    ) -> FactsPage:
        blocks = self._first_blocks(from_height, to_height)
        if any(a.hash != b.parent_hash for a, b in pairwise(blocks)):
            raise ChainUnavailableError(f"{self.name} reorganised while it was read: read again")
        facts = [fact for block in blocks for fact in self._facts_of(block)]
        return FactsPage(tuple(blocks), tuple(facts))

    def _first_blocks(self, from_height: int, to_height: int) -> list[Block]:
        """Those of the first page of heights that has any: a halt may skip more than one page."""
        for start in range(from_height, to_height + 1, PAGE_HEIGHTS):
            heights = range(start, min(to_height, start + PAGE_HEIGHTS - 1) + 1)
            if blocks := [block for h in heights if (block := self._block_at(h))]:
                return blocks
        raise BlockUnknownError(f"{self.name} has none of these blocks")

    def _block_at(self, height: int) -> Block | None:
        try:
            return self.block(height)
        except BlockUnknownError:  # skipped
            return None

    def _facts_of(self, block: Block) -> list[Fact]:
        """A changed storage key names the lock; nothing tells the transaction."""
        keys = self._rpc.data_changes(self._htlc, near_contract.LOCK_KEY, block.hash)
        locks = [near_contract.changed_lock(key) for key in keys]
        return [Fact(lock, block.height, block.hash, transaction=None) for lock in locks]

    def shown_secret(self, terms: LockTerms, first: int, last: int) -> bytes | None:
        return None  # the state holds it

    def lock_made(self, fact: Fact, block: Block) -> LockTerms | None:
        asked = {"id": fact.lock_id}
        record = self._rpc.view(self._htlc, "get_lock", asked, {"block_id": block.hash})
        return near_contract.open_terms(record, self.name, self._htlc)

    def lock_id(self, terms: LockTerms) -> str:
        return near_contract.lock_id(terms, self._spec.caip2)

    def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
        state, is_paid, secret = LockState.ABSENT, False, None
        ours = (terms.chain, terms.contract) == (self.name, self._htlc)
        identifier = self.lock_id(terms)
        if self._has_our_code(block.hash) and ours and identifier:
            at = {"block_id": block.hash}
            record = self._rpc.view(self._htlc, "get_lock", {"id": identifier}, at)
            state, is_paid, secret = near_contract.decode_record(record)
        return LockReading(state, is_paid, secret, block)

    def _reads_our_code(self, block_hash: str) -> bool:
        account = self._rpc.account(self._htlc, {"block_id": block_hash})
        return account is not None and account["code_hash"] == self._code_hash

    def payout_problem(self, terms: LockTerms, to: str) -> str | None:
        if to == self._htlc:
            return f"{to} holds the locks on {self.name}: it refuses one for itself"
        if terms.token is None:
            if near_contract.IMPLICIT.fullmatch(to) or self._rpc.account(to, OPTIMISTIC):
                return None
            return f"{to} does not exist on {self.name}"
        if self._tokens.is_registered(terms.token, to):
            return None
        return f"{to} is not registered with {terms.token}: it has to call storage_deposit"

    def repayment_problem(self, terms: LockTerms, account: str) -> str | None:
        held = self.balance(account, terms.token)
        if held < terms.amount:
            coin = self._spec.asset(terms.token).symbol
            return f"{account} holds {held} base units of {coin}, less than {terms.amount}: fund it"
        return self.payout_problem(terms, terms.depositor)

    def preliminary(self, call: Call, terms: LockTerms, account: str) -> Call | None:
        """A beneficiary who would not be paid is registered before any money is bound to him."""
        if call is not Call.LOCK or terms.token is None:
            return None
        if not self._tokens.is_registered(terms.token, terms.beneficiary):
            return Call.REGISTER
        return None if self._is_prepared(terms) else Call.PREPARE

    def _is_prepared(self, terms: LockTerms) -> bool:
        record = {"id": self.lock_id(terms)}
        return self._rpc.view(self._htlc, "get_lock", record, OPTIMISTIC) is not None

    def registration_cost(self, token: str | None, account: str) -> int:
        if token is None or self._tokens.is_registered(token, account):
            return 0
        return self._tokens.registration(token)

    # our transactions

    def prepare(self, call: Call, terms: LockTerms, key: SigningKey) -> Prepared:
        deposit = near_contract.deposit(call, terms)
        if call is Call.REGISTER:
            deposit = self._registration(terms)
        fee = self._spec.fee_cap(call, terms.token)
        return self._prepare(key, self._spec.asset(terms.token).gas[call], fee, deposit)

    def _registration(self, terms: LockTerms) -> int:
        """What the token asks for it now, within what the registry lets us pay."""
        coin = self._spec.asset(terms.token)
        asked, most = self._tokens.registration(str(coin.token)), coin.deposits[Call.REGISTER]
        if asked > most:
            raise FeeAboveCapError(
                f"{coin.symbol} on {self.name} asks {asked} yocto to register an account, we pay "
                f"{most} at most"
            )
        return asked

    def prepare_transfer_to_self(self, key: SigningKey) -> Prepared:
        return self._prepare(key, 0, self._spec.sending_gas * self._spec.max_gas_price, 0)

    def _prepare(self, key: SigningKey, gas: int, fee: int, deposit: int) -> Prepared:
        """The nonce at the head, in flight none; the block hash final, so that it stays one."""
        access = self._rpc.access_key(key.account, key.public, OPTIMISTIC)
        account = self._rpc.account(key.account, FINAL)
        if account is None:
            raise ChainError(f"{self.name}: {key.account} is not there at the final block")
        balance = int(account["amount"]) - account["storage_usage"] * _STORAGE_BYTE
        allowance = _allowance(access)
        self._require_price_below_cap()
        return Prepared(
            fields={"block_hash": account["block_hash"], "gas": gas, "deposit": str(deposit)},
            nonce_floor=access["nonce"] + 1,
            cost_cap=fee + deposit,
            balance=max(0, balance if allowance is None else min(balance, allowance)),
            expires_at_height=account["block_height"] + near_signing.LIFETIME,
        )

    def named_block(self, prepared: Prepared) -> tuple[int, str]:
        height = (prepared.expires_at_height or 0) - near_signing.LIFETIME
        return height, prepared.fields["block_hash"]

    def _require_price_below_cap(self) -> None:
        """Nobody signs a price on NEAR: what is sent pays that of its block."""
        price, most = self._rpc.gas_price(), self._spec.max_gas_price
        if _PRICE_HEADROOM * price > most:
            raise FeeAboveCapError(
                f"{self.name} asks {price} yocto for a unit of gas, and may ask {_PRICE_HEADROOM} "
                f"times that soon; we pay {most} at most: it is tried again until the price falls"
            )

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
        receiver, method, attached = key.account, "", int(prepared.fields["deposit"])
        if call is not None and terms is not None:
            receiver, method = near_contract.target(call, terms, self._htlc)
        if call is None or terms is None or not method:
            action = near_signing.transfer(attached)
        else:
            arguments = near_contract.arguments(call, terms, self.lock_id(terms), secret)
            gas = prepared.fields["gas"]
            action = near_signing.function_call(method, arguments, gas, attached)
        block_hash = prepared.fields["block_hash"]
        return near_signing.sign_transaction(key, receiver, nonce, action, block_hash)

    def replace(self, prepared: Prepared, percent: int) -> Prepared:
        """NEAR has no fees to raise."""
        return prepared

    def broadcast(self, raw: bytes) -> None:
        refusal = self._rpc.send(raw)
        if refusal is not None:
            raise TransactionRefusedError(refusal)

    def transaction_status(self, hash_: str, sender: str, tier: str) -> TransactionStatus:
        """FINAL when the transaction and all its receipts stand in final blocks."""
        found = self._rpc.transaction(hash_, sender)
        if found is None:
            return TransactionStatus(Stage.UNKNOWN)
        if "transaction_outcome" not in found:
            return TransactionStatus(Stage.PENDING)
        is_final = found["final_execution_status"] == "FINAL"
        block_hash = found["transaction_outcome"]["block_hash"]
        return TransactionStatus(
            Stage.FINAL if is_final else Stage.INCLUDED,
            near_contract.succeeded(found, self._htlc),
            self._height(block_hash),
            block_hash,
        )

    def _reads_height(self, block_hash: str) -> int:
        return self._rpc.block({"block_id": block_hash}).height

    def signed_bytes(self, hash_: str) -> bytes | None:
        return None

    def key_state(self, key: SigningKey) -> KeyState:
        final = self._rpc.access_key(key.account, key.public, FINAL)
        head = self._rpc.access_key(key.account, key.public, OPTIMISTIC)
        return KeyState(final["nonce"], head["nonce"], head["block_height"])

    def balance(self, account: str, token: str | None) -> int:
        if token is not None:
            return self._tokens.balance(token, account)
        found = self._rpc.account(account, OPTIMISTIC)
        return 0 if found is None else int(found["amount"])

    # others' wallets and accounts

    def wallet_transactions(
        self, terms: LockTerms, *, only_missing: bool = False
    ) -> Sequence[dict[str, Any]]:
        """Transactions as wallet-selector's `signAndSendTransactions` takes them.

        A `prepare` too many fails (`E_EXISTS`) with its deposit given back, and changes nothing.
        """
        is_prepared = terms.token is None
        if only_missing and not is_prepared:
            try:
                is_prepared = self._is_prepared(terms)
            except ChainError:
                is_prepared = False
        calls = [Call.LOCK] if is_prepared else [Call.PREPARE, Call.LOCK]
        return [self._wallet_transaction(call, terms) for call in calls]

    def _wallet_transaction(self, call: Call, terms: LockTerms) -> dict[str, Any]:
        receiver, method = near_contract.target(call, terms, self._htlc)
        arguments = near_contract.arguments(call, terms, self.lock_id(terms), None)
        params = {
            "methodName": method,
            "args": near_contract.decode_arguments(arguments),
            "gas": str(self._spec.asset(terms.token).gas[call]),
            "deposit": str(near_contract.deposit(call, terms)),
        }
        actions = [{"type": "FunctionCall", "params": params}]
        return {"signerId": terms.depositor, "receiverId": receiver, "actions": actions}

    def open_lock_question(self, terms: LockTerms) -> dict[str, Any]:
        """A view call; `open` is the `state` that it answers: the id is the hash of all terms."""
        asked = {"contractId": self._htlc, "methodName": "get_lock"}
        return {**asked, "args": {"id": self.lock_id(terms)}, "open": "open"}

    def exit_transaction(self, call: Call, terms: LockTerms) -> dict[str, Any]:
        """As wallet-selector's `signAndSendTransaction` takes it, without a signer."""
        secret = {"secret": SECRET_PLACE} if call is Call.WITHDRAW else {}
        params = {
            "methodName": call.value,
            "args": {"id": self.lock_id(terms), **secret},
            "gas": str(self._spec.asset(terms.token).gas[call]),
            "deposit": str(near_contract.deposit(call, terms)),
        }
        return {"receiverId": self._htlc, "actions": [{"type": "FunctionCall", "params": params}]}

    def order_to_sign(self, order: Order) -> dict[str, Any]:
        raise ChainError(self.order_problem(SignedOrder(order, b"")))

    def order_problem(self, signed: SignedOrder) -> str:
        return f"{self.name} takes no orders: lock by your own wallet"

    def spelled(self, account: str) -> str:
        return account

    def account_problem(self, account: str) -> str | None:
        if not near_contract.ACCOUNT.fullmatch(account):
            return f"{account[:80]!r} is not a NEAR account id, such as alice.near"
        if account == self._htlc:
            return f"{account} can't be a party of its own lock"
        if near_contract.IMPLICIT.fullmatch(account) or self._rpc.account(account, OPTIMISTIC):
            return None
        return f"{account} does not exist on {self.name}: give one that does"

    def problems(self) -> list[str]:
        wrong = self._rpc.problems()
        for check in (self._wrong_contract, self._wrong_keys, self._wrong_tokens):
            try:
                wrong.extend(check())  # what was found before an error stays
            except WrongChainError:  # each node's problem is told
                return wrong
            except ChainUnavailableError as error:
                return [*wrong, str(error)]
            except ChainError as error:
                wrong.append(str(error))
        return wrong

    def _wrong_contract(self) -> Iterator[str]:
        account = self._rpc.account(self._htlc, FINAL)
        if account is None or account["code_hash"] != self._code_hash:
            yield f"{self.name}: the code of {self._htlc} is not {self._code_hash}: deploy it"
            return
        if self._rpc.access_keys(self._htlc):
            yield f"{self.name}: {self._htlc} has an access key: its holder could take all"
        if self._rpc.view(self._htlc, "chain_id", {}, FINAL) != self._spec.caip2:
            yield f"{self.name}: {self._htlc} was not made for {self._spec.caip2}"
        asked = int(self._rpc.view(self._htlc, "storage_deposit", {}, FINAL))
        if asked != NEAR_STORAGE_DEPOSIT:
            yield f"{self.name}: {self._htlc} asks a storage deposit of {asked} yocto"

    def _wrong_keys(self) -> Iterator[str]:
        for role, keys in self._keys.items():
            for key in keys:
                access = self._rpc.access_key(key.account, key.public, FINAL)
                if not near_contract.fits(role, access["permission"], self._htlc):
                    needs = "full access" if role is SignerRole.LOCK else "the duties' calls alone"
                    yield f"{self.name}: {key.public} of {key.account} needs {needs}"

    def _wrong_tokens(self) -> Iterator[str]:
        holder = next((key.account for key in self._keys.get(SignerRole.LOCK, ())), None)
        for coin in self._spec.tokens.values():
            yield from self._tokens.problems(coin, self._htlc, holder)


def _allowance(access: dict[str, Any]) -> int | None:
    """The yocto that a function-call key may still spend on gas; None without a bound."""
    permission = access["permission"]
    left = None if permission == "FullAccess" else permission["FunctionCall"]["allowance"]
    return None if left is None else int(left)
