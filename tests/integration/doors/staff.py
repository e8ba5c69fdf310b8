"""Commands as a person at a terminal gives them."""

import os
import pwd
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chains_app.models import Signer
from orchestrator.audit.models import AuditEntry

WHY = "the customer waits"
ME = pwd.getpwuid(os.getuid()).pw_name


def run(command: str, *arguments: object) -> str:
    """What it prints."""
    output = StringIO()
    call_command(command, *(str(each) for each in arguments), stdout=output, stderr=StringIO())
    return output.getvalue()


def do(command: str, *arguments: object) -> str:
    """What it prints when it does it."""
    return run(command, *arguments, "--reason", WHY, "--yes")


def refused(command: str, *arguments: object) -> str:
    """The one line that it fails with; nothing is written down."""
    before = AuditEntry.objects.count()
    with pytest.raises(CommandError) as failed:
        do(command, *arguments)
    assert AuditEntry.objects.count() == before
    return str(failed.value)


def the_deed() -> AuditEntry:
    """The only entry of the audit, by this test's own system user."""
    entry = AuditEntry.objects.get()
    assert (entry.by, entry.door, entry.reason) == (ME, "command", WHY)
    return entry


def signer_of(chain: str, role: str) -> Signer:
    return Signer.objects.get(chain=chain, role=role)
