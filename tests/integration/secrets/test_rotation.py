import io
import uuid

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import Settings

from orchestrator.audit.models import AuditEntry
from orchestrator.kernel.cipher import key_id
from orchestrator.kernel.hashlock import HashFunction, fits
from secrets_app.models import SealedSecret
from secrets_app.rotation import BATCH, rotate_secret_keys, used_key_ids
from secrets_app.services import create_secret, forget_secret, open_secret
from tests.integration.floor.rivals import in_thread, wait_for_a_blocked_statement
from tests.integration.secrets.conftest import NEW, OLD

pytestmark = pytest.mark.django_db


def problems() -> list[str]:
    found = run_checks(databases=["default"])
    return [str(one.msg) for one in found if one.id == "secrets_app.E001"]


def test_rotation_seals_every_row_under_the_newest_key(settings: Settings) -> None:
    references = [uuid.uuid4() for _ in range(BATCH + 1)]
    created = [create_secret(reference) for reference in references]
    settings.VAULT_KEYS = {1: OLD, 2: NEW}
    assert rotate_secret_keys() == BATCH + 1
    assert used_key_ids() == {2}
    settings.VAULT_KEYS = {2: NEW}
    for reference, (secret_id, hashlock) in zip(references, created, strict=True):
        secret = open_secret(secret_id, reference=reference, purpose="test")
        assert fits(secret, hashlock, HashFunction.SHA256)


def test_rotation_leaves_what_is_under_the_newest_key_alone(settings: Settings) -> None:
    settings.VAULT_KEYS = {1: OLD, 2: NEW}
    secret_id, _ = create_secret(uuid.uuid4())
    sealed = SealedSecret.objects.get(pk=secret_id).sealed
    assert rotate_secret_keys() == 0
    assert SealedSecret.objects.get(pk=secret_id).sealed == sealed
    assert sealed is not None
    assert key_id(sealed) == 2


def test_rotation_passes_by_what_is_forgotten(settings: Settings) -> None:
    secret_id, _ = create_secret(uuid.uuid4())
    forget_secret(secret_id)
    settings.VAULT_KEYS = {1: OLD, 2: NEW}
    assert rotate_secret_keys() == 0


@pytest.mark.django_db(transaction=True)
def test_rule_14_rotation_never_brings_back_what_is_forgotten_meanwhile(
    settings: Settings,
) -> None:
    secret_id, _ = create_secret(uuid.uuid4())
    settings.VAULT_KEYS = {1: OLD, 2: NEW}
    with transaction.atomic():
        forget_secret(secret_id)
        thread, rotated = in_thread(rotate_secret_keys)
        wait_for_a_blocked_statement()
    thread.join()
    assert rotated == [0]
    assert SealedSecret.objects.get(pk=secret_id).sealed is None


def test_the_command_says_how_many_and_under_which_key(settings: Settings) -> None:
    create_secret(uuid.uuid4())
    settings.VAULT_KEYS = {1: OLD, 2: NEW}
    out = io.StringIO()
    call_command("rotate_secret_keys", "--reason", "yearly", stdout=out)
    assert out.getvalue() == "1 values are now sealed under key 2\n"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject, entry.reason) == ("rotate_secret_keys", "key 2", "yearly")


def test_the_command_stops_at_a_value_that_no_key_opens(settings: Settings) -> None:
    create_secret(uuid.uuid4())
    settings.VAULT_KEYS = {2: NEW}
    with pytest.raises(CommandError, match="no key with id 1: add it to the configuration"):
        call_command("rotate_secret_keys", "--reason", "yearly")
    assert used_key_ids() == {1}


def test_the_command_asks_for_a_reason() -> None:
    with pytest.raises(CommandError, match="--reason"):
        call_command("rotate_secret_keys")


def test_the_start_is_refused_while_a_stored_key_is_missing(settings: Settings) -> None:
    secret_id, _ = create_secret(uuid.uuid4())
    assert problems() == []
    settings.VAULT_KEYS = {2: NEW}
    assert problems() == ["VAULT_KEYS lacks key 1, and stored secrets are sealed under it"]
    forget_secret(secret_id)
    assert problems() == []
