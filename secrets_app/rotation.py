"""Which keys the stored ciphertexts need, and sealing them anew under the newest."""

from collections.abc import Iterator
from typing import Any, Final

from django.apps import apps
from django.db import models, transaction
from django.db.models import QuerySet
from django.db.models.functions import Substr

from orchestrator.fields import SealedField, vault_cipher
from orchestrator.kernel.cipher import KEY_ID_LENGTH

BATCH: Final = 100


def used_key_ids() -> set[int]:
    """The ids of the keys that some stored value was sealed under, in all tables."""
    headers: set[bytes] = set()
    for model, field in _sealed_columns():
        headers |= set(_sealed(model, field).values_list("header", flat=True).distinct())
    return {int.from_bytes(header, "big") for header in headers}


def rotate_secret_keys() -> int:
    """Seal what older keys sealed under the newest key; returns how many values.

    Goes in batches, each a transaction: stopped half-way it is simply run again.
    Raises DecryptionError.
    """
    return sum(_rotate_column(model, field) for model, field in _sealed_columns())


def _sealed_columns() -> Iterator[tuple[type[models.Model], str]]:
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, SealedField):
                yield model, field.name


def _sealed(model: type[models.Model], field: str) -> QuerySet[Any]:
    """Rows with a value in `field`, annotated with its key id's bytes."""
    header = Substr(field, 1, KEY_ID_LENGTH, output_field=models.BinaryField())
    rows: QuerySet[Any] = model._default_manager.exclude(**{field: None})
    annotated: QuerySet[Any] = rows.annotate(header=header)
    return annotated


def _rotate_column(model: type[models.Model], field: str) -> int:
    newest = vault_cipher().newest.to_bytes(KEY_ID_LENGTH, "big")
    old = _sealed(model, field).exclude(header=newest).order_by("pk")
    count = 0
    while rotated := _rotate_batch(old, field):
        count += rotated
    return count


@transaction.atomic
def _rotate_batch(old: QuerySet[Any], field: str) -> int:
    """Rows are locked, so nobody forgets or replaces a value while it is sealed anew."""
    rows = list(old.select_for_update()[:BATCH])
    for row in rows:
        plaintext = vault_cipher().open(getattr(row, field), row.associated_data())
        setattr(row, field, vault_cipher().seal(plaintext, row.associated_data()))
        row.save(update_fields=[field])
    return len(rows)
