"""An environment that a devnet could have written; the keys are made up."""

import base58

NEAR_SECRET = "ed25519:" + base58.b58encode(bytes(range(64))).decode()

CAPS = {
    "BASE_LOCK_CAPS": '{"transaction": "100", "hour": 1000, "day": 2000}',
    "BASE_DUTY_CAPS": '{"transaction": 1, "hour": 2, "day": 3}',
    "NEAR_LOCK_CAPS": '{"transaction": 7, "hour": 7, "day": 7}',
    "NEAR_DUTY_CAPS": '{"transaction": 4, "hour": 5, "day": 6}',
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
