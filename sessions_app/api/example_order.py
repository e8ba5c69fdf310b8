"""The order of the gasless example, and what its maker signed; a test checks it by the adapter."""

from typing import Any, Final

SOURCE: Final = {
    "symbol": "USDC",
    "token": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
    "decimals": 6,
    "amount": "250000000",
    "lockId": "0xFDFb814FB09d069f613D05F27BF757D7398d76e9",
    "lockBy": "2026-11-22T22:01:16Z",
    "timelock": "2026-11-22T22:02:30Z",
    "finalityTier": "safe",
}
_DOMAIN: Final = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
}
_MEMBERS: Final = {
    "depositor": "address",
    "beneficiary": "address",
    "token": "address",
    "amount": "uint256",
    "hashlock": "bytes32",
    "lockBy": "uint64",
    "timelock": "uint64",
    "destinationChain": "string",
    "destinationToken": "string",
    "receiver": "string",
    "minimumAmount": "uint256",
    "fee": "uint256",
}
SIGNED: Final = {
    "signature": "0x994ff6fa9c406ef0de27b54e4624c48e0923daf1f6b4bb4179f6db6a3b9a3207"
    "3fb6869a81ab813ca569819b4d30301b76ceae4315101f88b2ff1c031c74ee1e1c",
    "permit": {
        "value": SOURCE["amount"],
        "deadline": "1795384950",  # the timelock
        "signature": "0x426b170d02861dd8ccfe34c6a83a946dc2a5f6494f4470c34c2cd27d307860af"
        "48ed185679ef19dac7548732c93383debf704693251fa775c6c52699eb61bccc1b",
    },
}


def order_of(source: dict[str, Any], destination: dict[str, Any], minimum: str) -> dict[str, Any]:
    """As the maker's wallet takes it, of the example's legs."""
    return {
        "types": {"EIP712Domain": _named(_DOMAIN), "Order": _named(_MEMBERS)},
        "primaryType": "Order",
        "domain": {
            "name": "1Balancer EscrowFactory",
            "version": "1",
            "chainId": 8453,
            "verifyingContract": source["contract"],
        },
        "message": {
            **{name: source[name] for name in list(_MEMBERS)[:5]},
            "lockBy": "1795384876",
            "timelock": "1795384950",
            "destinationChain": destination["caip2"],
            "destinationToken": "",
            "receiver": destination["beneficiary"],
            "minimumAmount": minimum,
            "fee": "150000",
        },
    }


def _named(members: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in members.items()]
