"""Gets a maker's money out of a swap without the service, from its exit kit and public libraries.

    pip install eth-account py-near
    export WALLET_KEY=0x...            # EVM: any account with gas; it need not be the maker's
    export WALLET_KEY=ed25519:...      # NEAR, with WALLET_ACCOUNT=alice.near
    python exit.py kit.json source refund   https://an.rpc.of.the.chain
    python exit.py kit.json destination withdraw https://... --secret secret.txt
    python exit.py kit.json source pay https://...    # after a payout that failed

It waits until the chain's own clock allows the call, sends it, and prints the transaction's hash.
The contracts pay nobody but the party that the lock names, whoever sends.
"""

import argparse
import json
import os
import sys
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

WEI_TIP = 10**9


def rpc(url: str, method: str, params: Any) -> Any:
    """The result of one JSON-RPC call; ends the script with the node's error."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - the user's own node
        found = json.load(answer)
    if "error" in found:
        sys.exit(f"the node refused {method}: {json.dumps(found['error'])}")
    return found["result"]


def main() -> None:
    """Read the kit, wait for the call's time, send it."""
    asked = argparse.ArgumentParser(description="Calls a swap's contract by its exit kit.")
    asked.add_argument("kit", type=Path)
    asked.add_argument("leg", choices=["source", "destination"])
    asked.add_argument("call", choices=["refund", "withdraw", "pay"])
    asked.add_argument("url", help="a JSON-RPC node of the leg's chain")
    asked.add_argument("--secret", type=Path, help="a file with the secret's 64 hex digits")
    wanted = asked.parse_args()
    legs = {each["role"]: each for each in json.loads(wanted.kit.read_text())["legs"]}
    leg = legs[wanted.leg]
    exits = [each for each in leg["exits"] if each["call"] == wanted.call]
    if not exits:
        sys.exit(f"the kit has no {wanted.call} of the {wanted.leg} leg")
    (exit_,) = exits
    chain = Evm(wanted.url) if leg["caip2"].startswith("eip155:") else Near(wanted.url)
    wait_until(chain, exit_["notBefore"])
    print(chain.send(filled_in(exit_["transaction"], wanted.secret)))  # noqa: T201


def filled_in(transaction: Any, secret: Path | None) -> Any:
    """The transaction with the secret in its place."""
    text = json.dumps(transaction)
    if "{secret}" not in text:
        return transaction
    if secret is None:
        sys.exit("a withdrawal needs --secret FILE")
    digits = secret.read_text().strip().removeprefix("0x")
    if len(bytes.fromhex(digits)) != 32:
        sys.exit(f"{secret} does not hold 64 hex digits")
    return json.loads(text.replace("{secret}", digits))


def wait_until(chain: "Evm | Near", instant: str | None) -> None:
    """The contract counts by its block's time, which is the one that is looked at here."""
    if instant is None:
        return
    goal = datetime.fromisoformat(instant).timestamp()
    while (now := chain.time()) < goal:
        print(f"{goal - now:.0f} s until the contract takes it", file=sys.stderr)  # noqa: T201
        time.sleep(min(5, goal - now))


class Evm:
    """An EVM chain by one node."""

    def __init__(self, url: str) -> None:
        self._url = url

    def time(self) -> float:
        """Of the newest block, in seconds."""
        return int(rpc(self._url, "eth_getBlockByNumber", ["latest", False])["timestamp"], 16)

    def send(self, transaction: dict[str, str]) -> str:
        """Sign with WALLET_KEY and send; the hash. An estimate would show the secret: none is."""
        from eth_account import Account

        wallet = Account.from_key(os.environ["WALLET_KEY"])
        base = int(rpc(self._url, "eth_getBlockByNumber", ["latest", False])["baseFeePerGas"], 16)
        fields = {
            **transaction,
            "nonce": int(rpc(self._url, "eth_getTransactionCount", [wallet.address, "latest"]), 16),
            "maxFeePerGas": 2 * base + WEI_TIP,
            "maxPriorityFeePerGas": WEI_TIP,
        }
        signed = Account.sign_transaction(fields, wallet.key)
        raw = "0x" + bytes(signed.raw_transaction).hex()
        return str(rpc(self._url, "eth_sendRawTransaction", [raw]))


class Near:
    """NEAR by one node."""

    def __init__(self, url: str) -> None:
        self._url = url

    def time(self) -> float:
        """Of the newest block, in seconds."""
        header = rpc(self._url, "block", {"finality": "optimistic"})["header"]
        return int(header["timestamp"]) / 10**9

    def send(self, transaction: dict[str, Any]) -> str:
        """Sign with WALLET_KEY of WALLET_ACCOUNT and send; the hash."""
        import base58
        from py_near import transactions

        account = os.environ["WALLET_ACCOUNT"]
        pair = base58.b58decode(os.environ["WALLET_KEY"].removeprefix("ed25519:"))
        access = {
            "request_type": "view_access_key",
            "finality": "final",
            "account_id": account,
            "public_key": "ed25519:" + base58.b58encode(pair[32:]).decode(),
        }
        state = rpc(self._url, "query", access)
        raw = transactions.sign_and_serialize_transaction(
            account,
            pair,
            transaction["receiverId"],
            state["nonce"] + 1,
            [_function_call(transactions, action["params"]) for action in transaction["actions"]],
            base58.b58decode(state["block_hash"]),
        )
        sent = rpc(self._url, "send_tx", {"signed_tx_base64": raw, "wait_until": "FINAL"})
        return str(sent["transaction"]["hash"])


def _function_call(transactions: Any, params: dict[str, Any]) -> Any:
    arguments = json.dumps(params["args"]).encode()
    return transactions.create_function_call_action(
        params["methodName"], arguments, int(params["gas"]), int(params["deposit"])
    )


if __name__ == "__main__":
    main()
