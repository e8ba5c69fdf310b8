"""What only NEAR can pretend."""

from dataclasses import replace
from typing import Any

import pytest
from py_near import transactions as near_transactions

from chains_app.adapters import near_contract
from chains_app.adapters.near import PAGE_HEIGHTS, NearAdapter
from chains_app.adapters.near_signing import near_key
from chains_app.config import ChainSpec
from chains_app.locks import Call, LockState
from chains_app.registry import signing_keys
from chains_app.signers import SignerRole
from devnet.near.client import Key, Signer
from tests.conformance.near_world import NearWorld
from tests.conformance.world import make, read, succeeded, terms

pytestmark = pytest.mark.parametrize("world", ["near"], indirect=True)
OTHER_CODE = "9" * 43


def keys() -> dict[SignerRole, Any]:
    return {role: signing_keys("near", role) for role in SignerRole}


def without_tokens(world: NearWorld) -> ChainSpec:
    return replace(world.spec, tokens={})


def code_hash(world: NearWorld) -> str:
    return str(world.client.view_account(world.spec.contract)["code_hash"])


def test_rule_7_a_contract_with_other_code_holds_no_lock(world: NearWorld) -> None:
    bound = terms(world)
    make(world, Call.LOCK, bound)
    expecting_other = NearAdapter(world.spec, keys(), [world.node.url], OTHER_CODE)
    head = world.adapter.head()
    assert expecting_other.read_lock(bound, head).state is LockState.ABSENT
    assert read(world, bound).state is LockState.OPEN


def test_our_lock_id_is_the_contracts(world: NearWorld) -> None:
    bound = terms(world)
    arguments = near_contract.decode_arguments(near_contract.arguments(Call.LOCK, bound, "", None))
    asked = world.client.view(world.spec.contract, "lock_id", arguments)
    assert world.adapter.lock_id(bound) == asked


def test_an_implicit_account_needs_not_to_exist(world: NearWorld) -> None:
    bound = terms(world, beneficiary="ab" * 32)
    assert world.adapter.account_problem(bound.beneficiary) is None
    assert world.adapter.spelled(bound.beneficiary) == bound.beneficiary
    assert world.adapter.payout_problem(bound, bound.beneficiary) is None
    make(world, Call.LOCK, bound)
    make(world, Call.WITHDRAW, bound)
    assert read(world, bound).is_paid
    assert world.adapter.balance(bound.beneficiary, None) == bound.amount


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"caip2": "near:other"}, "near: node 1 of 1 is on chain 'devnet', not 'other': "),
        ({"genesis_hash": "1" * 43}, "near: node 1 of 1 has another genesis than 1111"),
        ({"contract": "nobody.test.near"}, "the code of nobody.test.near is not"),
    ],
)
def test_a_wrong_configuration_is_a_problem(
    world: NearWorld, changes: dict[str, str], said: str
) -> None:
    spec = replace(world.spec, **changes)  # type: ignore[arg-type]
    adapter = NearAdapter(spec, keys(), [world.node.url], code_hash(world))
    assert any(said in problem for problem in adapter.problems())


def test_a_contract_account_with_a_key_is_a_problem(world: NearWorld) -> None:
    """The maker's account stands for one: it has a full-access key."""
    with_key = replace(world.spec, contract=world.maker.account)
    no_code = "11111111111111111111111111111111"
    adapter = NearAdapter(with_key, {}, [world.node.url], no_code)
    assert any("has an access key" in problem for problem in adapter.problems())


def test_rule_15_a_duty_key_that_can_do_more_is_a_problem(world: NearWorld) -> None:
    swapped = {SignerRole.DUTY: (world.lock,), SignerRole.LOCK: (world.duty,)}
    adapter = NearAdapter(without_tokens(world), swapped, [world.node.url], code_hash(world))
    assert adapter.problems() == [
        f"near: {world.lock.public} of {world.lock.account} needs the duties' calls alone",
        f"near: {world.duty.public} of {world.duty.account} needs full access",
    ]


