"""The answers of `answers`, for the OpenAPI schema; a test compares the two."""

from collections.abc import Callable
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from auctions_app.routes import LockMode, SecretMode
from chains_app.locks import Call, LockState
from orchestrator.http.idempotency import HEADER
from orchestrator.kernel.hashlock import HashFunction
from sessions_app.api.requests import IdField
from sessions_app.domain.states import Status
from sessions_app.models import Role

Field = serializers.Field[Any, Any, Any, Any]
Shape = type[serializers.Serializer[Any]]
Time: Final = serializers.DateTimeField
Count: Final = serializers.IntegerField
Text: Final = serializers.CharField


def _shape(name: str, fields: dict[str, Field]) -> Shape:
    """A serializer whose fields carry their names on the wire."""
    return type(name, (serializers.Serializer,), dict(fields))  # which takes the fields out


def _amount(text: str = "Base units.", **options: Any) -> Field:
    return serializers.RegexField(r"^(0|[1-9][0-9]{0,77})$", help_text=text, **options)


def _hash(text: str) -> Field:
    return serializers.RegexField(r"^0x[0-9a-f]{64}$", help_text=text)


def _one_of(*values: str, **options: Any) -> Field:
    return serializers.ChoiceField(choices=values, **options)


_COIN: Final[dict[str, Field]] = {
    "chain": Text(help_text="Our name of the chain."),
    "caip2": Text(help_text="The chain's CAIP-2 id."),
    "symbol": Text(),
    "token": Text(allow_null=True, help_text="Its contract; null: the native coin."),
    "decimals": Count(),
    "contract": Text(help_text="Of the chain's locks."),
}
# The settings name them as components (ENUM_NAME_OVERRIDES).
STATUSES: Final = [status.value for status in Status]
MODES: Final = [mode.value for mode in SecretMode]
LOCK_MODES: Final = [mode.value for mode in LockMode]
LOCK_STATES: Final = [state.value for state in LockState]
TRANSACTION_STATUSES: Final = ["sent", "included", "final", "dead", "seen"]

Coin: Final = _shape("Coin", _COIN)
Timelocks: Final = _shape(
    "Timelocks",
    {
        name: Count(help_text="Seconds after the fill, at the latest.")
        for name in (
            "acceptBy", "sourceLockBy", "destinationLockBy", "destinationTimelock", "sourceTimelock"
        )
    },
)  # fmt: skip
SecretModeOffer: Final = _shape(
    "SecretModeOffer",
    {
        "mode": _one_of(*MODES),
        "maximum": _amount("Of one session in this mode."),
        "trust": Text(help_text="What you trust us with, in one sentence."),
    },
)
RouteAnswer: Final = _shape(
    "Route",
    {
        "routeId": Text(),
        "isPaused": serializers.BooleanField(help_text="It takes nothing new for now."),
        "source": Coin(),
        "destination": Coin(),
        "minimum": _amount("Of one session, of the source coin."),
        "auctionSeconds": Count(),
        "maximumFeeBps": Count(
            help_text="Our fee if the auction runs to its end; gas comes on top, see a quote's "
            "`fees.gas`."
        ),
        "lockModes": serializers.ListField(child=_one_of(*LOCK_MODES)),
        "secretModes": SecretModeOffer(many=True),
        "timelocks": Timelocks(),
    },
)
RoutesAnswer: Final = _shape("Routes", {"items": RouteAnswer(many=True)})

