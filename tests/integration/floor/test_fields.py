from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection, models, transaction
from django.db.models import F, Sum

from orchestrator.fields import AmountField
from orchestrator.kernel.amounts import MAX_AMOUNT

pytestmark = pytest.mark.django_db


class Money(models.Model):
    amount = AmountField()
    limit = AmountField(null=True)

    class Meta:
        app_label = "tests"

    def __str__(self) -> str:
        return str(self.amount)


MONEY: models.Manager[Money] = models.Manager()
MONEY.model = Money


@pytest.fixture(autouse=True)
def _table(db: None) -> None:
    """The table goes with the test's transaction."""
    with connection.schema_editor() as editor:
        editor.create_model(Money)


@pytest.mark.parametrize("amount", [0, 1, 10**24, 2**255 + 1, MAX_AMOUNT])
def test_rule_12_an_amount_comes_back_as_the_same_int(amount: int) -> None:
    MONEY.create(amount=amount, limit=None)
    found = MONEY.get(amount=amount)
    assert (found.amount, type(found.amount), found.limit) == (amount, int, None)


def test_the_column_is_numeric_of_78_digits() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT numeric_precision, numeric_scale FROM information_schema.columns"
            " WHERE table_name = 'tests_money' AND column_name = 'amount'"
        )
        assert cursor.fetchone() == (78, 0)


def test_sums_and_comparisons_are_exact() -> None:
    for amount in (MAX_AMOUNT // 2, MAX_AMOUNT // 2, 1):
        MONEY.create(amount=amount)
    assert MONEY.aggregate(total=Sum("amount")) == {"total": MAX_AMOUNT}
    assert MONEY.filter(amount__gt=MAX_AMOUNT // 2 - 1).count() == 2
    MONEY.update(amount=F("amount") - 1)
    assert min(MONEY.values_list("amount", flat=True)) == 0


@pytest.mark.parametrize("amount", [1.0, "1", Decimal(1), True])
def test_rule_12_nothing_but_an_int_is_stored(amount: Any) -> None:
    with pytest.raises(TypeError, match="amount takes base units as an int"):
        MONEY.create(amount=amount)


@pytest.mark.parametrize("amount", [-1, MAX_AMOUNT + 1, 10**80])
def test_the_database_refuses_what_is_out_of_range(amount: int) -> None:
    with pytest.raises((IntegrityError, DataError)), transaction.atomic():
        MONEY.create(amount=amount)


def test_an_update_cannot_take_an_amount_below_zero() -> None:
    MONEY.create(amount=5)
    with pytest.raises(IntegrityError), transaction.atomic():
        MONEY.update(amount=F("amount") - 6)


@pytest.mark.parametrize("text", ["1", "0", str(MAX_AMOUNT)])
def test_a_form_gives_a_decimal_string(text: str) -> None:
    assert AmountField().to_python(text) == int(text)


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1e3", " 1", "\u0661", str(MAX_AMOUNT + 1)])
def test_a_form_with_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is not an amount"):
        AmountField().to_python(text)
