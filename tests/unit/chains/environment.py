"""An environment that a devnet could have written; the keys are made up."""

import json

import base58

NEAR_SECRET = "ed25519:" + base58.b58encode(bytes(range(64))).decode()


def caps(transaction: int, hour: int, day: int) -> str:
    """As the variables have them."""
    return json.dumps({"transaction": str(transaction), "hour": hour, "day": day})


ETHER, NEAR = 10**18, 10**24
CAPS = {
    "BASE_LOCK_CAPS": caps(1 * ETHER, 2 * ETHER, 3 * ETHER),
    "BASE_DUTY_CAPS": caps(4 * ETHER, 5 * ETHER, 6 * ETHER),
    "NEAR_LOCK_CAPS": caps(7 * NEAR, 7 * NEAR, 7 * NEAR),
    "NEAR_DUTY_CAPS": caps(8 * NEAR, 9 * NEAR, 10 * NEAR),
}
ENVIRONMENT = {
    "POLICY": "devnet",
    "BASE_RPC_URL": "http://127.0.0.1:1, http://127.0.0.1:2",
    "BASE_CHAIN_ID": "31337",
    "BASE_ESCROW_FACTORY": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    "BASE_LOCK_KEY": "0x" + "11" * 32,
    "BASE_DUTY_KEY": "0x" + "22" * 32,
    "NEAR_RPC_URL": "http://127.0.0.1:3",
    "NEAR_CHAIN_ID": "devnet",
    "NEAR_HTLC": "htlc.test.near",
    "NEAR_HTLC_CODE_HASH": "2GDNNA23fpkSttHFdDa4E4KD2kZdaTuSRW714THShQcV",
    "NEAR_LOCK_ACCOUNT": "lock.test.near",
    "NEAR_LOCK_KEYS": f"{NEAR_SECRET},{NEAR_SECRET}",
    "NEAR_DUTY_ACCOUNT": "duty.test.near",
    "NEAR_DUTY_KEYS": NEAR_SECRET,
    **CAPS,
}
