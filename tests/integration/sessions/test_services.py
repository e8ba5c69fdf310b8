"""What a client may ask for, and each way to be refused; a refusal changes nothing."""

from uuid import uuid4

import pytest
from django.db import connection

from auctions_app.config import Caps
from auctions_app.routes import SecretMode, SecretModeError
from auctions_app.selectors import QuoteNotFoundError
from auctions_app.services import QuoteExpiredError, QuoteTakenError
from chains_app.adapters.interface import FeeAboveCapError, Prepared, SigningKey
from chains_app.adapters.memory import MemoryAdapter
from orchestrator.clients.models import ApiClient, Scope
from orchestrator.clients.services import create_client
from orchestrator.kernel.errors import UnavailableError
from secrets_app.models import SealedSecret
from sessions_app import services
from sessions_app.admission import CapReachedError, InvalidAccountError
from sessions_app.domain.states import Status
from sessions_app.models import Session
from sessions_app.selectors import (
    InvalidCursorError,
    SessionNotFoundError,
    get_session,
    list_sessions,
)
from sessions_app.services import (
    NotCancellableError,
    SessionEndedError,
)
from tests.integration.sessions.world import MAKER, World, create_session, memory_world, reload


@pytest.fixture
def stranger(world: World) -> ApiClient:
    return create_client(name="another frontend", scopes=[Scope.READ, Scope.WRITE])[0]


def test_a_new_session_fixes_parties_policy_and_hashlock(world: World) -> None:
    session = reload(world.create())
    assert (session.status, session.version) == ("initialized", 1)
    assert (session.maker_source_account, session.maker_destination_account) == (MAKER, MAKER)
    assert session.timelock_policy == session.quote.policy
    assert session.quote.bound_to == session.id
    sealed = SealedSecret.objects.get()
    assert sealed.pk == session.secret_id
    assert (sealed.reference, bytes(sealed.hashlock)) == (session.id, bytes(session.hashlock))
    assert session.expires_at == session.wake_at == session.quote.expires_at
    assert session.fixed_deadlines is None


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"maker_source_account": "nobody"}, "makerSourceAccount", "nobody does not exist on base"),
        (
            {"maker_destination_account": "No!"},
            "makerDestinationAccount",
            "'No!' is not an account",
        ),
    ],
)
def test_an_account_that_cannot_be_a_party_is_refused(
    world: World, changes: dict[str, str], field: str, message: str
) -> None:
    with pytest.raises(InvalidAccountError, match=message) as refused:
        world.create(**changes)
    assert (refused.value.field, refused.value.code) == (field, "invalid_account")
    assert not Session.objects.exists()


@pytest.mark.parametrize("ours", ["lock", "duty"])
@pytest.mark.parametrize(
    ("party", "field"),
    [
        ("maker_source_account", "makerSourceAccount"),
        ("maker_destination_account", "makerDestinationAccount"),
    ],
)
def test_an_account_of_ours_is_no_makers(world: World, party: str, field: str, ours: str) -> None:
    """The money would stay with us: the maker would have paid for nothing."""
    with pytest.raises(
        InvalidAccountError, match=f"{ours} is ours: give the maker's own"
    ) as refused:
        world.create(**{party: ours})
    assert refused.value.field == field
    assert not Session.objects.exists()


def test_rule_10_accounts_and_balances_are_asked_outside_any_transaction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("account_problem", "balance"):
        original = getattr(MemoryAdapter, name)

        def watching(
            adapter: MemoryAdapter, *args: str, name: str = name, original: object = original
        ) -> object:
            assert not connection.in_atomic_block
            asked.append(name)
            return original(adapter, *args)  # type: ignore[operator]

        monkeypatch.setattr(MemoryAdapter, name, watching)
    world.execute(world.create())
    assert set(asked) == {"account_problem", "balance"}


def test_a_chain_that_does_not_answer_makes_no_session(world: World) -> None:
    world.chains["near"].is_unreachable = True
    with pytest.raises(UnavailableError, match="near does not answer: try again"):
        world.create()
    assert not Session.objects.exists()


@pytest.mark.parametrize("chain", ["base", "near"])
def test_no_swap_begins_while_a_chains_fees_are_above_what_we_pay(
    world: World, monkeypatch: pytest.MonkeyPatch, chain: str
) -> None:
    """Its withdrawal, or its refund, would have to wait for them to fall."""
    honest = MemoryAdapter.prepare_transfer_to_self

    def dear(adapter: MemoryAdapter, key: SigningKey) -> Prepared:
        if adapter.name == chain:
            raise FeeAboveCapError("a unit of gas costs too much")
        return honest(adapter, key)

    session = world.create()
    with monkeypatch.context() as patched:
        patched.setattr(MemoryAdapter, "prepare_transfer_to_self", dear)
        world.execute(session)
        world.live(3)
        assert reload(session).state is Status.EXECUTING
        assert not session.legs.exists()
    world.live(2)
    assert reload(session).state is Status.SOURCE_LOCKING


