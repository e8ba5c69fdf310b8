import os
import socket
import uuid
from contextlib import suppress

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from orchestrator.kernel.errors import DecryptionError, NotFoundError
from orchestrator.kernel.hashlock import HashFunction, fits
from secrets_app.models import SealedSecret, SecretAccess
from secrets_app.services import SecretRefusedError, create_secret, forget_secret, open_secret

pytestmark = pytest.mark.django_db

REFERENCE = uuid.UUID("5f0c2f0e-8d3b-4a39-9d0c-0d7c1d0a7c11")
PURPOSE = "withdraw the destination leg"


@pytest.mark.parametrize("function", list(HashFunction))
def test_what_is_created_opens_and_fits_its_hashlock(function: HashFunction) -> None:
    secret_id, hashlock = create_secret(REFERENCE, function)
    secret = open_secret(secret_id, reference=REFERENCE, purpose=PURPOSE)
    assert fits(secret, hashlock, function)


def test_each_secret_is_drawn_anew() -> None:
    ids = [create_secret(reference)[0] for reference in (REFERENCE, uuid.uuid4())]
    first = open_secret(ids[0], reference=REFERENCE, purpose=PURPOSE)
    other = SealedSecret.objects.get(pk=ids[1])
    assert open_secret(ids[1], reference=other.reference, purpose=PURPOSE) != first


def test_rule_13_the_row_holds_no_plain_secret() -> None:
    secret_id, _ = create_secret(REFERENCE)
    value = open_secret(secret_id, reference=REFERENCE, purpose=PURPOSE).reveal()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT secrets_app_sealedsecret::text FROM secrets_app_sealedsecret"
            " UNION ALL SELECT secrets_app_secretaccess::text FROM secrets_app_secretaccess"
        )
        stored = "".join(row[0] for row in cursor.fetchall())
    assert stored.count(str(secret_id)) == 2
    assert value.hex() not in stored


def test_rule_13_every_opening_leaves_who_why_and_when() -> None:
    secret_id, _ = create_secret(REFERENCE)
    before = timezone.now()
    open_secret(secret_id, reference=REFERENCE, purpose=PURPOSE)
    access = SecretAccess.objects.get()
    who = f"{socket.gethostname()}:{os.getpid()}"
    assert (access.secret_id, access.actor, access.purpose) == (secret_id, who, PURPOSE)
    assert before <= access.opened_at <= timezone.now()


def test_a_secret_opens_for_its_own_reference_only() -> None:
    secret_id, _ = create_secret(REFERENCE)
    with pytest.raises(SecretRefusedError, match="does not belong to"):
        open_secret(secret_id, reference=uuid.uuid4(), purpose=PURPOSE)
    assert not SecretAccess.objects.exists()


def test_an_unknown_secret_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="there is no secret"):
        open_secret(uuid.uuid4(), reference=REFERENCE, purpose=PURPOSE)


def test_a_sealed_value_moved_to_another_row_does_not_open() -> None:
    victim, _ = create_secret(REFERENCE)
    other = uuid.uuid4()
    attacker, _ = create_secret(other)
    stolen = SealedSecret.objects.get(pk=victim).sealed
    SealedSecret.objects.filter(pk=attacker).update(sealed=stolen)
    with pytest.raises(DecryptionError, match="altered or belongs to another row"):
        open_secret(attacker, reference=other, purpose=PURPOSE)


def test_a_row_whose_hashlock_was_changed_does_not_open() -> None:
    secret_id, _ = create_secret(REFERENCE)
    SealedSecret.objects.filter(pk=secret_id).update(hashlock=b"\x01" * 32)
    with pytest.raises(SecretRefusedError, match="does not fit its hashlock"):
        open_secret(secret_id, reference=REFERENCE, purpose=PURPOSE)


def test_a_forgotten_secret_is_gone_and_its_hashlock_stays() -> None:
    secret_id, hashlock = create_secret(REFERENCE)
    forget_secret(secret_id)
    row = SealedSecret.objects.get(pk=secret_id)
    assert (row.sealed, bytes(row.hashlock)) == (None, hashlock)
    with pytest.raises(SecretRefusedError, match="was forgotten"):
        open_secret(secret_id, reference=REFERENCE, purpose=PURPOSE)


def test_forgetting_again_keeps_the_first_instant() -> None:
    secret_id, _ = create_secret(REFERENCE)
    forget_secret(secret_id)
    first = SealedSecret.objects.get(pk=secret_id).forgotten_at
    forget_secret(secret_id)
    assert SealedSecret.objects.get(pk=secret_id).forgotten_at == first


def test_a_reference_has_one_secret() -> None:
    create_secret(REFERENCE)
    with pytest.raises(IntegrityError), transaction.atomic():
        create_secret(REFERENCE)


def test_a_hashlock_is_never_used_twice_also_after_it_was_forgotten() -> None:
    secret_id, hashlock = create_secret(REFERENCE)
    forget_secret(secret_id)
    again = SealedSecret(
        reference=uuid.uuid4(), hash_function="sha256", hashlock=hashlock, sealed=b"x"
    )
    with pytest.raises(IntegrityError, match="hashlock"), transaction.atomic():
        again.save()


def test_creating_joins_the_callers_transaction() -> None:
    with suppress(ZeroDivisionError), transaction.atomic():
        create_secret(REFERENCE)
        1 / 0  # noqa: B018
    assert not SealedSecret.objects.exists()
