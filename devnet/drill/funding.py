"""Accounts of a drill's makers: one on each chain for every swap, so that each is accounted for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from eth_utils import to_hex
from py_near import transactions

from chains_app.adapters.evm_accounts import Account
from devnet.deployment import ETHER, USDC
from devnet.drill.schedule import Swap
from devnet.evm import Sender, call_data, new_account
from devnet.near.client import NEAR, TGAS, Key, NearClient, Signer, call
from devnet.network import BlockTimes, Devnet

MAKER_ETHER: Final = 2
MAKER_NEAR: Final = 300
MAKER_USDC: Final = 1_000
BATCH: Final = 20  # makers in one transaction: what its gas is enough for


@dataclass(frozen=True)
class Accounts:
    """One maker's, and their keys."""

    base: str
    near: str
    base_key: str = field(repr=False)
    near_key: str = field(repr=False)


def fund(devnet: Devnet, swaps: Sequence[Swap], usdc: tuple[str, str]) -> list[Accounts]:
    """Coins of both chains for each swap's maker, and USDC (`usdc`: its contracts on BASE and on
    NEAR), which the makers of every other swap into it on NEAR do not know yet.

    NEAR makes its blocks on demand meanwhile.
    """
    near = devnet.near.client
    near.rpc.call("devnet_set_block_ms", ms=None)
    accounts = [_create(devnet, swap) for swap in swaps]
    knowing = [
        each.near
        for each, swap in zip(accounts, swaps, strict=True)
        if swap.source == "near:USDC" or swap.number % 2
    ]
    for first in range(0, len(knowing), BATCH):
        _send_tokens(near, devnet.near.root, usdc[1], knowing[first : first + BATCH])
    devnet.near.make_blocks_every(BlockTimes().near)
    _mint(devnet, usdc[0], [each.base for each in accounts])
    return accounts


def _create(devnet: Devnet, swap: Swap) -> Accounts:
    base, key = new_account(), Key.generate()
    devnet.anvil.fund(base.address, MAKER_ETHER * ETHER)
    name = f"maker-{swap.number}.{devnet.near.root.account_id}"
    actions = [
        transactions.create_create_account_action(),
        transactions.create_transfer_action(MAKER_NEAR * NEAR),
        transactions.create_full_access_key_action(key.public_bytes),
    ]
    _require(devnet.near.client.send(devnet.near.root, name, actions))
    return Accounts(base.address, name, to_hex(base.key), key.secret_key)


def _send_tokens(near: NearClient, root: Signer, token: str, accounts: Sequence[str]) -> None:
    least = int(near.view(token, "storage_balance_bounds")["min"])
    for method, arguments, deposit in (
        ("storage_deposit", {}, least),
        ("ft_transfer", {"amount": str(MAKER_USDC * USDC)}, 1),
    ):
        name = "account_id" if method == "storage_deposit" else "receiver_id"
        actions = [
            call(method, {name: account, **arguments}, gas=10 * TGAS, deposit=deposit)
            for account in accounts
        ]
        _require(near.send(root, token, actions))


def _require(outcome: Any) -> None:
    if outcome.failures:
        raise RuntimeError(f"transaction {outcome.hash}: {outcome.failures}")


def _mint(devnet: Devnet, token: str, accounts: Sequence[str]) -> None:
    """By the devnet's maker; the token lets anybody."""
    sender = Sender(devnet.anvil, Account.from_key(devnet.environment["MAKER_BASE_KEY"]))
    minted = [
        sender.send(token, call_data("mint(address,uint256)", each, MAKER_USDC * USDC))
        for each in accounts
    ]
    devnet.wait_blocks(3)
    for each in minted:
        sender.receipt(each)
