"""Deploys the contracts on both chains, and funds a maker and the resolver's accounts.

Lock accounts hold the liquidity. Duty accounts hold gas only; on NEAR they have nothing but
function-call keys for the three methods that pay somebody out, so that none of them can lock,
give back early or move liquidity.
"""

import json
import secrets
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from eth_utils import to_checksum_address, to_hex
from py_near import transactions

from devnet.anvil import CHAIN_ID as BASE_CHAIN_ID
from devnet.anvil import Anvil
from devnet.evm import Sender, call_data, constructor_data, new_account
from devnet.near.client import NEAR, Key, NearClient, call
from devnet.near_node import CHAIN_ID as NEAR_CHAIN_ID
from devnet.near_node import NearNode

ARTIFACTS = Path(__file__).resolve().parent.parent / "contracts/near/artifacts"
ETHER = 10**18
USDC = 10**6
NEAR_KEYS = 8  # of each role: one transaction in flight per key
DUTY_METHODS = ["withdraw", "refund", "pay"]
DUTY_ALLOWANCE = 20 * NEAR
# Of each account, in its coin: what one transaction, an hour and a day may take. A lock of the most
# that a maker may swap, and the greatest load that a devnet is put under; a duty burns gas only.
CAPS = {
    "BASE_LOCK_CAPS": (110 * ETHER, 5_000 * ETHER, 10_000 * ETHER),
    "BASE_DUTY_CAPS": (ETHER // 10, 50 * ETHER, 100 * ETHER),
    "NEAR_LOCK_CAPS": (110_000 * NEAR, 500_000 * NEAR, 1_000_000 * NEAR),
    "NEAR_DUTY_CAPS": (NEAR, 5_000 * NEAR, 10_000 * NEAR),
}
# What one session may carry of each coin: at least, with a secret of ours, with the maker's own.
LIMITS = {
    "base:ETH": (ETHER // 100, 5 * ETHER, 100 * ETHER),
    "near:NEAR": (10 * NEAR, 5_000 * NEAR, 100_000 * NEAR),
    "base:USDC": (40 * USDC, 12_500 * USDC, 250_000 * USDC),
    "near:USDC": (40 * USDC, 12_500 * USDC, 250_000 * USDC),
}


def deploy(anvil: Anvil, near: NearNode) -> dict[str, str]:
    """Deploy and fund; returns the environment of a service on these chains, and the maker's
    accounts and keys.

    Raises RuntimeError when a transaction fails.
    """
    service = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "VAULT_KEYS": json.dumps({"1": secrets.token_hex(32)}, separators=(",", ":")),
        "POLICY": "devnet",
        "ROUTES": json.dumps(list(routes()), separators=(",", ":")),
        **{name: _caps(*amounts) for name, amounts in CAPS.items()},
    }
    return {**service, **_deploy_base(anvil), **_NearDeployment(near).run()}


def _caps(transaction: int, hour: int, day: int) -> str:
    caps = {"transaction": str(transaction), "hour": str(hour), "day": str(day)}
    return json.dumps(caps, separators=(",", ":"))


def routes() -> Iterator[dict[str, str]]:
    """Every coin of one chain to every coin of the other, native ones first."""
    for source, destination in product(LIMITS, LIMITS):
        if source.split(":")[0] != destination.split(":")[0]:
            least, service, maker = map(str, LIMITS[source])
            limits = {"minimum": least, "service_maximum": service, "maximum": maker}
            yield {"source": source, "destination": destination, **limits}


def _deploy_base(anvil: Anvil) -> dict[str, str]:
    """Two blocks, made at once: the contracts, then what needs their addresses."""
    deployer, maker, lock, duty = (new_account() for _ in range(4))
    for account, ether in ((deployer, 10), (maker, 100), (lock, 10_000), (duty, 100)):
        anvil.fund(account.address, ether * ETHER)
    sender = Sender(anvil, deployer)
    contracts = [
        sender.send(None, constructor_data("EscrowFactory")),
        sender.send(None, constructor_data("OrdinaryToken", "USD Coin", "USDC", 6)),
    ]
    anvil.mine()
    factory, token = (sender.receipt(sent)["contractAddress"] for sent in contracts)
    mints = [
        sender.send(token, call_data("mint(address,uint256)", account.address, amount * USDC))
        for account, amount in ((maker, 100_000), (lock, 10_000_000))
    ]
    anvil.mine()
    for sent in mints:
        sender.receipt(sent)
    return {
        "BASE_RPC_URL": anvil.url,
        "BASE_CHAIN_ID": str(BASE_CHAIN_ID),
        "BASE_ESCROW_FACTORY": to_checksum_address(factory),
        "BASE_TOKENS": _tokens(address=to_checksum_address(token)),
        "BASE_LOCK_KEY": to_hex(lock.key),
        "BASE_DUTY_KEY": to_hex(duty.key),
        "MAKER_BASE_ACCOUNT": maker.address,
        "MAKER_BASE_KEY": to_hex(maker.key),
    }


def _tokens(**contract: str) -> str:
    """The one token of each chain, as the service's environment declares it."""
    return json.dumps([{"symbol": "USDC", "decimals": 6, **contract}], separators=(",", ":"))


class _NearDeployment:
    """Contracts and accounts under the node's root account."""

    def __init__(self, node: NearNode) -> None:
        self._client: NearClient = node.client
        self._root, self._url = node.root, node.url

    def run(self) -> dict[str, str]:
        htlc = self._deploy("htlc", "htlc", {"chain_id": f"near:{NEAR_CHAIN_ID}"})
        metadata = {"name": "USD Coin", "symbol": "USDC", "decimals": 6}
        supply = {"owner_id": self._root.account_id, "total_supply": str(10**9 * USDC)}
        token = self._deploy("usdc", "token", supply | metadata)
        keys = [[Key.generate() for _ in range(NEAR_KEYS)] for _ in range(2)]
        lock = self._create("resolver-lock", 1_000_000, [_full_access(key) for key in keys[0]])
        duty = self._create("resolver-duty", 1_000, [_duty_access(key, htlc) for key in keys[1]])
        maker_key = Key.generate()
        maker = self._create("maker", 1_000, [_full_access(maker_key)])
        self._send_tokens(token, htlc, {lock: 10_000_000 * USDC, maker: 100_000 * USDC})
        return {
            "NEAR_RPC_URL": self._url,
            "NEAR_CHAIN_ID": NEAR_CHAIN_ID,
            "NEAR_HTLC": htlc,
            "NEAR_HTLC_CODE_HASH": self._client.view_account(htlc)["code_hash"],
            "NEAR_TOKENS": _tokens(account=token),
            "NEAR_LOCK_ACCOUNT": lock,
            "NEAR_LOCK_KEYS": ",".join(key.secret_key for key in keys[0]),
            "NEAR_DUTY_ACCOUNT": duty,
            "NEAR_DUTY_KEYS": ",".join(key.secret_key for key in keys[1]),
            "MAKER_NEAR_ACCOUNT": maker,
            "MAKER_NEAR_KEY": maker_key.secret_key,
        }

    def _deploy(self, name: str, artifact: str, arguments: dict[str, Any]) -> str:
        """A contract account born with its code, initialized, and never with a key."""
        wasm = (ARTIFACTS / f"{artifact}.wasm").read_bytes()
        actions = [transactions.create_deploy_contract_action(wasm), call("new", arguments)]
        return self._create(name, 10, actions)

    def _create(self, name: str, near: int, actions: list[Any]) -> str:
        account = f"{name}.{self._root.account_id}"
        create = transactions.create_create_account_action()
        self._send(account, [create, transactions.create_transfer_action(near * NEAR), *actions])
        return account

    def _send_tokens(self, token: str, htlc: str, amounts: dict[str, int]) -> None:
        for account in (htlc, *amounts):
            bounds = self._client.view(token, "storage_balance_bounds")
            register = call("storage_deposit", {"account_id": account}, deposit=int(bounds["min"]))
            self._send(token, [register])
        for account, amount in amounts.items():
            transfer = {"receiver_id": account, "amount": str(amount)}
            self._send(token, [call("ft_transfer", transfer, deposit=1)])

    def _send(self, receiver: str, actions: list[Any]) -> None:
        outcome = self._client.send(self._root, receiver, actions)
        if outcome.failures:
            raise RuntimeError(f"transaction {outcome.hash} to {receiver}: {outcome.failures}")


def _full_access(key: Key) -> Any:
    return transactions.create_full_access_key_action(key.public_bytes)


def _duty_access(key: Key, htlc: str) -> Any:
    return transactions.create_function_call_access_key_action(
        key.public_bytes, DUTY_ALLOWANCE, htlc, DUTY_METHODS
    )
