"""The doors of /api/v1: each checks the form of what it is given and calls a service."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from auctions_app.selectors import get_quote
from auctions_app.services import create_quote
from chains_app.orders import permit_bytes
from orchestrator.clients.authentication import client_of
from orchestrator.http.idempotency import answer_once
from orchestrator.kernel.clock import wall_clock
from sessions_app import selectors, services
from sessions_app.admission import spelled_parties
from sessions_app.api import answers, examples, schemas
from sessions_app.api.exit_page import ExitKitPage
from sessions_app.api.requests import (
    MOST_SEQ,
    ExecuteRequest,
    NothingRequest,
    QuoteRequest,
    SecretRequest,
    SessionRequest,
    read_body,
    read_number,
    read_text,
)
from sessions_app.exit_kit import exit_kit
from sessions_app.feed import update_of
from sessions_app.models import Session

MOST_SESSIONS: Final = 200
MOST_EVENTS: Final = 1000
T = TypeVar("T")


def answer_prepared(
    request: Request, prepare: Callable[[], T], act: Callable[[T], Response]
) -> Response:
    """`answer_once` for a write that asks the chains: they are asked outside of its transaction."""
    prepared: list[T] = []
    return answer_once(
        request, lambda: act(prepared.pop()), before=lambda: prepared.append(prepare())
    )


class RoutesView(APIView):
    """Which coins can be swapped for which, within which limits, and whom you trust with what."""

    @schemas.describe("listRoutes", schemas.RoutesAnswer, examples=examples.LIST_ROUTES)
    def get(self, _request: Request) -> Response:
        return Response({"items": answers.route_answers()})


class QuotesView(APIView):
    """Ask for an offer; it is good for 30 seconds."""

    @schemas.describe(
        "createQuote", schemas.QuoteAnswer, request=QuoteRequest, status=201,
        problems=(400, 409, 422), parameters=(schemas.KEY,), examples=examples.CREATE_QUOTE,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        wanted = read_body(QuoteRequest, request)
        return answer_once(request, partial(self._create, client_of(request).id, wanted))

    def _create(self, client_id: UUID, wanted: dict[str, Any]) -> Response:
        quote = create_quote(
            client_id=client_id,
            route_id=wanted["routeId"],
            amount=wanted["amount"],
            now=wall_clock(),
            lock_mode=wanted["lockMode"],
        )
        return Response(answers.quote_answer(quote), 201)


class QuoteView(APIView):
    """One of your quotes."""

    @schemas.describe("getQuote", schemas.QuoteAnswer, problems=(404,), examples=examples.GET_QUOTE)
    def get(self, request: Request, quote_id: UUID) -> Response:
        return Response(answers.quote_answer(get_quote(client_of(request).id, quote_id)))


class SessionsView(APIView):
    """Your sessions."""

    @schemas.describe(
        "createSession", schemas.SessionAnswer, request=SessionRequest, status=201,
        problems=(400, 404, 409, 422), parameters=(schemas.KEY,), examples=examples.CREATE_SESSION,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Bind a quote to a new session: its parties, its policy and its hashlock are fixed."""
        wanted = read_body(SessionRequest, request)
        return answer_prepared(request, partial(self._prepare, request, wanted), self._store)

    def _prepare(self, request: Request, wanted: dict[str, Any]) -> Session:
        quote = get_quote(client_of(request).id, wanted["quoteId"])
        source, destination = spelled_parties(
            quote, wanted["makerSourceAccount"], wanted["makerDestinationAccount"]
        )
        return services.prepare_session(
            client=client_of(request),
            quote_id=quote.id,
            maker_source_account=source,
            maker_destination_account=destination,
            secret_mode=wanted["secretMode"],
            hashlock=wanted.get("hashlock"),
        )

    def _store(self, session: Session) -> Response:
        return Response(answers.session_answer(services.store_session(session)), 201)

    @schemas.describe(
        "listSessions", schemas.SummariesAnswer, problems=(400,), examples=examples.LIST_SESSIONS,
        parameters=(
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MOST_SESSIONS}),
            OpenApiParameter("cursor", OpenApiTypes.STR, description="`nextCursor` of a page."),
        ),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Page by page, the newest first."""
        limit = read_number(request, "limit", default=selectors.PAGE, least=1, most=MOST_SESSIONS)
        page = selectors.list_sessions(
            client_of(request), cursor=read_text(request, "cursor"), limit=limit
        )
        items = [answers.summary_answer(session) for session in page.sessions]
        return Response({"items": items, "nextCursor": page.cursor})


class SessionView(APIView):
    """One of your sessions."""

    @schemas.describe(
        "getSession", schemas.SessionAnswer, problems=(404,), examples=examples.SESSION
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        session = selectors.get_session(client_of(request), session_id)
        return Response(answers.session_answer(session))


class ExecuteView(APIView):
    """Start the auction; its fill fixes amount and deadlines, then `walletTransactions` are due."""

    @schemas.describe(
        "executeSession", schemas.SessionAnswer, request=ExecuteRequest,
        problems=(400, 404, 409, 422), parameters=(schemas.KEY,), examples=examples.EXECUTE,
    )  # fmt: skip
    def post(self, request: Request, session_id: UUID) -> Response:
        given = read_body(ExecuteRequest, request)
        client = client_of(request)
        prepare = partial(
            services.prepare_execution,
            client=client,
            session_id=session_id,
            signature=given.get("signature"),
            permit=permit_bytes(**given["permit"]) if "permit" in given else b"",
        )
        execute = partial(services.execute_session, client=client, session_id=session_id)
        return answer_prepared(
            request, prepare, lambda execution: _answer(execute(execution=execution))
        )


class CancelView(APIView):
    """Ask for the end: what the maker has locked is given back. Refused once our lock may exist."""

    @schemas.describe(
        "cancelSession", schemas.SessionAnswer, request=NothingRequest,
        problems=(400, 404, 409, 422), parameters=(schemas.KEY,), examples=examples.CANCEL,
    )  # fmt: skip
    def post(self, request: Request, session_id: UUID) -> Response:
        read_body(NothingRequest, request)
        cancel = partial(services.cancel_session, client=client_of(request), session_id=session_id)
        return answer_once(request, lambda: _answer(cancel()))


class SecretView(APIView):
    """Show your own secret once both locks are final: the destination is then paid to you by us."""

    @schemas.describe(
        "postSecret", schemas.SessionAnswer, request=SecretRequest,
        problems=(400, 404, 409, 422), parameters=(schemas.KEY,), examples=examples.POST_SECRET,
    )  # fmt: skip
    def post(self, request: Request, session_id: UUID) -> Response:
        secret = read_body(SecretRequest, request)["secret"]
        take = partial(
            services.post_secret, client=client_of(request), session_id=session_id, secret=secret
        )
        return answer_once(request, lambda: _answer(take()))


class ExitKitView(APIView):
    """All that the maker needs to get the money out on both chains without us: keep it."""

    renderer_classes = (JSONRenderer, ExitKitPage)

    @schemas.describe(
        "getExitKit", schemas.ExitKitAnswer, problems=(404, 409), examples=examples.EXIT_KIT,
        page="The same as a page to keep and to print, for `Accept: text/html`.",
    )  # fmt: skip
    def get(self, request: Request, session_id: UUID) -> Response:
        return Response(exit_kit(selectors.get_session(client_of(request), session_id)))


class EventsView(APIView):
    """What happened to a session after the event `after`, in order, as the WebSocket tells it."""

    @schemas.describe(
        "listEvents", schemas.EventsAnswer, problems=(400, 404), examples=examples.LIST_EVENTS,
        parameters=(
            OpenApiParameter(
                "after", {"type": "integer", "minimum": 0, "maximum": MOST_SEQ, "default": 0}
            ),
        ),
    )  # fmt: skip
    def get(self, request: Request, session_id: UUID) -> Response:
        after = read_number(request, "after", default=0, least=0, most=MOST_SEQ)
        session = selectors.get_session(client_of(request), session_id)
        events = selectors.list_events(session, after=after, limit=MOST_EVENTS)
        is_full = len(events) == MOST_EVENTS
        return Response(
            {
                "items": [update_of(event) for event in events],
                "nextAfter": events[-1].seq if is_full else None,
            }
        )


def _answer(session: Session) -> Response:
    return Response(answers.session_answer(session))
