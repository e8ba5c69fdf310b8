"""Markets on the real numbers of both chains, without any node behind them."""

from dataclasses import replace
from typing import Any

from auctions_app.config import AuctionConfiguration
from auctions_app.market import Market, build_market
from chains_app.config import ChainsEnvironment, ChainSpec, PolicyName, chain_specs
from tests.unit.chains.environment import CAPS

THERE = "base:ETH->near:NEAR"
BACK = "near:NEAR->base:ETH"
PRICES = {"base:ETH": "2500", "near:NEAR": "2.5"}
ETHER, NEAR = 10**18, 10**24


def environment() -> dict[str, Any]:
    """A service's without tokens; keys and addresses are made up."""
    key = "ed25519:" + "1" * 87
    return {
        "base_rpc_url": "http://127.0.0.1:1",
        "base_chain_id": 8453,
        "base_escrow_factory": "0x" + "11" * 20,
        "base_lock_key": "0x" + "22" * 32,
        "base_duty_key": "0x" + "33" * 32,
        "near_rpc_url": "http://127.0.0.1:2",
        "near_chain_id": "mainnet",
        "near_htlc": "htlc.near",
        "near_htlc_code_hash": "1" * 44,
        "near_lock_account": "lock.near",
        "near_lock_keys": key,
        "near_duty_account": "duty.near",
        "near_duty_keys": key,
        **{name.lower(): caps for name, caps in CAPS.items()},
    }


def specs(policy: PolicyName = PolicyName.DEVNET) -> dict[str, ChainSpec]:
    """BASE and NEAR as the service configures them."""
    return chain_specs(ChainsEnvironment(policy=policy, **environment()))


def market(policy: PolicyName = PolicyName.DEVNET, **configuration: Any) -> Market:
    """Both routes; `configuration` overrides fields of AuctionConfiguration."""
    fields = {"prices": PRICES, **configuration}
    return build_market(AuctionConfiguration(policy=policy, **fields), specs(policy))


def with_spec(chain: str, **changes: Any) -> dict[str, ChainSpec]:
    """The devnet's chains, one of them changed."""
    found = specs()
    return found | {chain: replace(found[chain], **changes)}
