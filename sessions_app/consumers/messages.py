"""The messages of /ws: what a client may say, checked in form, and what it is told."""

import json
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

LONGEST: Final = 4096  # characters
MOST_SEQ: Final = 2**31 - 1
SESSION_CHANNEL: Final = "session"
_SHORT: Final = 40  # our keys have 63 characters, our tokens more


class RefusedError(Exception):
    """A message that does nothing; `text` tells the client why."""

    def __init__(self, code: str, detail: str, session_id: UUID | None = None) -> None:
        super().__init__(code)
        self.text = error_text(code, detail, session_id)


@dataclass(frozen=True)
class Auth:
    """{"type": "auth", "apiKey": ...} or {"type": "auth", "token": ...}."""

    credential: str = field(repr=False)
    is_key: bool


@dataclass(frozen=True)
class Subscribe:
    """{"type": "subscribe", "channel": "session", "sessionId": ..., "after"?: ...}."""

    session_id: UUID
    after: int | None


@dataclass(frozen=True)
class Unsubscribe:
    """{"type": "unsubscribe", "channel": "session", "sessionId": ...}."""

    session_id: UUID


@dataclass(frozen=True)
class Ping:
    """{"type": "ping"}."""


def parse(text: str | None) -> Auth | Subscribe | Unsubscribe | Ping:
    """Raises RefusedError, which never repeats what could be a credential."""
    message = _read_object(text)
    match message.get("type"):
        case "auth":
            return _auth(message)
        case "subscribe":
            _require_only(message, {"channel", "sessionId", "after"})
            return Subscribe(_session_id(message), _after(message))
        case "unsubscribe":
            _require_only(message, {"channel", "sessionId"})
            return Unsubscribe(_session_id(message))
        case "ping":
            _require_only(message, set())
            return Ping()
        case _:
            given = _shown(message.get("type"))
            known = "give auth, subscribe, unsubscribe or ping"
            raise RefusedError("unknown_type", f"type: {given} is none: {known}")


def to_text(type_: str, session_id: UUID | None = None, **more: Any) -> str:
    """A message of ours; one about a session names its channel."""
    about = {} if session_id is None else {"channel": SESSION_CHANNEL, "sessionId": str(session_id)}
    return json.dumps({"type": type_, **about, **more})


def error_text(code: str, detail: str, session_id: UUID | None = None) -> str:
    """{"type": "error", "code": ..., "detail": ..., "sessionId"?: ...}."""
    about = {} if session_id is None else {"sessionId": str(session_id)}
    return json.dumps({"type": "error", "code": code, "detail": detail, **about})


def _read_object(text: str | None) -> dict[str, Any]:
    if text is not None and len(text) > LONGEST:
        raise RefusedError("malformed_message", f"too long: send at most {LONGEST} characters")
    try:
        message = json.loads(text or "")
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise RefusedError("malformed_message", "send one JSON object, as text")
    return message


def _shown(value: Any) -> str:
    """A value as it was sent, if it is too short to be a credential."""
    text = json.dumps(value)
    return text if len(text) <= _SHORT else "this"


def _auth(message: dict[str, Any]) -> Auth:
    _require_only(message, {"apiKey", "token"})
    given = [name for name in ("apiKey", "token") if isinstance(message.get(name), str)]
    if len(given) != 1 or len(message) != 2:
        raise RefusedError("invalid_auth", "give either apiKey or token, a string")
    return Auth(message[given[0]], is_key=given[0] == "apiKey")


def _session_id(message: dict[str, Any]) -> UUID:
    if message.get("channel") != SESSION_CHANNEL:
        given = _shown(message.get("channel"))
        raise RefusedError("unknown_channel", f"channel: {given} is none: give {SESSION_CHANNEL!r}")
    text = message.get("sessionId")
    try:
        parsed = UUID(text) if isinstance(text, str) else None
    except ValueError:
        parsed = None
    if parsed is None or str(parsed) != text:
        raise RefusedError(
            "invalid_session_id", f"sessionId: {_shown(text)} is none: give it as the API gave it"
        )
    return parsed


def _after(message: dict[str, Any]) -> int | None:
    if "after" not in message:
        return None
    after = message["after"]
    if isinstance(after, int) and not isinstance(after, bool) and 0 <= after <= MOST_SEQ:
        return after
    raise RefusedError(
        "invalid_after", f"after: {_shown(after)} is none: give the seq of an event, or 0 for all"
    )


def _require_only(message: dict[str, Any], names: set[str]) -> None:
    if unknown := sorted(message.keys() - {"type", *names}):
        known = f"give only {', '.join(sorted(names))}" if names else "none is taken"
        raise RefusedError("unknown_field", f"{_shown(unknown[0])} is no field: {known}")
