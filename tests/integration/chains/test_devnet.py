"""The same outbox and poller over the real adapters: anvil, the NEAR node, and our contracts."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from chains_app import ports
from chains_app.config import ChainsEnvironment
from chains_app.intents import plan_intent
from chains_app.locks import Call, LockState, LockTerms
from chains_app.models import ALIVE, Attempt, AttemptStatus, Intent, IntentStatus
from chains_app.outbox.worker import drain
from chains_app.poller import poll_all
from chains_app.registry import get_adapter, get_chain, signing_keys, use_environment
from chains_app.selectors import leg_facts
from chains_app.signers import SignerRole
from chains_app.watching import watch_lock
from devnet.network import Devnet
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.hashlock import HashFunction, Secret
from tests.integration.chains.world import YES, make_all_due

SECRET = Secret.generate()


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    with Devnet() as network:
        configured = ChainsEnvironment.of(network.environment)
        with use_environment(configured), ports.use_ports():
            for call in Call:
                ports.register_guard(call, lambda *_: YES)
            ports.register_secret_opener(lambda *_: SECRET)
            yield network


# what a lock of each coin needs before it, for a beneficiary that a token does not know
NEEDED = {
    ("base", None): [],
    ("near", None): [],
    ("base", "USDC"): ["approve"],
    ("near", "USDC"): ["register", "prepare"],
}


@pytest.mark.parametrize(("chain", "symbol"), NEEDED)
def test_a_lock_and_its_withdrawal_become_final(
    db: None, devnet: Devnet, chain: str, symbol: str | None
) -> None:
    terms, reference = terms_on(chain, maker(devnet, chain, symbol), symbol), uuid4()
    paid_before = get_adapter(chain).balance(terms.beneficiary, terms.token)
    with transaction.atomic():
        watch_lock(reference=reference, terms=terms, tier=list(get_chain(chain).finality)[-1])
    for call in (Call.LOCK, Call.WITHDRAW):
        with transaction.atomic():
            plan_intent(
                reference=reference, call=call, terms=terms,
                send_by=Seconds(terms.timelock), secret_id=uuid4(),
            )  # fmt: skip
        until_done(devnet, reference, call)
    facts = leg_facts([reference])[reference]
    assert (facts.final, facts.final_paid) == (LockState.WITHDRAWN, True)
    assert facts.preimage == SECRET.reveal()
    balance = get_adapter(chain).balance(terms.beneficiary, terms.token)
    assert balance == paid_before + terms.amount
    attempts = Attempt.objects.filter(intent__reference=reference).order_by("signed_at")
    assert set(attempts.values_list("status", flat=True)) == {AttemptStatus.FINAL}
    calls = list(attempts.values_list("intent__call", flat=True))
    assert calls == [*NEEDED[chain, symbol], "lock", "withdraw"]


def maker(devnet: Devnet, chain: str, symbol: str | None) -> str:
    """A beneficiary that exists, and that no token knows."""
    if chain == "near":
        return devnet.environment["MAKER_NEAR_ACCOUNT" if symbol is None else "NEAR_DUTY_ACCOUNT"]
    return signing_keys("base", SignerRole.DUTY)[0].account[:-4] + "bEEF"


def terms_on(chain: str, beneficiary: str, symbol: str | None) -> LockTerms:
    spec, now = get_chain(chain), get_adapter(chain).head().time
    coin = next((c for c in spec.tokens.values() if c.symbol == symbol), spec.native)
    return LockTerms(
        chain=chain,
        contract=spec.contract,
        depositor=signing_keys(chain, SignerRole.LOCK)[0].account,
        beneficiary=beneficiary,
        token=coin.token,
        amount=10**coin.decimals // 100,
        hashlock=HashFunction.SHA256.digest(SECRET.reveal()),
        lock_by=Seconds(now + 600),
        timelock=Seconds(now + 1200),
    )


def until_done(devnet: Devnet, reference: UUID, call: Call) -> None:
    """At most twenty blocks, on demand."""
    intents = Intent.objects.filter(reference=reference, call=call.value)
    alive = Attempt.objects.filter(intent__in=intents, status__in=ALIVE)
    for _ in range(20):
        make_all_due()
        drain()
        devnet.mine()
        poll_all()
        if intents.filter(status=IntentStatus.DONE).exists() and not alive.exists():
            return
    pytest.fail(f"not done after twenty blocks: {intents.get().status}")
