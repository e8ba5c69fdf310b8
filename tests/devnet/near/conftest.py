"""One node on demand for the whole folder; every test starts from the same fresh chain."""

from collections.abc import Callable, Iterator

import pytest
from py_near import transactions as tx

from devnet.near.client import NEAR, Key, NearClient, Signer
from tests.devnet.near.checked import CheckedJsonRpc
from tests.devnet.near.running import Running, running_node

FRESH = "1"  # the node's first snapshot
NewAccount = Callable[..., Signer]


@pytest.fixture(scope="session")
def node() -> Iterator[Running]:
    """The shared node; tests take `near` instead, which resets the chain."""
    with running_node() as running:
        assert running.near.snapshot() == FRESH
        running.near.close()
        running.near.rpc = CheckedJsonRpc(running.url)
        yield running


@pytest.fixture
def near(node: Running) -> NearClient:
    """A client of the node, the chain being as it was at the start."""
    node.near.revert(FRESH)
    return node.near


@pytest.fixture
def root(node: Running, near: NearClient) -> Signer:
    """The account that owns everything at first."""
    return node.root


@pytest.fixture
def new_account(near: NearClient, root: Signer) -> NewAccount:
    """Makes `name`.test.near with a full-access key, a balance, and perhaps a contract."""

    def make(name: str, balance: int = 10 * NEAR, wasm: bytes | None = None) -> Signer:
        signer = Signer(f"{name}.test.near", Key.generate())
        actions = [
            tx.create_create_account_action(),
            tx.create_transfer_action(balance),
            tx.create_full_access_key_action(signer.key.public_bytes),
        ]
        if wasm is not None:
            actions.append(tx.create_deploy_contract_action(wasm))
        assert near.send(root, signer.account_id, actions, "FINAL").failures == []
        return signer

    return make
