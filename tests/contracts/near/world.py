"""A chain with both contracts, three people and their money, which every test starts from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from py_near import transactions
from py_near_primitives import DeleteAccountAction

import contracts.near
from devnet.near.client import NEAR, Key, NearClient, Outcome, Signer, call
from tests.contracts.near.interface import CHAIN_ID, SECOND, Htlc, Lock, Token

ARTIFACTS = Path(contracts.near.__path__[0], "artifacts")
TOKENS = 1_000_000
HOUR = 3600 * SECOND


@dataclass(frozen=True)
class World:
    """Alice and Bob hold NEAR and tokens; Carol, a stranger, holds NEAR."""

    near: NearClient
    root: Signer
    alice: Signer
    bob: Signer
    carol: Signer
    htlc: Htlc
    token: Token

    def now(self) -> int:
        """The newest block's time in nanoseconds."""
        block = self.near.rpc.call("block", finality="optimistic")
        return int(block["header"]["timestamp"])

    def native_lock(self, **changes: Any) -> Lock:
        """Alice to Bob, 5 NEAR; can be made for an hour, and withdrawn for two."""
        return self._lock(token=None, amount=5 * NEAR).but(**changes)

    def token_lock(self, **changes: Any) -> Lock:
        """Alice to Bob, 700 tokens; the same times."""
        return self._lock(token=self.token.account_id, amount=700).but(**changes)

    def _lock(self, token: str | None, amount: int) -> Lock:
        alice, bob, now = self.alice.account_id, self.bob.account_id, self.now()
        return Lock(alice, bob, token, amount, lock_by=now + HOUR, timelock=now + 2 * HOUR)

    def open_native_lock(self, **changes: Any) -> Lock:
        """A native lock that Alice has made."""
        lock = self.native_lock(**changes)
        assert self.htlc.lock(self.alice, lock).failures == []
        return lock

    def prepared_lock(self, **changes: Any) -> Lock:
        """A token's lock that Carol has paid the storage of."""
        lock = self.token_lock(**changes)
        assert self.htlc.prepare(self.carol, lock).failures == []
        return lock

    def open_token_lock(self, **changes: Any) -> Lock:
        """A token's lock that Alice has funded."""
        lock = self.prepared_lock(**changes)
        assert self.fund(lock).json == str(lock.amount)
        return lock

    def fund(self, lock: Lock, amount: int | None = None, signer: Signer | None = None) -> Outcome:
        """Sends tokens for a lock: its amount from Alice, unless told otherwise."""
        tokens = lock.amount if amount is None else amount
        htlc = self.htlc.account_id
        return self.token.transfer_call(signer or self.alice, htlc, tokens, lock.id())

    def pass_hours(self, hours: int) -> None:
        """Puts the chain's clock ahead."""
        self.near.mine(blocks=1, seconds=hours * 3600)

    def spent(self, signer: Signer, before: int, outcome: Outcome) -> int:
        """The yocto that a signer's account lost beyond the gas of one transaction."""
        return before - self.near.balance(signer.account_id) - outcome.tokens_burnt

    def storage_usage(self) -> int:
        """The bytes that the escrow's account occupies."""
        return int(self.near.view_account(self.htlc.account_id)["storage_usage"])

    @contextmanager
    def blocks_by_hand(self) -> Iterator[None]:
        """Transactions wait for `near.mine`; at the end everything left is run."""
        self.near.rpc.call("devnet_set_block_ms", ms=3_600_000)
        try:
            yield
        finally:
            self.near.rpc.call("devnet_set_block_ms", ms=None)

    def mine_until(self, reached: Callable[[], bool]) -> None:
        """A block at a time; ten have to be enough."""
        for _ in range(10):
            if reached():
                return
            self.near.mine()
        raise AssertionError("not reached within ten blocks")

    def submit(self, signer: Signer, method: str, args: Any, deposit: int = 0) -> str:
        """Sends a call to the escrow without waiting for a block; returns the hash."""
        return self.submit_to(signer, self.htlc.account_id, method, args, deposit)

    def submit_funding(self, lock: Lock) -> str:
        """The same for the transfer of a lock's tokens from Alice."""
        htlc, token = self.htlc.account_id, self.token.account_id
        args = {"receiver_id": htlc, "amount": str(lock.amount), "msg": lock.id()}
        return self.submit_to(self.alice, token, "ft_transfer_call", args, 1)

    def submit_to(self, signer: Signer, receiver: str, method: str, args: Any, deposit: int) -> str:
        """The same for any contract."""
        action = call(method, args, deposit=deposit)
        signed = self.near.sign(signer, receiver, [action])
        return str(self.near.rpc.call("broadcast_tx_async", signed_tx_base64=signed))

    def outcome(self, transaction_hash: str, signer: Signer) -> Outcome:
        """How a transaction ended."""
        sender = signer.account_id
        return Outcome(
            self.near.rpc.call(
                "tx", tx_hash=transaction_hash, sender_account_id=sender, wait_until="EXECUTED"
            )
        )


def create_account(near: NearClient, root: Signer, account_id: str, balance: int) -> Signer:
    """An account with a new full access key."""
    key = Key.generate()
    actions = [
        transactions.create_create_account_action(),
        transactions.create_transfer_action(balance),
        transactions.create_full_access_key_action(key.public_bytes),
    ]
    assert near.send(root, account_id, actions).failures == []
    return Signer(account_id, key)


def delete_account(world: World, owner: Signer) -> None:
    """Takes an account away; what it held goes to Bob."""
    deletion = DeleteAccountAction(beneficiary_id=world.bob.account_id)
    assert world.near.send(owner, owner.account_id, [deletion]).failures == []


def deploy(near: NearClient, root: Signer, account_id: str, code: bytes, *more: Any) -> Outcome:
    """A contract on a new account without any key, made in one transaction."""
    actions = [
        transactions.create_create_account_action(),
        transactions.create_transfer_action(10 * NEAR),
        transactions.create_deploy_contract_action(code),
        *more,
    ]
    return near.send(root, account_id, actions)


def build_world(near: NearClient, root: Signer) -> World:
    """Deploys and funds everything."""
    alice, bob, carol = (
        create_account(near, root, f"{name}.test.near", 1_000 * NEAR)
        for name in ("alice", "bob", "carol")
    )
    supply = {
        "owner_id": root.account_id,
        "total_supply": str(10 * TOKENS),
        "name": "Devnet Dollar",
        "symbol": "DUSD",
        "decimals": 6,
    }
    for name, arguments in (("htlc", {"chain_id": CHAIN_ID}), ("token", supply)):
        code = (ARTIFACTS / f"{name}.wasm").read_bytes()
        made = deploy(near, root, f"{name}.test.near", code, call("new", arguments))
        assert made.failures == []
    htlc, token = Htlc(near, "htlc.test.near"), Token(near, "token.test.near")
    for holder in (alice.account_id, bob.account_id, htlc.account_id):
        assert token.register(root, holder).failures == []
    for holder in (alice.account_id, bob.account_id):
        assert token.transfer(root, holder, TOKENS).failures == []
    return World(near, root, alice, bob, carol, htlc, token)
