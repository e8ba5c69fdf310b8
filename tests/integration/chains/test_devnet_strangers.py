"""Others' locks on the real chains: seen with all their terms, and given back beside ours."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from chains_app.adapters.evm_signing import evm_key
from chains_app.adapters.interface import SigningKey
from chains_app.adapters.near_signing import near_key
from chains_app.intents import plan_intent, release_repayment
from chains_app.locks import Call, LockState, LockTerms
from chains_app.models import SeenLock
from chains_app.poller import poll_all
from chains_app.registry import get_adapter, get_chain, signing_keys
from chains_app.selectors import is_hashlock_seen, leg_facts, repaid
from chains_app.signers import SignerRole
from chains_app.watching import watch_lock
from devnet.network import Devnet
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.hashlock import HashFunction, Secret
from tests.integration.chains.test_devnet import devnet, terms_on, until_done

__all__ = ["devnet"]


def makers_key(devnet: Devnet, chain: str) -> SigningKey:
    given = devnet.environment
    if chain == "base":
        return evm_key(given["MAKER_BASE_KEY"])
    return near_key(given["MAKER_NEAR_ACCOUNT"], given["MAKER_NEAR_KEY"])


def makers_lock(devnet: Devnet, chain: str) -> tuple[LockTerms, SigningKey]:
    """For us, over native coin, under a new hashlock."""
    key, ours = makers_key(devnet, chain), signing_keys(chain, SignerRole.LOCK)[0].account
    hashlock = HashFunction.SHA256.digest(Secret.generate().reveal())
    bound = replace(terms_on(chain, ours, None), depositor=key.account, hashlock=hashlock)
    return bound, key


def make(devnet: Devnet, bound: LockTerms, key: SigningKey) -> None:
    adapter = get_adapter(bound.chain)
    prepared = adapter.prepare(Call.LOCK, bound, key)
    adapter.broadcast(adapter.sign(Call.LOCK, bound, prepared, key, prepared.nonce_floor).raw)
    devnet.mine(2)
    poll_all()


def follow(bound: LockTerms) -> UUID:
    reference = uuid4()
    with transaction.atomic():
        watch_lock(reference=reference, terms=bound, tier=list(get_chain(bound.chain).finality)[-1])
    return reference


@pytest.mark.parametrize("chain", ["base", "near"])
def test_a_lock_that_is_not_as_agreed_is_seen_and_given_back_beside_the_leg(
    db: None, devnet: Devnet, chain: str
) -> None:
    """On EVM it stands where the leg belongs, and the two are never taken for each other."""
    poll_all()
    made, key = makers_lock(devnet, chain)
    agreed = replace(made, timelock=Seconds(made.timelock + 1))
    leg = follow(agreed)
    make(devnet, made, key)
    found = SeenLock.objects.get(hashlock=made.hashlock)
    assert (found.terms, found.is_for_us) == (made, True)
    assert is_hashlock_seen(made.hashlock)
    adapter = get_adapter(chain)
    assert (adapter.lock_id(made) == adapter.lock_id(agreed)) is (chain == "base")
    surplus = follow(made)
    poll_all()
    assert leg_facts([leg, surplus])[surplus].head is LockState.OPEN
    with transaction.atomic():
        plan_intent(
            reference=surplus, call=Call.REFUND_EARLY, terms=made, send_by=Seconds(made.timelock)
        )
    until_done(devnet, surplus, Call.REFUND_EARLY)
    facts = leg_facts([leg, surplus])
    assert (facts[leg].head, facts[surplus].final) == (LockState.ABSENT, LockState.REFUNDED)


@pytest.mark.parametrize("chain", ["base", "near"])
def test_rule_4_what_reached_us_is_repaid_through_the_outbox(
    db: None, devnet: Devnet, chain: str
) -> None:
    bound, key = makers_lock(devnet, chain)
    reference, adapter = follow(bound), get_adapter(chain)
    before = adapter.balance(key.account, None)
    with transaction.atomic():
        assert release_repayment(reference=reference, terms=bound)
    until_done(devnet, reference, Call.REPAY)
    assert repaid([reference]) == {reference}
    assert adapter.balance(key.account, None) == before + bound.amount
