"""What the outbox and the poller ask of those above them, without knowing who they are.

Registered once at boot: a guard per call, the opener of secrets, the listener of changed facts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from chains_app.locks import Call
from orchestrator.kernel.errors import OrchestratorError
from orchestrator.kernel.hashlock import Secret


class PortMissingError(OrchestratorError):
    """Nobody registered what the outbox has to ask; a fault of the boot, not of the swap."""

    code = "port_missing"


class Moment(Enum):
    """When a guard is asked: before signing, and on fresh facts before the first send."""

    SIGN = "sign"
    SEND = "send"


@dataclass(frozen=True)
class Verdict:
    """A guard's answer; `inputs` is JSON without any secret and is stored with the attempt."""

    ok: bool
    reason: str
    inputs: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {"ok": self.ok, "reason": self.reason, "inputs": self.inputs}


Guard = Callable[[UUID, Moment], Verdict]  # the intent's reference
Opener = Callable[[UUID | None, UUID], Secret]  # the secret's id, the intent's reference
Listener = Callable[[set[UUID]], None]  # references whose facts changed

# The contract itself lets these happen only when they are right, and pays the bound party.
UNGUARDED: Final = frozenset({Call.REFUND, Call.PAY})


@dataclass
class _Ports:
    guards: dict[Call, Guard] = field(default_factory=dict)
    opener: Opener | None = None
    listeners: list[Listener] = field(default_factory=list)


_ports = _Ports()


def register_guard(call: Call, guard: Guard) -> None:
    """Ask `guard` before each signature and first send of `call`; it may read chains."""
    _ports.guards[call] = guard


def register_secret_opener(opener: Opener) -> None:
    """Open secrets by `opener`; it is called inside the transaction that signs."""
    _ports.opener = opener


def register_listener(on_changed: Listener) -> None:
    """Tell `on_changed`, after the commit, which references have new facts."""
    _ports.listeners.append(on_changed)


def ask_guard(call: Call | None, reference: UUID, moment: Moment) -> Verdict:
    """The verdict; without a guard only what needs none is let through."""
    guard = _ports.guards.get(call) if call is not None else None
    if guard is not None:
        return guard(reference, moment)
    if call is None or call in UNGUARDED:
        return Verdict(ok=True, reason="needs no guard")
    return Verdict(ok=False, reason=f"no guard is registered for {call.value}")


def open_secret(secret_id: UUID | None, reference: UUID) -> Secret:
    """The secret that an intent names, or, where it names none, that the chain has shown.

    Raises SignerRefusedError when there is none, PortMissingError when nobody can open it.
    """
    if _ports.opener is None:
        raise PortMissingError("no opener of secrets is registered: call register_secret_opener")
    return _ports.opener(secret_id, reference)


def announce(references: set[UUID]) -> None:
    """Tell the listeners once the transaction is committed."""
    for listener in _ports.listeners if references else ():
        transaction.on_commit(partial(listener, references))


@contextmanager
def use_ports() -> Iterator[None]:
    """Empty ports inside, the former ones afterwards; for tests and drills."""
    before = (_ports.guards, _ports.opener, _ports.listeners)
    _ports.guards, _ports.opener, _ports.listeners = {}, None, []
    try:
        yield
    finally:
        _ports.guards, _ports.opener, _ports.listeners = before
