"""How fast the node is: `python -m devnet.near.bench` prints one JSON object.

Calls are signed beforehand and sent over one connection to a node in its own process, one after
the other, each waiting until it has been executed; views likewise. The contract writes a record,
logs and returns. So a rate is that of node and connection together, on the core that the node has.
"""

import base64
import json
import statistics
import subprocess
import sys
import time

import wasmtime
from py_near import transactions as tx

from devnet.near.client import NEAR, TGAS, Key, NearClient, Signer, call
from devnet.near.crypto import base58_decode

_CONTRACT = """(module
    (import "env" "input" (func $input (param i64)))
    (import "env" "storage_write" (func $write (param i64 i64 i64 i64 i64) (result i64)))
    (import "env" "storage_read" (func $read (param i64 i64 i64) (result i64)))
    (import "env" "log_utf8" (func $log (param i64 i64)))
    (import "env" "value_return" (func $return (param i64 i64)))
    (memory (export "memory") 1) (data (i32.const 0) "key")
    (func (export "set") (call $input (i64.const 0))
        (drop (call $write (i64.const 3) (i64.const 0) (i64.const -1) (i64.const 0) (i64.const 1)))
        (call $log (i64.const 3) (i64.const 0)) (call $return (i64.const -1) (i64.const 0)))
    (func (export "get")
        (drop (call $read (i64.const 3) (i64.const 0) (i64.const 0)))
        (call $return (i64.const -1) (i64.const 0))))"""


def near_node_rates(calls: int = 1000, views: int = 1000) -> dict[str, float]:
    """Function calls a second, and the median time of a view in milliseconds."""
    command = [sys.executable, "-m", "devnet.near", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            started = json.loads(process.stdout.readline() if process.stdout else "")
            root = Signer(started["root_account"], Key.parse(started["root_secret_key"]))
            near = NearClient(started["url"])
            user = _deploy(near, root)
            return {
                "near_calls_per_s": round(_calls_per_second(near, user, calls), 1),
                "near_view_ms": round(_view_ms(near, views), 3),
            }
        finally:
            process.terminate()


def _deploy(near: NearClient, root: Signer) -> Signer:
    user = Signer("user.test.near", Key.generate())
    create = [tx.create_create_account_action(), tx.create_transfer_action(1000 * NEAR)]
    key = tx.create_full_access_key_action(user.key.public_bytes)
    deploy = tx.create_deploy_contract_action(bytes(wasmtime.wat2wasm(_CONTRACT)))
    near.send(root, user.account_id, [*create, key])
    near.send(root, "bench.test.near", [*create, deploy])
    return user


def _calls_per_second(near: NearClient, user: Signer, count: int) -> float:
    state = near.query("view_access_key", user.account_id, public_key=user.key.public_key)
    secret = user.key.secret + user.key.public_bytes
    signed = [
        tx.sign_and_serialize_transaction(
            user.account_id,
            secret,
            "bench.test.near",
            state["nonce"] + 1 + number,
            [call("set", {"number": number}, gas=10 * TGAS)],
            base58_decode(state["block_hash"]),
        )
        for number in range(count)
    ]
    started = time.perf_counter()
    for transaction in signed:
        answer = near.rpc.call("broadcast_tx_commit", transaction)
        if "SuccessValue" not in answer["status"]:
            raise RuntimeError(f"a call of the benchmark failed: {answer['status']}")
    return count / (time.perf_counter() - started)


def _view_ms(near: NearClient, count: int) -> float:
    args = base64.b64encode(b"{}").decode()
    times = []
    for _ in range(count):
        started = time.perf_counter()
        near.query("call_function", "bench.test.near", method_name="get", args_base64=args)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


if __name__ == "__main__":
    print(json.dumps(near_node_rates()))  # noqa: T201
