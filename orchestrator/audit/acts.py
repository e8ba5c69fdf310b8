"""What a person can do: planned in words, then done in one transaction with its audit row.

A command and an admin action are doors to the same `Act`, through `preview` and `perform`.
"""

import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import structlog
from django.db import transaction

from orchestrator.audit.models import LONGEST_REASON, AuditEntry, Door, Kind
from orchestrator.kernel.errors import OrchestratorError
from orchestrator.observability.redaction import redact_text

log = structlog.get_logger(__name__)

T = TypeVar("T")


class NotDoneError(OrchestratorError):
    """Nothing was done; the message says why, and what to do instead."""

    code = "not_done"


@dataclass(frozen=True)
class Who:
    """A person, and the door."""

    name: str
    door: Door


@dataclass(frozen=True)
class Act(Generic[T]):
    """One thing that a person can do to a subject.

    `find`: the subject of an id, its row locked; raises NotDoneError. `plan`: what would be done,
    in words, changing nothing; raises NotDoneError with why it can't be done now. `do`: does it in
    the caller's transaction, and says what was done. `after`: what follows the commit, exchanges
    with nodes among it; what it says goes to the person, and what it raises says what is missing.
    """

    name: str
    kind: Kind
    find: Callable[[str], T]
    plan: Callable[[T], str]
    do: Callable[[T], str]
    after: Callable[[T], str] | None = None


def preview(act: Act[Any], subject_id: str) -> str:
    """What would be done; raises what `find` and `plan` raise."""
    with transaction.atomic():
        return act.plan(act.find(subject_id))


def perform(act: Act[Any], subject_id: str, *, who: Who, reason: str) -> str:
    """Do it, write who did it and why in the same commit, and say what was done.

    Raises NotDoneError without a reason, or with one that is too long, and what the act raises:
    nothing was done then, but what `after` raises is about what follows the commit.
    """
    said = _checked(reason)
    with transaction.atomic():
        subject = act.find(subject_id)
        act.plan(subject)
        done = act.do(subject)
        record(act.name, act.kind, _spelled(subject_id), who=who, reason=said, done=done)
    more = "" if act.after is None else act.after(subject)
    return f"{done}; {more}" if more else done


def record(action: str, kind: Kind, subject: str, *, who: Who, reason: str, done: str) -> None:
    """Who did it and why, in the transaction that does it; raises NotDoneError without a reason."""
    AuditEntry.objects.create(
        by=who.name, door=who.door, action=action, kind=kind, subject=subject,
        reason=_checked(reason), done=done,
    )  # fmt: skip
    log.warning("staff_act", action=action, subject=subject, by=who.name)


def _spelled(subject_id: str) -> str:
    """An id as it is stored and looked for, however it was typed."""
    try:
        return str(UUID(subject_id.strip()))
    except ValueError:
        return subject_id.strip()


def _checked(reason: str) -> str:
    if not reason.strip():
        raise NotDoneError(f"no reason: give 1 to {LONGEST_REASON} characters")
    if len(reason) > LONGEST_REASON:
        raise NotDoneError(f"a reason of {len(reason)} characters: give {LONGEST_REASON} at most")
    return redact_text(reason.strip())[:LONGEST_REASON]


_NOBODY: Final = "uid {}"


def system_user() -> Who:
    """Whose process this is, as the system says, whatever the environment does."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = _NOBODY.format(number)
    return Who(name, Door.COMMAND)
