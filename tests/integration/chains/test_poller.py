"""The poller: facts, readings, finality, reorganisations and absences (rules 7 and 11)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from chains_app import poller
from chains_app.adapters.interface import ChainUnavailableError, Fact, FactsPage
from chains_app.adapters.memory import PAGE_BLOCKS
from chains_app.locks import Call, LockState, LockTerms
from chains_app.models import (
    ChainBlock,
    Creation,
    InboxFact,
    Observation,
    Watch,
)
from chains_app.poller import poll, poll_all
from chains_app.selectors import LegFacts, chain_clocks, leg_facts
from chains_app.watching import (
    COMPARED,
    WatchConflictError,
    compare_with_chains,
    shown_preimage,
    watch_lock,
)
from orchestrator.kernel.hashlock import Secret
from tests.integration.chains.world import (
    TIER,
    DeathError,
    World,
    let_leases_expire,
)

CHAINS = ("base", "near")


def facts_of(reference: UUID) -> LegFacts:
    return leg_facts([reference])[reference]


def watch(world: World, chain: str = "base") -> tuple[LockTerms, UUID]:
    """A lock of the maker's that is watched and not made yet; its terms and the reference."""
    terms = world.terms(chain, ours=False)
    reference = uuid4()
    watch_lock(reference=reference, terms=terms, tier=TIER)
    return terms, reference


@pytest.mark.parametrize("chain", CHAINS)
def test_a_lock_is_seen_at_the_head_and_then_final(world: World, chain: str) -> None:
    terms, reference = watch(world, chain)
    poll_all()
    assert facts_of(reference).head is LockState.ABSENT
    world.lock_by_maker(terms)
    poll_all()
    facts = facts_of(reference)
    assert (facts.head, facts.final) == (LockState.OPEN, LockState.ABSENT)
    assert facts.first_seen_time == world.now(chain)
    world.chains[chain].mine(2)
    poll_all()
    assert facts_of(reference).final is LockState.OPEN
    assert InboxFact.objects.count() == 1


def test_at_a_start_what_is_stored_is_compared_with_the_chain(world: World) -> None:
    terms, reference = watch(world)
    world.lock_by_maker(terms)
    poll_all()
    Observation.objects.update(state=LockState.ABSENT.value)  # a database that was put back, say
    world.chains["base"].mine()
    poll_all()
    assert facts_of(reference).head is LockState.ABSENT
    assert compare_with_chains() == 1
    world.chains["base"].mine()
    poll_all()
    assert facts_of(reference).head is LockState.OPEN


def test_what_is_merely_compared_waits_behind_what_is_due(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "MOST_SPARE_READS", 1)
    references = [watch(world)[1] for _ in range(4)]
    poll_all()
    assert compare_with_chains() == 4
    Watch.objects.filter(reference=references[-1]).update(due_time=2)
    world.base.mine()
    poll_all()
    waiting = Watch.objects.filter(due_time=COMPARED)
    assert waiting.count() == 2
    assert not waiting.filter(reference=references[-1]).exists()
    for _ in range(2):
        world.base.mine()
        poll_all()
    assert not waiting.exists()


def test_the_bytes_that_made_a_makers_lock_are_kept_until_it_is_over(world: World) -> None:
    secret = Secret.generate()
    terms = world.terms(secret=secret, ours=False)
    with transaction.atomic():
        watch_lock(reference=uuid4(), terms=terms, tier=TIER)
    poll_all()
    world.lock_by_maker(terms)
    (lock,) = world.base.between(world.base.head.height, world.base.head.height)[0].transactions
    poll_all()
    assert bytes(Creation.objects.get().raw) == lock.encode()
    world.send_as("maker", Call.WITHDRAW, terms, secret)
    world.base.mine()
    poll_all()
    assert bytes(Creation.objects.get().raw) == lock.encode()
    world.base.mine(4)
    poll_all()
    assert not Creation.objects.exists()