Fees: Final = _shape(
    "Fees",
    {
        "gas": _amount("Of the destination coin."),
        "maximum": _amount("Ours, if the auction runs to its end."),
        "submission": _amount("The part of `gas` that submitting an order takes, source units."),
    },
)
Point: Final = _shape("Point", {"delay": Count(), "coefficient": Count()})
Curve: Final = _shape(
    "Curve",
    {
        "duration": Count(help_text="Seconds."),
        "initialRateBump": Count(help_text="Ten-millionths above `endAmount`."),
        "points": Point(many=True),
    },
)
Limits: Final = _shape("Limits", {"minimum": _amount(), "maximum": _amount()})
QuoteAnswer: Final = _shape(
    "Quote",
    {
        "quoteId": IdField(),
        "routeId": Text(),
        "sourceAmount": _amount(),
        "startAmount": _amount("What the maker gets at the auction's start."),
        "endAmount": _amount("The least that the maker gets."),
        "fairAmount": _amount("Before all fees."),
        "lockMode": _one_of(*LOCK_MODES),
        "fees": Fees(),
        "curve": Curve(),
        "timelocks": Timelocks(),
        "limits": Limits(allow_null=True),
        "createdAt": Time(),
        "expiresAt": Time(),
        "sessionId": IdField(allow_null=True, help_text="The session that took it."),
    },
)

LegTransaction: Final = _shape(
    "LegTransaction",
    {
        "call": _one_of(
            *(call.value for call in Call),
            allow_null=True,
            help_text="null: not ours; the leg's state tells what was done.",
        ),
        "hash": Text(),
        "status": _one_of(*TRANSACTION_STATUSES),
        "isOurs": serializers.BooleanField(),
    },
)
LegState: Final = _shape(
    "LegState",
    {
        "head": _one_of(*LOCK_STATES),
        "final": _one_of(*LOCK_STATES),
    },
)
Leg: Final = _shape(
    "Leg",
    {
        "role": _one_of(*Role.values),
        **_COIN,
        "amount": _amount(),
        "depositor": Text(),
        "beneficiary": Text(),
        "lockId": Text(help_text="The escrow's address, or the lock's id."),
        "hashlock": _hash("SHA-256 of the secret."),
        "lockBy": Time(help_text="Afterwards the contract refuses to make the lock."),
        "timelock": Time(help_text="From here on it can be refunded and not withdrawn."),
        "finalityTier": Text(),
        "state": LegState(),
        "transactions": LegTransaction(many=True),
    },
)
Attention: Final = _shape("Attention", {"reason": Text(), "since": Time()})
_SUMMARY: Final[dict[str, Field]] = {
    "sessionId": IdField(),
    "status": _one_of(*STATUSES),
    "seq": Count(help_text="Of the newest event."),
    "phase": Text(),
    "progress": Count(min_value=0, max_value=100),
    "routeId": Text(),
    "quoteId": IdField(),
    "secretMode": _one_of(*MODES),
    "lockMode": _one_of(*LOCK_MODES),
    "hashlock": _hash("SHA-256 of the secret."),
    "makerSourceAccount": Text(),
    "makerDestinationAccount": Text(),
    "sourceAmount": _amount(),
    "minimumDestinationAmount": _amount("The fill fixes the amount, see `legs`."),
    "registrationFee": _amount(
        "Destination units, for registering the maker's account with its token; taken from the "
        "payout, 0 where it is registered."
    ),
    "cancelRequested": serializers.BooleanField(),
    "attention": Attention(allow_null=True),
    "createdAt": Time(),
    "expiresAt": Time(help_text="Of the quote, then of the auction."),
    "acceptBy": Time(allow_null=True, help_text="A source lock in a later block is refunded."),
    "feedUrl": Text(help_text="The WebSocket that tells of each event."),
}
Summary: Final = _shape("SessionSummary", _SUMMARY)
SummariesAnswer: Final = _shape(
    "Sessions", {"items": Summary(many=True), "nextCursor": Text(allow_null=True)}
)
SessionAnswer: Final = _shape(
    "Session",
    {
        **_SUMMARY,
        "legs": Leg(many=True),
        "order": serializers.DictField(
            allow_null=True,
            help_text="In lock mode `gasless`, until it is executed: what the maker signs, as a "
            "wallet takes it (`eth_signTypedData_v4`).",
        ),
        "walletTransactions": serializers.ListField(
            child=serializers.DictField(),
            help_text="What the maker's wallet has to send now, in its own form: parameters of "
            "`eth_sendTransaction`, or of wallet-selector's `signAndSendTransactions`.",
        ),
    },
)