def test_a_quote_is_taken_once_in_time_by_its_own_client(world: World, stranger: ApiClient) -> None:
    quote_id = world.quote()

    def create(client: ApiClient) -> Session:
        return create_session(
            client=client,
            quote_id=quote_id,
            maker_source_account=MAKER,
            maker_destination_account=MAKER,
        )

    with pytest.raises(QuoteNotFoundError):
        create(stranger)
    create(world.client)
    with pytest.raises(QuoteTakenError):
        create(world.client)
    quote_id = world.quote()
    world.block(30)
    with pytest.raises(QuoteExpiredError):
        create(world.client)
    assert Session.objects.count() == SealedSecret.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_secret_mode_that_the_route_does_not_offer_is_refused() -> None:
    with (
        memory_world(secret_modes=(SecretMode.SERVICE,)) as world,
        pytest.raises(SecretModeError),
    ):
        world.create(secret_mode=SecretMode.MAKER, hashlock=bytes(range(32)))


CAPS = {
    "sessions of a client": (Caps(client_sessions=2), "you have 2 open sessions, 2 at most"),
    "sessions of a maker": (Caps(maker_sessions=2), "maker has 2 open sessions, 2 at most"),
    "dollars of a client": (
        Caps(client_dollars=7_499),
        "you have open sessions over 5000 dollars, 7499 at most: try less",
    ),
    "dollars of a maker": (
        Caps(maker_dollars=7_499),
        "maker has open sessions over 5000 dollars, 7499 at most: try less",
    ),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cap", CAPS)
def test_what_is_open_at_a_time_has_a_cap(cap: str) -> None:
    caps, said = CAPS[cap]
    with memory_world(caps=caps) as world:
        first = world.create()
        world.create()
        with pytest.raises(CapReachedError, match=said):
            world.create()
        assert Session.objects.count() == 2
        world.cancel(first)
        world.create()


def test_executing_again_changes_nothing(world: World) -> None:
    session = world.start()
    assert world.execute(session).version == reload(session).version == 3


def test_what_has_ended_is_not_executed(world: World) -> None:
    cancelled, expired = world.cancel(world.create()), world.create()
    world.block(30)
    for session in (cancelled, expired):
        with pytest.raises(SessionEndedError):
            world.execute(session)
        assert not reload(session).is_executed


def test_what_has_ended_is_not_cancelled(world: World) -> None:
    session = world.create()
    world.block(30)
    world.work()
    with pytest.raises(NotCancellableError, match="it is cancelled"):
        world.cancel(session)
    assert not reload(session).cancel_requested


def test_another_clients_session_is_not_there(world: World, stranger: ApiClient) -> None:
    session = world.create()
    with pytest.raises(SessionNotFoundError):
        get_session(stranger, session.id)
    with pytest.raises(SessionNotFoundError):
        services.prepare_execution(client=stranger, session_id=session.id)
    execution = services.prepare_execution(client=world.client, session_id=session.id)
    with pytest.raises(SessionNotFoundError):
        services.execute_session(client=stranger, session_id=session.id, execution=execution)
    with pytest.raises(SessionNotFoundError):
        services.cancel_session(client=stranger, session_id=session.id)
    with pytest.raises(SessionNotFoundError):
        get_session(world.client, uuid4())
    assert reload(session).state is Status.INITIALIZED
    assert list_sessions(stranger).sessions == []


def test_sessions_are_listed_newest_first_page_by_page(world: World) -> None:
    made = []
    for _ in range(5):
        made.append(world.create().id)
        world.block()
    page = list_sessions(world.client, limit=2)
    found = [session.id for session in page.sessions]
    while page.cursor is not None:
        page = list_sessions(world.client, cursor=page.cursor, limit=2)
        found += [session.id for session in page.sessions]
    assert found == made[::-1]


@pytest.mark.parametrize("cursor", ["", "!", "YWJj", "w7Y", "MjAyNi0wMS0wMVQwMDowMDowMCBh"])
def test_a_cursor_of_no_list_is_refused(world: World, cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        list_sessions(world.client, cursor=cursor)