def test_what_made_our_own_lock_is_the_outboxs(world: World) -> None:
    world.plan(world.terms())
    world.turn(2)
    assert not Creation.objects.exists()


def test_a_lock_made_before_it_was_watched_is_read(world: World) -> None:
    terms = world.terms(ours=False)
    world.lock_by_maker(terms)
    world.base.mine(5)
    poll_all()
    reference = uuid4()
    watch_lock(reference=reference, terms=terms, tier=TIER)
    poll_all()
    assert facts_of(reference).head is LockState.OPEN


def test_rule_7_absence_counts_only_when_read_after_lock_by(world: World) -> None:
    terms, reference = watch(world)
    poll_all()
    world.base.mine(seconds=600)
    poll_all()
    world.base.mine(2)
    poll_all()
    facts = facts_of(reference)
    assert facts.final is LockState.ABSENT
    assert facts.final_time > terms.lock_by


def test_rule_7_absence_before_lock_by_is_not_carried_past_it(world: World) -> None:
    terms, reference = watch(world)
    world.base.mine(3)
    poll_all()
    world.base.mine(2)
    poll_all()
    assert 0 < facts_of(reference).final_time <= terms.lock_by


def test_rule_7_an_absence_is_final_only_when_its_block_is(world: World) -> None:
    terms, reference = watch(world)
    poll_all()
    world.base.mine(seconds=600)
    poll_all()
    assert facts_of(reference).final_time <= terms.lock_by
    world.base.mine(2)
    poll_all()
    assert facts_of(reference).final_time > terms.lock_by


def test_a_preimage_shown_at_the_head_is_known_at_once(world: World) -> None:
    secret = Secret.generate()
    terms = world.terms("base", secret, ours=False)
    reference = world.plan(terms, Call.REFUND_EARLY)
    world.lock_by_maker(terms)
    poll_all()
    world.send_as("maker", Call.WITHDRAW, terms, secret)
    world.base.mine()
    poll_all()
    facts = facts_of(reference)
    assert (facts.head, facts.preimage) == (LockState.WITHDRAWN, secret.reveal())
    assert facts.final is not LockState.WITHDRAWN
    assert repr(secret.reveal()) not in repr(facts)


def test_rule_7_a_preimage_that_does_not_fit_is_none(world: World) -> None:
    secret = Secret.generate()
    terms, reference = world.terms(secret=secret), uuid4()
    watch_lock(reference=reference, terms=terms, tier=TIER)
    row = Watch.objects.get(reference=reference)

    def told(shown: bytes) -> bytes | None:
        return shown_preimage(row, Fact("any", 1, "0xany", None, shown), None)

    assert told(secret.reveal()) == secret.reveal()
    for other in (Secret.generate().reveal(), secret.reveal()[:31], b""):
        assert told(other) is None


def test_a_node_that_lags_changes_nothing(world: World) -> None:
    world.base.mine(5)
    poll_all()
    world.base.mine(2)
    poll_all()
    before = chain_clocks()["base"]
    newest = [world.base._blocks.pop() for _ in range(2)]
    assert poll("base") == 0
    assert chain_clocks()["base"] == before
    world.base._blocks += reversed(newest)
    assert chain_clocks()["base"].head_height == 7


def test_a_long_way_is_read_page_by_page(world: World) -> None:
    terms, reference = watch(world)
    poll_all()
    world.lock_by_maker(terms)
    world.base.mine(2 * PAGE_BLOCKS + 10)
    assert poll("base") == 2 * PAGE_BLOCKS + 11
    assert facts_of(reference).final is LockState.OPEN


def test_skipped_heights_are_no_gap(world: World) -> None:
    poll_all()
    world.near.mine(skipped_heights=3)
    world.near.mine()
    assert poll("near") == 2
    assert chain_clocks()["near"].head_height == 5


