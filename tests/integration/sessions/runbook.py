"""What follows a page of docs/runbook for a session that is stuck, and what gets one stuck."""

from collections.abc import Callable
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chains_app.adapters.interface import FactsPage
from chains_app.adapters.memory import MemoryAdapter
from chains_app.models import Signer
from chains_app.outbox.nonces import sync_signers
from orchestrator.audit.models import AuditEntry
from sessions_app.models import Session
from tests.integration.sessions.world import World, path
from tests.unit.runbook import commands, page, section

WHY = "as the page says"


def follow(name: str, case: str, session: Session, **values: object) -> str:
    """Check, then do what the page says for that case; what was printed, or found to be wrong."""
    text = page(name)
    words = {"ID": str(session.pk), "WHY": WHY, **{key: str(each) for key, each in values.items()}}
    said, done = StringIO(), list(commands(section(section(text, "Do"), case)))
    for command, *arguments in commands(section(text, "Check")):
        try:
            call_command(command, *(words.get(each, each) for each in arguments), stdout=said)
        except CommandError as problem:
            said.write(str(problem))
    for command, *arguments in done:
        given = [words.get(each, each) for each in arguments]
        call_command(command, *given, stdout=said, stderr=StringIO())
    assert AuditEntry.objects.filter(reason=words["WHY"]).count() == len(done)
    return said.getvalue()


def end(world: World, session: Session, seconds: int = 14) -> tuple[str, Any]:
    """How it ends, and how its locks stand then, when everything works."""
    world.live(seconds)
    return path(session)[-1], world.both_on_chain(session)


def with_lock(world: World) -> Session:
    session = world.start()
    world.lock_source(session)
    return session


def paused(world: World, chain: str, role: str) -> int:
    """The kill switch of that key is on; its number."""
    sync_signers(chain)
    signer = Signer.objects.get(chain=chain, role=role)
    Signer.objects.filter(pk=signer.pk).update(is_enabled=False)
    return int(signer.pk)


@contextmanager
def silent_about(call: Callable[[FactsPage], FactsPage]) -> Any:
    """Nodes leave out what `call` takes out of a page."""
    facts = MemoryAdapter.facts
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryAdapter, "facts", lambda self, *span: call(facts(self, *span)))
        yield patch


def no_facts(read: FactsPage) -> FactsPage:
    return FactsPage(read.blocks, ())


def without_workers(world: World, seconds: int) -> None:
    """The chains and their pollers go on; nobody drives a session."""
    for _ in range(0, seconds, 5):
        world.block(5)
        world.poll()
