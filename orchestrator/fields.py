"""Model fields that every app shares: amounts in base units, and values sealed at rest."""

from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Combinable

from orchestrator.kernel.amounts import MAX_AMOUNT, parse_amount
from orchestrator.kernel.cipher import Cipher
from orchestrator.kernel.errors import InvalidAmountError

DIGITS: Final = 78  # of 2^256 - 1

_SetT = TypeVar("_SetT")
_GetT = TypeVar("_GetT")

if TYPE_CHECKING:
    _Field = models.Field
else:

    class _Field(models.Field):
        """Django's fields take no type arguments at run time."""

        __class_getitem__ = classmethod(lambda cls, _types: cls)


class AmountField(_Field[_SetT, _GetT]):
    """Base units: NUMERIC(78,0) in PostgreSQL, int in Python, never negative, never a float."""

    _pyi_private_set_type: int | Combinable
    _pyi_private_get_type: int

    description = "An amount in base units"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return f"numeric({DIGITS}, 0)"

    def db_check(self, connection: BaseDatabaseWrapper) -> str:
        """The column's own bounds, so that no writer can pass them."""
        column = connection.ops.quote_name(self.column or "")
        return f"{column} BETWEEN 0 AND {MAX_AMOUNT}"

    def from_db_value(
        self, value: Decimal | int | None, _expression: object, _connection: object
    ) -> int | None:
        return None if value is None else int(value)

    def to_python(self, value: Any) -> int | None:
        """From a form or a fixture; raises ValidationError."""
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        try:
            return parse_amount(str(value))
        except InvalidAmountError as error:
            raise ValidationError(str(error)) from None

    def get_prep_value(self, value: Any) -> Any:
        """For the database; raises TypeError for anything but an int (or an expression)."""
        prepared = super().get_prep_value(value)
        is_float_like = isinstance(prepared, bool | float | str | Decimal)
        if is_float_like:
            raise TypeError(f"{self.name} takes base units as an int, not {prepared!r}")
        return prepared


class SealedField(_Field[bytes | None, bytes | None]):
    """Ciphertext of `vault_cipher`. Its model says by `associated_data` which row it belongs to.

    Rotation and the check of keys at start find every column of this kind by itself.
    """

    description = "A value sealed at rest"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "null": True, "editable": False})

    def get_internal_type(self) -> str:
        return "BinaryField"

    def from_db_value(
        self, value: memoryview | bytes | None, _expression: object, _connection: object
    ) -> bytes | None:
        return None if value is None else bytes(value)


def vault_cipher() -> Cipher:
    """The cipher over VAULT_KEYS: seals under the newest, opens under all."""
    return _cipher(frozenset(settings.VAULT_KEYS.items()))


@cache
def _cipher(keys: frozenset[tuple[int, bytes]]) -> Cipher:
    return Cipher(dict(keys))