def test_a_key_that_is_not_on_chain_is_a_problem(world: NearWorld) -> None:
    stranger = near_key(world.duty.account, Key.generate().secret_key)
    adapter = NearAdapter(
        world.spec, {SignerRole.DUTY: (stranger,)}, [world.node.url], code_hash(world)
    )
    assert adapter.problems() == [f"near: {stranger.account} has no key {stranger.public}"]


def test_rule_15_a_duty_key_cannot_lock(world: NearWorld) -> None:
    bound = terms(world, depositor=world.duty.account)
    sent = make(world, Call.LOCK, bound, world.duty)
    world.mine(2)
    assert succeeded(world, sent, world.duty) is None  # no block took it
    assert read(world, bound).state is LockState.ABSENT


def test_a_keys_allowance_bounds_what_it_may_spend(world: NearWorld) -> None:
    account, spare = world.maker.account, Key.generate()
    add = near_transactions.create_function_call_access_key_action(
        spare.public_bytes, 10**22, world.spec.contract, ["pay"]
    )
    owner = Signer(account, Key(world.maker.secret.reveal()))
    assert not world.client.send(owner, account, [add]).failures
    prepared = world.adapter.prepare(Call.PAY, terms(world), near_key(account, spare.secret_key))
    assert prepared.balance == 10**22


def test_what_is_prepared_names_a_block_of_the_chain(world: NearWorld) -> None:
    named = world.adapter.named_block(world.adapter.prepare(Call.PAY, terms(world), world.duty))
    assert named is not None
    height, hash_ = named
    assert world.adapter.block(hash_).height == height


def problems_of_tokens(world: NearWorld, **changes: object) -> list[str]:
    """With the devnet's one token, declared otherwise."""
    (coin,) = world.spec.tokens.values()
    other = replace(coin, **changes)  # type: ignore[arg-type]
    spec = replace(world.spec, tokens={str(other.token): other})
    return NearAdapter(spec, keys(), [world.node.url], code_hash(world)).problems()


def test_a_token_is_proved_against_its_declaration(world: NearWorld) -> None:
    (token,) = world.spec.tokens
    name = f"near: USDC at {token}"
    assert problems_of_tokens(world) == []
    assert problems_of_tokens(world, decimals=18) == [
        f"{name} has 6 decimals, not 18: correct them"
    ]
    [too_dear] = problems_of_tokens(world, deposits={Call.REGISTER: 1})
    assert too_dear.startswith(f"{name} asks ")
    assert too_dear.endswith(" yocto to register an account: raise most_registration of 1")
    assert problems_of_tokens(world, token=world.spec.contract) == [
        f"near: USDC at {world.spec.contract} does not answer as a NEP-141: correct its account, "
        "or take it out"
    ]


def test_an_account_of_ours_that_a_token_does_not_know_is_a_problem(world: NearWorld) -> None:
    """The duty account stands for a lock account that nobody registered."""
    (token,) = world.spec.tokens
    swapped = {SignerRole.LOCK: (world.duty,)}
    adapter = NearAdapter(world.spec, swapped, [world.node.url], code_hash(world))
    account, name = world.duty.account, f"near: USDC at {token}"
    assert adapter.problems()[1:] == [
        f"{name} does not know {account}: call storage_deposit for it",
        f"{name} shows that {account} holds none: fund it",
    ]


def test_more_skipped_heights_than_a_page_has_stop_no_reader(world: NearWorld) -> None:
    before = world.adapter.head()
    world.client.rpc.call("devnet_skip_heights", count=2 * PAGE_HEIGHTS + 5)
    bound = terms(world)
    make(world, Call.LOCK, bound)
    head = world.adapter.head()
    page = world.adapter.facts(before.height + 1, head.height)
    assert page.blocks[0].parent_hash == before.hash
    assert page.blocks[0].height > before.height + 2 * PAGE_HEIGHTS
    assert world.adapter.lock_id(bound) in {fact.lock_id for fact in page.facts}
