"""Actions that nearcore knows and this node does not are refused as unreadable."""

from base64 import b64decode, b64encode

import pytest
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NearClient, Signer

# nearcore's tags: global contracts, deterministic state, gas keys, the second form of delegates
NEWER = range(9, 16)


@pytest.mark.parametrize("tag", NEWER)
def test_actions_that_are_not_known_are_refused(near: NearClient, root: Signer, tag: int) -> None:
    signed = b64decode(near.sign(root, "test.near", [tx.create_create_account_action()]))
    action_at = len(signed) - 65 - 1  # the signature and its tag come last
    assert signed[action_at] == 0
    changed = signed[:action_at] + bytes([tag]) + signed[action_at + 1 :]
    with pytest.raises(JsonRpcError) as refused:
        near.rpc.call("send_tx", b64encode(changed).decode())
    error = refused.value.error
    assert (error["name"], error["cause"]["name"]) == ("REQUEST_VALIDATION_ERROR", "PARSE_ERROR")
    assert error["data"] == (
        f"Failed parsing args: Failed to decode transaction: Unexpected variant index: {tag} "
        "of Action"
    )
