"""One full example of each message, for the OpenAPI schema and docs/api.md; a test compares."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

from auctions_app.routes import TRUST_OF_MAKER_MODE, TRUST_OF_SERVICE_MODE, SecretMode
from sessions_app.api import example_order
from sessions_app.exit_kit import SECRET_INSTRUCTIONS

_HASHLOCK: Final = "0x5f78c33274e43fa9de5659265c1d917e25c03722dcb0b8d27db8d5feaa813953"
_QUOTE_ID: Final = "0d9a8f8e-5b7c-4a51-9c3e-0a5d4b1f6c11"
_SESSION_ID: Final = "7a1f5a0e-2d0b-4bd3-8a35-9f4f6b1f5c27"
_EVM_MAKER: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
_EVM_TAKER: Final = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
_FACTORY: Final = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
_ROUTE: Final = "base:ETH->near:NEAR"

_QUOTE: Final[dict[str, Any]] = {
    "quoteId": _QUOTE_ID,
    "routeId": _ROUTE,
    "sourceAmount": "100000000000000000",
    "startAmount": "99990000000000000000000000",
    "endAmount": "99390000000000000000000000",
    "fairAmount": "100000000000000000000000000",
    "lockMode": "wallet",
    "fees": {
        "gas": "10000000000000000000000",
        "maximum": "600000000000000000000000",
        "submission": "0",
    },
    "curve": {"duration": 20, "initialRateBump": 60368, "points": []},
    "timelocks": {
        "acceptBy": 20,
        "sourceLockBy": 26,
        "destinationLockBy": 48,
        "destinationTimelock": 60,
        "sourceTimelock": 100,
    },
    "limits": {"minimum": "10000000000000000", "maximum": "100000000000000000000"},
    "createdAt": "2026-11-22T22:00:00Z",
    "expiresAt": "2026-11-22T22:00:30Z",
    "sessionId": None,
}
_SUMMARY: Final[dict[str, Any]] = {
    "sessionId": _SESSION_ID,
    "status": "source_locking",
    "seq": 3,
    "phase": "locking",
    "progress": 20,
    "routeId": _ROUTE,
    "quoteId": _QUOTE_ID,
    "secretMode": "maker",
    "lockMode": "wallet",
    "hashlock": _HASHLOCK,
    "makerSourceAccount": _EVM_MAKER,
    "makerDestinationAccount": "alice.near",
    "sourceAmount": "100000000000000000",
    "minimumDestinationAmount": "99390000000000000000000000",
    "registrationFee": "0",
    "cancelRequested": False,
    "attention": None,
    "createdAt": "2026-11-22T22:00:05Z",
    "expiresAt": "2026-11-22T22:00:27Z",
    "acceptBy": "2026-11-22T22:00:26Z",
    "feedUrl": "wss://swap.example/ws",
}
_BOTH_LEGS: Final[dict[str, Any]] = {
    "token": None,
    "hashlock": _HASHLOCK,
    "state": {"head": "absent", "final": "absent"},
    "transactions": [],
}
_SOURCE: Final[dict[str, Any]] = {
    "role": "source",
    "chain": "base",
    "caip2": "eip155:8453",
    "symbol": "ETH",
    "decimals": 18,
    "amount": "100000000000000000",
    "depositor": _EVM_MAKER,
    "beneficiary": _EVM_TAKER,
    "contract": _FACTORY,
    "lockId": "0x8Ba1f109551bD432803012645Ac136ddd64DBA72",
    "lockBy": "2026-11-22T22:00:32Z",
    "timelock": "2026-11-22T22:01:43Z",
    "finalityTier": "head+3",
    **_BOTH_LEGS,
}
_DESTINATION: Final[dict[str, Any]] = {
    "role": "destination",
    "chain": "near",
    "caip2": "near:mainnet",
    "symbol": "NEAR",
    "decimals": 24,
    "amount": "99990000000000000000000000",
    "depositor": "resolver.near",
    "beneficiary": "alice.near",
    "contract": "htlc.near",
    "lockId": "6b1d0e7c9f4a2b3c5d8e1f0a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c",
    "lockBy": "2026-11-22T22:00:51Z",
    "timelock": "2026-11-22T22:01:03Z",
    "finalityTier": "final",
    **_BOTH_LEGS,
}
_WALLET: Final[dict[str, Any]] = {
    "chainId": "0x2105",
    "from": _EVM_MAKER,
    "to": _FACTORY,
    "value": "0x16345785d8a0000",
    "data": "0x...",
}
_SESSION: Final = {
    **_SUMMARY,
    "legs": [_SOURCE, _DESTINATION],
    "order": None,
    "walletTransactions": [_WALLET],
}
_INITIALIZED: Final = {
    **_SUMMARY,
    "status": "initialized",
    "seq": 1,
    "phase": "preparing",
    "progress": 0,
    "acceptBy": None,
    "legs": [],
    "order": None,
    "walletTransactions": [],
}
_GASLESS: Final = {
    "routeId": "base:USDC->near:NEAR",
    "lockMode": "gasless",
    "sourceAmount": example_order.SOURCE["amount"],
    "acceptBy": "2026-11-22T22:01:10Z",
}
_GASLESS_SOURCE: Final = {**_SOURCE, **example_order.SOURCE}
# Its deadlines and its source leg are fixed already, for they are in what is signed.
_AWAITED: Final = {
    **_INITIALIZED,
    **_GASLESS,
    "expiresAt": _QUOTE["expiresAt"],
    "legs": [_GASLESS_SOURCE],
    "order": example_order.order_of(
        _GASLESS_SOURCE, _DESTINATION, _SUMMARY["minimumDestinationAmount"]
    ),
}
# Signed already: from here on we make the source lock.
_SUBMITTED: Final = {
    **_SUMMARY,
    **_GASLESS,
    "legs": [
        _GASLESS_SOURCE,
        {**_DESTINATION, "lockBy": "2026-11-22T22:01:38Z", "timelock": "2026-11-22T22:01:50Z"},
    ],
    "order": None,
    "walletTransactions": [],
}

_COIN: Final = ("chain", "caip2", "symbol", "token", "decimals", "contract")
_ROUTES: Final = {
    "items": [
        {
            "routeId": _ROUTE,
            "isPaused": False,
            "source": {name: _SOURCE[name] for name in _COIN},
            "destination": {name: _DESTINATION[name] for name in _COIN},
            "minimum": _QUOTE["limits"]["minimum"],
            "auctionSeconds": 20,
            "maximumFeeBps": 60,
            "lockModes": ["wallet"],
            "secretModes": [
                {
                    "mode": "service",
                    "maximum": "5000000000000000000",
                    "trust": TRUST_OF_SERVICE_MODE,
                },
                {
                    "mode": "maker",
                    "maximum": "100000000000000000000",
                    "trust": TRUST_OF_MAKER_MODE,
                },
            ],
            "timelocks": _QUOTE["timelocks"],
        }
    ]
}
_UPDATE: Final = {
    "type": "session_update",
    "sessionId": _SESSION_ID,
    "status": "source_locking",
    "seq": 3,
    "data": {
        "phase": "locking",
        "progress": 20,
        "reason": "the resolver filled the auction",
        "at": "2026-11-22T22:00:06Z",
        "byReorganisation": False,
    },
}
_CANCELLED: Final = {
    **_INITIALIZED,
    "status": "cancelled",
    "seq": 2,
    "phase": "returned",
    "progress": 100,
    "cancelRequested": True,
}


_FINAL: Final = {"state": {"head": "open", "final": "open"}}
_REVEALING: Final = {
    **_SUMMARY,
    "status": "revealing_secret",
    "seq": 7,
    "phase": "paying",
    "progress": 85,
    "legs": [{**_SOURCE, **_FINAL}, {**_DESTINATION, **_FINAL}],
    "order": None,
    "walletTransactions": [],
}
_EXIT_LEG: Final = (
    "role", "chain", "caip2", "contract", "lockId", "symbol", "token", "decimals", "amount",
    "depositor", "beneficiary", "lockBy", "timelock",
)  # fmt: skip
_HTLC_CALL: Final = {"gas": "70000000000000", "deposit": "0"}


def _exit(call: str, transaction: dict[str, Any], **bounds: str) -> dict[str, Any]:
    unbound = {"notBefore": None, "sendBy": None, "before": None}
    return {"call": call, **unbound, **bounds, "transaction": transaction}


def _from_escrow(data: str) -> dict[str, Any]:
    to = _SOURCE["lockId"]
    return {"chainId": "0x2105", "to": to, "value": "0x0", "data": data, "gas": "0x55730"}


def _from_htlc(method: str, **secret: str) -> dict[str, Any]:
    arguments = {"id": _DESTINATION["lockId"], **secret}
    params = {"methodName": method, "args": arguments, **_HTLC_CALL}
    return {
        "receiverId": _DESTINATION["contract"],
        "actions": [{"type": "FunctionCall", "params": params}],
    }


_EXIT_KIT: Final = {
    "version": 1,
    "sessionId": _SESSION_ID,
    "hashlock": _HASHLOCK,
    "secretMode": "maker",
    "instructions": SECRET_INSTRUCTIONS[SecretMode.MAKER],
    "legs": [
        {
            **{name: _SOURCE[name] for name in _EXIT_LEG},
            "hashFunction": "sha256",
            "check": {
                "method": "eth_getStorageAt",
                "params": [_SOURCE["lockId"], "0x0", "latest"],
                "open": "0x01" + "c7" * 31,
            },
            "exits": [
                _exit("refund", _from_escrow("0x..."), notBefore=_SOURCE["timelock"]),
                _exit("pay", _from_escrow("0x...")),
            ],
        },
        {
            **{name: _DESTINATION[name] for name in _EXIT_LEG},
            "hashFunction": "sha256",
            "check": {
                "contractId": _DESTINATION["contract"],
                "methodName": "get_lock",
                "args": {"id": _DESTINATION["lockId"]},
                "open": "open",
            },
            "exits": [
                _exit(
                    "withdraw",
                    _from_htlc("withdraw", secret="{secret}"),  # noqa: S106 - where one belongs
                    sendBy="2026-11-22T22:00:58Z",
                    before=_DESTINATION["timelock"],
                ),
                _exit("pay", _from_htlc("pay")),
            ],
        },
    ],
}


def _answer(name: str, value: Any, status: int = 200) -> OpenApiExample:
    return OpenApiExample(name, value, response_only=True, status_codes=[str(status)])


LIST_ROUTES: Final = (_answer("one route", _ROUTES),)
CREATE_QUOTE: Final = (
    OpenApiExample(
        "0.1 ETH for NEAR",
        {"routeId": _ROUTE, "amount": "100000000000000000", "lockMode": "wallet"},
        request_only=True,
    ),
    _answer("a quote", _QUOTE, 201),
)
GET_QUOTE: Final = (_answer("taken by a session", {**_QUOTE, "sessionId": _SESSION_ID}),)
CREATE_SESSION: Final = (
    OpenApiExample(
        "take the quote",
        {
            "quoteId": _QUOTE_ID,
            "makerSourceAccount": _EVM_MAKER,
            "makerDestinationAccount": "alice.near",
            "secretMode": "maker",
            "hashlock": _HASHLOCK,
        },
        request_only=True,
    ),
    _answer("a new session", _INITIALIZED, 201),
    _answer("a new session in lock mode gasless, with the order to sign", _AWAITED, 201),
)
LIST_SESSIONS: Final = (_answer("the last page", {"items": [_SUMMARY], "nextCursor": None}),)
SESSION: Final = (_answer("waiting for the maker", _SESSION),)
EXECUTE: Final = (
    OpenApiExample("a gasless order with a permit", example_order.SIGNED, request_only=True),
    _answer("we make the source lock", _SUBMITTED),
)
CANCEL: Final = (_answer("cancelled before anything was locked", _CANCELLED),)
POST_SECRET: Final = (
    OpenApiExample("your secret", {"secret": "0x" + "5e" * 32}, request_only=True),
    _answer("the reveal guard agreed", _REVEALING),
)
EXIT_KIT: Final = (_answer("for both chains", _EXIT_KIT),)
LIST_EVENTS: Final = (_answer("after=2", {"items": [_UPDATE], "nextAfter": None}),)

_CHANNEL: Final = {"channel": "session", "sessionId": _SESSION_ID}
# what a client says on /ws, and what it hears, in the order of docs/api.md
SAID: Final[tuple[dict[str, Any], ...]] = (
    {"type": "auth", "apiKey": "1b_0123456789abcdef_..."},
    {"type": "auth", "token": "eyJhbGciOi..."},
    {"type": "subscribe", **_CHANNEL, "after": 2},
    {"type": "unsubscribe", **_CHANNEL},
    {"type": "ping"},
)
HEARD: Final[tuple[dict[str, Any], ...]] = (
    {"type": "authenticated"},
    {"type": "subscribed", **_CHANNEL, "seq": 3},
    _UPDATE,
    {
        "type": "price_update",
        **_CHANNEL,
        "data": {"destinationAmount": _QUOTE["startAmount"], "at": "2026-11-22T22:00:05Z"},
    },
    {
        "type": "alert",
        **_CHANNEL,
        "attention": "source_lock_vanished",
        "detail": "the maker's lock left the chain after ours was made",
    },
    {"type": "unsubscribed", **_CHANNEL},
    {"type": "pong"},
    {
        "type": "error",
        "code": "session_not_found",
        "detail": f"no session {_SESSION_ID}",
        "sessionId": _SESSION_ID,
    },
)
PROBLEM: Final = {
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "code": "invalid_input",
    "detail": "wrong: amount",
    "errors": [
        {
            "field": "amount",
            "code": "invalid_amount",
            "detail": '"0.1" is not an amount: give base units as a decimal string',
        }
    ],
}