def test_a_state_that_a_node_has_dropped_is_read_at_the_head(world: World) -> None:
    terms, reference = watch(world)
    poll_all()
    world.lock_by_maker(terms)
    made_at = world.base.head.hash
    world.base.mine(3)
    world.adapters["base"].pruned.add(made_at)
    poll_all()
    assert facts_of(reference).head is LockState.OPEN
    assert Observation.objects.get(state="open").height == world.base.head.height


def test_old_blocks_are_forgotten(world: World) -> None:
    poll_all()
    world.base.mine(200)
    poll_all()
    world.base.mine(5)
    poll_all()
    heights = ChainBlock.objects.filter(chain="base").values_list("height", flat=True)
    assert (min(heights), max(heights)) == (205 - 2 - 64, 205)


def test_a_settled_lock_is_read_no_more(world: World) -> None:
    secret = Secret.generate()
    terms = world.terms("base", secret)
    reference = world.plan(terms)
    world.turn(4)
    world.plan(terms, Call.WITHDRAW, reference=reference, secret_id=world.keep(secret))
    world.turn(5)
    row = Watch.objects.get(reference=reference)
    assert (row.is_settled, row.due_time) == (True, None)


@pytest.mark.parametrize("change", ["terms", "reference", "tier"])
def test_a_lock_is_watched_under_one_reference_and_one_set_of_terms(
    world: World, change: str
) -> None:
    terms, reference = watch(world)
    others = {"terms": world.terms(ours=False), "reference": uuid4(), "tier": "safe"}
    named: dict[str, Any] = {"reference": reference, "terms": terms, "tier": TIER}
    watch_lock(**named)  # the same again is no change
    with pytest.raises(WatchConflictError), transaction.atomic():
        watch_lock(**named | {change: others[change]})
    assert Watch.objects.count() == 1


def test_an_unreachable_chain_holds_no_other_poll_back(world: World) -> None:
    poll_all()
    world.base.is_unreachable = True
    world.near.mine()
    assert poll_all() == 1


@pytest.mark.parametrize("method", ["final", "head", "facts", "read_lock"])
def test_rule_14_the_poller_survives_a_death(world: World, method: str) -> None:
    terms = world.terms(ours=False)
    reference = world.plan(terms, Call.REFUND_EARLY)
    poll_all()
    world.lock_by_maker(terms)

    def die(name: str, _: object) -> None:
        if name == method:
            raise DeathError(name)

    adapter = world.adapters["base"]
    adapter.after_each = die
    with pytest.raises(DeathError):
        poll_all()
    adapter.after_each = lambda _, __: None
    assert leg_facts([reference])[reference].head is LockState.ABSENT
    let_leases_expire()
    poll_all()
    assert leg_facts([reference])[reference].head is LockState.OPEN


def moved(place: int, by: int) -> Callable[[FactsPage], FactsPage]:
    """A page on which the block at a place has another height."""

    def change(page: FactsPage) -> FactsPage:
        blocks = list(page.blocks)
        blocks[place] = replace(blocks[place], height=blocks[place].height + by)
        return replace(page, blocks=tuple(blocks))

    return change


@pytest.mark.parametrize("lie", [moved(-1, 10**6), moved(1, -1), moved(1, 1), moved(0, -1)],
                         ids=["beyond", "doubled", "out of order", "known"])  # fmt: skip
@pytest.mark.parametrize("chain", CHAINS)
def test_blocks_at_heights_that_nobody_asked_for_are_not_believed(
    world: World,
    chain: str,
    lie: Callable[[FactsPage], FactsPage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cursor at a height that no chain has would find that every honest node lags."""
    poll_all()
    start = world.chains[chain].head.height
    world.chains[chain].mine(3)
    told = lie(world.adapters[chain].facts(start + 1, start + 3))
    with monkeypatch.context() as lying:
        lying.setattr(world.adapters[chain], "facts", lambda *_: told)
        with pytest.raises(ChainUnavailableError, match=f"^{chain}: a node answered with other"):
            poll(chain)
    poll_all()
    assert chain_clocks()[chain].head_height == world.chains[chain].head.height
    world.chains[chain].mine()
    assert poll(chain) == 1
