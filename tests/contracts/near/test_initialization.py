"""`new` runs once, in the transaction that deploys; nothing runs before it."""

import pytest
from py_near import transactions

from devnet.near.client import NEAR, ViewError, call
from tests.contracts.near.interface import CHAIN_ID, STORAGE_DEPOSIT, Htlc, events, refusal
from tests.contracts.near.world import ARTIFACTS, World, deploy

CODE = (ARTIFACTS / "htlc.wasm").read_bytes()


def bare_contract(world: World) -> Htlc:
    deploy(world.near, world.root, "bare.test.near", CODE)
    return Htlc(world.near, "bare.test.near")


def test_the_deployed_account_has_no_key(world: World) -> None:
    answer = world.near.query("view_access_key_list", world.htlc.account_id)
    assert answer["keys"] == []


def test_chain_id_and_storage_deposit_can_be_read(world: World) -> None:
    assert world.htlc.view("chain_id") == CHAIN_ID
    assert world.htlc.view("storage_deposit") == str(STORAGE_DEPOSIT)


def test_a_second_initialization_is_refused(world: World) -> None:
    again = world.htlc.call(world.alice, "new", {"chain_id": "near:other"})
    assert refusal(again) == "E_ALREADY_INITIALIZED: the contract is initialized once"
    assert world.htlc.view("chain_id") == CHAIN_ID


@pytest.mark.parametrize(
    ("method", "deposit"),
    [
        ("lock", 6 * NEAR),
        ("prepare", STORAGE_DEPOSIT),
        ("ft_on_transfer", 0),
        ("withdraw", 0),
        ("refund", 0),
        ("refund_early", 1),
        ("pay", 0),
        ("remove", 0),
    ],
)
def test_no_call_is_taken_before_initialization(world: World, method: str, deposit: int) -> None:
    bare = bare_contract(world)
    before = world.near.balance(world.alice.account_id)
    refused = bare.call(world.alice, method, deposit=deposit)
    assert refusal(refused) == "E_NOT_INITIALIZED: call new first"
    assert before - world.near.balance(world.alice.account_id) == refused.tokens_burnt


@pytest.mark.parametrize("method", ["chain_id", "storage_deposit", "lock_id", "get_lock"])
def test_no_view_is_answered_before_initialization(world: World, method: str) -> None:
    bare = bare_contract(world)
    with pytest.raises(ViewError, match="E_NOT_INITIALIZED: call new first"):
        bare.view(method)


@pytest.mark.parametrize(
    "chain_id", ["", "near", "near:", ":devnet", "ne:devnet", "NEAR:devnet", "near:" + "x" * 33]
)
def test_a_chain_id_that_is_not_caip_2_is_refused(world: World, chain_id: str) -> None:
    refused = bare_contract(world).call(world.alice, "new", {"chain_id": chain_id})
    assert refusal(refused) == ("E_BAD_ARGUMENTS: chain_id is no CAIP-2 name such as near:mainnet")


def test_a_refused_initialization_undoes_the_deployment(world: World) -> None:
    failed = deploy(world.near, world.root, "new.test.near", CODE, call("new", {"chain": "x"}))
    [failure] = failed.failures
    assert failure["ActionError"]["index"] == 3
    with pytest.raises(RuntimeError, match="does not exist"):
        world.near.view_account("new.test.near")


def test_initialization_takes_no_money(world: World) -> None:
    refused = bare_contract(world).call(world.alice, "new", {"chain_id": CHAIN_ID}, deposit=5)
    assert refusal(refused) == "E_DEPOSIT: attached 5 yocto, attach nothing"


def test_deploying_again_needs_a_key_that_nobody_has(world: World) -> None:
    deployment = [transactions.create_deploy_contract_action(CODE)]
    outcome = world.near.send(world.root, world.htlc.account_id, deployment)
    [failure] = outcome.failures
    assert failure["ActionError"]["kind"] == {
        "ActorNoPermission": {
            "account_id": world.htlc.account_id,
            "actor_id": world.root.account_id,
        }
    }
    assert events(outcome) == []
