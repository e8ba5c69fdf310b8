"""A chain whose nodes hang holds no request for long, and nothing that it refuses is half done."""

import threading

import pytest
from rest_framework.test import APIClient

from chains_app.adapters.interface import ChainUnavailableError
from chains_app.adapters.memory import MemoryAdapter
from chains_app.adapters.memory_chain import MemoryChain
from orchestrator.http.waiting import NODE_SECONDS
from orchestrator.kernel.patience import is_over, one_wait
from sessions_app.domain.states import Status
from sessions_app.models import Session
from tests.integration.doors.calls import create_session, execute, get, post, quote, session_fields
from tests.integration.doors.refusals import assert_refused, nothing_changes
from tests.integration.sessions.world import World, reload

pytestmark = pytest.mark.django_db(transaction=True)


class Hanging:
    """The nodes of `chains` hang until `released`; each may be waited for as long as is left.

    `asked`: the chains that were asked, in order.
    """

    def __init__(self) -> None:
        self.chains, self.asked = set[str](), list[str]()
        self.released = threading.Event()

    def reached(self, adapter: MemoryAdapter) -> MemoryChain:
        self.asked.append(adapter.name)
        if adapter.name in self.chains:
            with one_wait() as most:
                assert is_over() or (most is not None and most <= NODE_SECONDS), "without a bound"
                self.released.wait(most)
            raise ChainUnavailableError(f"{adapter.name}: no node answers")
        return adapter._chain


@pytest.fixture
def nodes(world: World, monkeypatch: pytest.MonkeyPatch) -> Hanging:
    hanging = Hanging()
    monkeypatch.setattr(MemoryAdapter, "_reached", lambda self: hanging.reached(self))
    return hanging


def test_a_session_whose_accounts_nobody_can_look_up_is_not_made(
    api: APIClient, nodes: Hanging
) -> None:
    offer = quote(api)
    nodes.chains = {"near"}
    with nothing_changes():
        refused = post(api, "/sessions", session_fields(offer["quoteId"]), 503)
        assert_refused(refused, "unavailable", None, "near does not answer: try again")
    nodes.chains = set()
    post(api, "/sessions", session_fields(offer["quoteId"]), 201)


def test_an_auction_begins_and_the_worker_fills_it_when_the_node_answers(
    api: APIClient, world: World, nodes: Hanging
) -> None:
    session = create_session(api)
    nodes.chains = {"near"}
    begun = execute(api, session["sessionId"])
    assert begun["status"] == "executing"
    assert get(api, f"/sessions/{session['sessionId']}")["status"] == "executing"
    nodes.chains = set()
    world.live(2)
    assert Session.objects.get(pk=session["sessionId"]).state is Status.SOURCE_LOCKING


def test_who_executes_again_waits_for_no_node(api: APIClient, world: World, nodes: Hanging) -> None:
    running, ended = create_session(api), create_session(api)
    execute(api, running["sessionId"])
    world.cancel(Session.objects.get(pk=ended["sessionId"]))
    nodes.asked.clear()
    assert execute(api, running["sessionId"])["status"] == "source_locking"
    refused = post(api, f"/sessions/{ended['sessionId']}/execute", status=409)
    assert_refused(refused, "session_ended", None)
    assert "near" not in nodes.asked  # only the source: what its wallet has still to send


def test_no_node_of_a_chain_is_asked_whose_head_is_known_to_be_stale(
    api: APIClient, world: World, nodes: Hanging
) -> None:
    session = create_session(api)
    world.trust_heads_for(5)
    for _ in range(6):
        world.block(1, "base")
        world.poll()
    nodes.asked.clear()
    assert execute(api, session["sessionId"])["status"] == "executing"
    assert set(nodes.asked) == {"base"}
    world.live(2)
    assert reload(Session.objects.get(pk=session["sessionId"])).state is Status.SOURCE_LOCKING
