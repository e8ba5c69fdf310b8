"""py-near, as it is published, works against the node."""

import pytest
from py_near.account import Account, ViewFunctionError
from py_near.exceptions.provider import NotEnoughBalance
from py_near.models import TransactionResult

from devnet.near.client import NEAR, Key, NearClient, Signer
from tests.devnet.near.contracts import KEEPER
from tests.devnet.near.running import Running


async def _account(node: Running, signer: Signer) -> Account:
    account = Account(signer.account_id, signer.key.secret_key, node.url)
    await account.startup()
    return account


@pytest.mark.asyncio
async def test_creates_deploys_calls_views_and_follows_to_final(
    node: Running, near: NearClient, root: Signer
) -> None:
    keeper = Signer("keeper.test.near", Key.generate())
    owner = await _account(node, root)
    created = await owner.create_account(
        keeper.account_id, keeper.key.public_key.removeprefix("ed25519:"), 5 * NEAR
    )
    assert "SuccessValue" in created.status
    account = await _account(node, keeper)
    deployed = await account.deploy_contract(KEEPER)
    assert "SuccessValue" in deployed.status
    called = await account.function_call(keeper.account_id, "set", {"a": 1}, included=False)
    assert isinstance(called, TransactionResult)
    assert called.logs == ["set"]
    viewed = await account.view_function(keeper.account_id, "get", {})
    assert viewed.result == {"a": 1}

    included = await account.function_call(keeper.account_id, "set", {"a": 2}, included=True)
    followed = near.rpc.call(
        "tx", tx_hash=included, sender_account_id=keeper.account_id, wait_until="FINAL"
    )
    assert followed["final_execution_status"] == "FINAL"
    seen = await account.provider.get_tx(included, keeper.account_id)
    assert seen.transaction.hash == included
    assert await account.get_balance() == near.balance(keeper.account_id)
    for each in (owner, account):
        await each.shutdown()


@pytest.mark.asyncio
async def test_reads_errors(node: Running, root: Signer) -> None:
    owner = await _account(node, root)
    with pytest.raises(NotEnoughBalance):
        await owner.send_money("test.near", 10**34)
    existing = await owner.create_account("test.near", root.key.public_key[8:], NEAR)
    assert type(existing.receipt_outcome[0].error).__name__ == "AccountAlreadyExistsError"
    missing = await owner.send_money("nobody.test.near", 1)
    assert type(missing.receipt_outcome[0].error).__name__ == "AccountDoesNotExistError"
    with pytest.raises(ViewFunctionError, match="CodeDoesNotExist"):
        await owner.view_function("test.near", "get", {})
    stranger = await _account(node, Signer("test.near", Key.generate()))
    with pytest.raises(ValueError, match="does not exist while viewing"):
        await stranger.send_money("test.near", 1)
    for each in (owner, stranger):
        await each.shutdown()