Exit: Final = _shape(
    "Exit",
    {
        "call": _one_of(Call.WITHDRAW.value, Call.REFUND.value, Call.PAY.value),
        "notBefore": Time(allow_null=True, help_text="Of the chain's own clock, as the others."),
        "sendBy": Time(allow_null=True, help_text="Later it may not be included before `before`."),
        "before": Time(allow_null=True, help_text="From here on the contract refuses it."),
        "transaction": serializers.DictField(
            help_text="As the wallet takes it, for any account to send: parameters of "
            "`eth_sendTransaction`, or of wallet-selector's `signAndSendTransaction`. In a "
            "withdrawal, put the 64 hex digits of your secret where `{secret}` stands."
        ),
    },
)
ExitLeg: Final = _shape(
    "ExitLeg",
    {
        "role": _one_of(*Role.values),
        "chain": Text(),
        "caip2": Text(),
        "hashFunction": _one_of(*(function.value for function in HashFunction)),
        "contract": Text(),
        "lockId": Text(),
        "symbol": Text(),
        "token": Text(allow_null=True),
        "decimals": Count(),
        "amount": _amount(),
        "depositor": Text(),
        "beneficiary": Text(),
        "lockBy": Time(),
        "timelock": Time(),
        "check": serializers.DictField(
            help_text="Whether exactly this lock stands: what to ask a node of the chain, a "
            "JSON-RPC call or a view call, and `open`, the answer while it does."
        ),
        "exits": Exit(many=True),
    },
)
ExitKitAnswer: Final = _shape(
    "ExitKit",
    {
        "version": Count(),
        "sessionId": IdField(),
        "hashlock": _hash("SHA-256 of the secret."),
        "secretMode": _one_of(*MODES),
        "instructions": Text(),
        "legs": ExitLeg(many=True),
    },
)

UpdateData: Final = _shape(
    "SessionUpdateData",
    {
        "phase": Text(),
        "progress": Count(min_value=0, max_value=100),
        "reason": Text(),
        "at": Time(),
        "byReorganisation": serializers.BooleanField(),
    },
)
Update: Final = _shape(
    "SessionUpdate",
    {
        "type": _one_of("session_update"),
        "sessionId": IdField(),
        "status": _one_of(*STATUSES),
        "seq": Count(min_value=1),
        "data": UpdateData(),
    },
)
EventsAnswer: Final = _shape(
    "Events",
    {
        "items": Update(many=True),
        "nextAfter": Count(allow_null=True, help_text="Give it as `after`; null: no more now."),
    },
)

KEY: Final = OpenApiParameter(
    HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="1 to 128 visible ASCII characters: the same request again answers as at first.",
    pattern=r"^[!-~]{1,128}$",
)
PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}  # of orchestrator.http
PROBLEMS: Final = {
    400: "A field is wrong.",
    401: "No key or token, or not a good one.",
    403: "The client lacks the scope.",
    404: "Nothing here that the client may see.",
    409: "Not as things stand.",
    422: "The Idempotency-Key stands for another request.",
    429: "Too many requests.",
    503: "A dependency does not answer.",
}


def describe(
    operation: str,
    answer: Any,
    *,
    request: Any = None,
    status: int = 200,
    problems: tuple[int, ...] = (),
    parameters: tuple[OpenApiParameter, ...] = (),
    examples: tuple[Any, ...] = (),
    page: str | None = None,
) -> Callable[[Any], Any]:
    """`extend_schema` with what all operations share; `page`: what its answer as HTML is."""
    refused = {
        (code, "application/problem+json"): OpenApiResponse(PROBLEM, PROBLEMS[code])
        for code in (401, 403, 429, 503, *problems)
    }
    answers = {(status, "application/json"): answer}
    if page is not None:
        answers[status, "text/html"] = OpenApiResponse(OpenApiTypes.STR, page)
    return extend_schema(
        operation_id=operation,
        request=request,
        responses={**answers, **refused},
        parameters=list(parameters),
        examples=list(examples),
    )
