"""How old what the poller learned is (rules 5 and 11)."""

from datetime import datetime, timedelta

from django.utils import timezone

from chains_app.ingest import rewind
from chains_app.models import ChainBlock, ChainCursor
from chains_app.poller import poll_all
from chains_app.selectors import chain_clocks
from tests.integration.chains.test_poller import watch
from tests.integration.chains.world import World


def test_rule_11_the_clock_says_when_a_head_last_advanced(world: World) -> None:
    poll_all()
    long_ago = timezone.now() - timedelta(hours=1)
    ChainCursor.objects.update(advanced_at=long_ago)
    poll_all()
    assert chain_clocks()["base"].advanced_at == long_ago
    world.base.mine()
    poll_all()
    advanced = chain_clocks()["base"].advanced_at
    assert advanced is not None
    assert advanced > long_ago
    assert chain_clocks()["base"].head_time == world.now()
    assert chain_clocks()["near"].advanced_at == long_ago


def test_facts_are_as_old_as_the_question_that_they_answer(world: World) -> None:
    """Rule 5 counts their age: what was read meanwhile makes them no younger."""
    terms, _ = watch(world)
    poll_all()
    world.lock_by_maker(terms)
    answered_at: list[datetime] = []

    def note(method: str) -> None:
        if method == "final":  # the first exchange of a step
            answered_at.append(timezone.now())

    world.adapters["base"].at_each = note
    poll_all()
    advanced = chain_clocks()["base"].advanced_at
    assert advanced is not None
    assert advanced < answered_at[0]


def test_rule_11_a_head_that_goes_back_has_not_advanced(world: World) -> None:
    world.base.mine(2)
    poll_all()
    world.base.mine(2)
    poll_all()
    long_ago = timezone.now() - timedelta(hours=1)
    ChainCursor.objects.update(advanced_at=long_ago)
    cursor = ChainCursor.objects.get(chain="base")
    rewind(cursor, ChainBlock.objects.get(chain="base", height=cursor.height - 1))
    assert chain_clocks()["base"].head_height == world.base.head.height - 1
    assert chain_clocks()["base"].advanced_at == long_ago
