"""Gets a maker's money out of a swap without the service, from its exit kit and public libraries.

    pip install eth-account py-near
    export WALLET_KEY=0x...            # EVM: any account with gas; it need not be the maker's
    export WALLET_KEY=ed25519:...      # NEAR, with WALLET_ACCOUNT=alice.near
    python exit.py kit.json source refund   https://an.rpc.of.the.chain
    python exit.py kit.json destination withdraw https://... --secret secret.txt
    python exit.py kit.json source pay https://...    # after a payout that failed

It waits until the chain's own clock allows the call, sends it, and prints the transaction's hash.
The contracts pay nobody but the party that the lock names, whoever sends.

A withdrawal shows the secret, whatever becomes of it, and who knows the secret can take the source.
So none is sent before the destination's lock stands finally, or so late that the contract may
refuse it: the script ends with what is wrong, and the secret has not left this machine.
"""

import argparse
import base64
import hashlib
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
    """The result of one JSON-RPC call; ends the script with what went wrong."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - the user's own node
            found = json.load(answer)
    except (OSError, ValueError) as error:  # what it was sent it may have taken all the same
        sys.exit(f"the node gave no answer to {method}: {error}")
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
    kit = json.loads(wanted.kit.read_text())
    leg, exit_ = find(kit, wanted.leg, wanted.call)
    chain = Evm(wanted.url) if leg["caip2"].startswith("eip155:") else Near(wanted.url)
    transaction = exit_["transaction"]
    if wanted.call == "withdraw":
        secret = read_secret(wanted.secret, kit["hashlock"], leg["hashFunction"])
        require_that_it_is_taken(chain, leg["check"], exit_["sendBy"])
        transaction = json.loads(json.dumps(transaction).replace("{secret}", secret))
    wait_until(chain, exit_["notBefore"])
    print(chain.send(transaction))  # noqa: T201


def find(kit: dict[str, Any], role: str, call: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The leg, and its exit; ends the script when the kit has none such."""
    for leg in kit["legs"]:
        for exit_ in leg["exits"]:
            if (leg["role"], exit_["call"]) == (role, call):
                return leg, exit_
    sys.exit(f"the kit has no {call} of the {role} leg")


def setting(name: str) -> str:
    """An environment variable; ends the script when it is missing."""
    return os.environ.get(name) or sys.exit(f"{name} is missing: export it, see the script's head")


def read_secret(file: Path | None, hashlock: str, function: str) -> str:
    """The 64 hex digits in the file; ends the script when they are not the swap's secret."""
    if file is None:
        sys.exit("a withdrawal needs --secret FILE")
    digits = file.read_text().strip().removeprefix("0x")
    try:
        secret = bytes.fromhex(digits)
    except ValueError:
        secret = b""
    if len(secret) != 32:
        sys.exit(f"{file} does not hold 64 hex digits")
    if function == "sha256" and hashlib.sha256(secret).hexdigest() != hashlock.removeprefix("0x"):
        sys.exit(f"{file} holds another secret than this swap's")
    return secret.hex()


def require_that_it_is_taken(chain: "Evm | Near", check: dict[str, Any], send_by: str) -> None:
    """Ends the script unless the lock stands finally, and there is time to withdraw it."""
    if not chain.stands(check):
        sys.exit("the lock does not stand open on its chain: nothing was sent, keep the secret")
    if chain.time() >= seconds_of(send_by):
        sys.exit(f"it is too late, {send_by} is past: nothing was sent, keep the secret")


def seconds_of(instant: str) -> float:
    """Unix time."""
    return datetime.fromisoformat(instant).timestamp()


def wait_until(chain: "Evm | Near", instant: str | None) -> None:
    """The contract counts by its block's time, which is the one that is looked at here."""
    if instant is None:
        return
    goal = seconds_of(instant)
    while (now := chain.time()) < goal:
        print(f"{goal - now:.0f} s until the contract takes it", file=sys.stderr)  # noqa: T201
        time.sleep(min(5, goal - now))


class Evm:
    """An EVM chain by one node."""

    def __init__(self, url: str) -> None:
        self._url = url

    def time(self) -> float:
        """Of the newest block, in seconds."""
        return int(self._block("latest")["timestamp"], 16)

    def _block(self, tag: str) -> dict[str, str]:
        block: dict[str, str] = rpc(self._url, "eth_getBlockByNumber", [tag, False])
        return block

    def stands(self, check: dict[str, Any]) -> bool:
        """Whether the lock is open, and still is when the block that showed it is safe."""
        if not self._shows(check):
            return False
        height = int(self._block("latest")["number"], 16)
        while (missing := height - int(self._block("safe")["number"], 16)) > 0:
            print(f"the lock stands, {missing} blocks until it is safe", file=sys.stderr)  # noqa: T201
            time.sleep(1)
        return self._shows(check)

    def _shows(self, check: dict[str, Any]) -> bool:
        return bool(rpc(self._url, check["method"], check["params"]) == check["open"])

    def send(self, transaction: dict[str, str]) -> str:
        """Sign with WALLET_KEY and send; the hash. An estimate would show the secret: none is."""
        from eth_account import Account

        wallet = Account.from_key(setting("WALLET_KEY"))
        base = int(self._block("latest")["baseFeePerGas"], 16)
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

    def stands(self, check: dict[str, Any]) -> bool:
        """Whether the lock is open at the final block."""
        asked = {
            "request_type": "call_function",
            "finality": "final",
            "account_id": check["contractId"],
            "method_name": check["methodName"],
            "args_base64": base64.b64encode(json.dumps(check["args"]).encode()).decode(),
        }
        record = json.loads(bytes(rpc(self._url, "query", asked)["result"]))
        return record is not None and record["state"] == check["open"]

    def send(self, transaction: dict[str, Any]) -> str:
        """Sign with WALLET_KEY of WALLET_ACCOUNT and send; the hash."""
        import base58
        from py_near import transactions

        account = setting("WALLET_ACCOUNT")
        pair = base58.b58decode(setting("WALLET_KEY").removeprefix("ed25519:"))
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
