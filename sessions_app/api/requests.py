"""What the API takes: each field strict in type and form, and no field that it does not know."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.request import Request

from auctions_app.routes import SecretMode
from orchestrator.kernel.amounts import parse_amount
from orchestrator.kernel.errors import InvalidAmountError, InvalidInputError

MOST_SEQ: Final = 2**31 - 1


class TextField(serializers.CharField):
    """A string as it is: no number is taken for one, no space is cut off."""

    default_error_messages: ClassVar = {"invalid": "give a string"}

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, "max_length": 128, **options})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "pattern": r"^[1-9][0-9]{0,77}$"})
class AmountField(TextField):
    """Base units as a decimal string; gives an int above 0."""

    def run_validation(self, data: Any = empty) -> Any:
        text = super().run_validation(data)
        try:
            return _positive(parse_amount(text))
        except InvalidAmountError as error:
            raise serializers.ValidationError(str(error), code=error.code) from None


class IdField(serializers.UUIDField):
    """A UUID in its usual form: 36 characters, lower case."""

    default_error_messages: ClassVar = {"invalid": "give an id as we gave it: a UUID in lower case"}

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid")
        parsed: UUID = super().to_internal_value(data)
        if str(parsed) != data:
            self.fail("invalid")
        return parsed


class ModeField(serializers.ChoiceField):
    """Who draws the secret; gives a SecretMode."""

    def __init__(self, **options: Any) -> None:
        modes = [mode.value for mode in SecretMode]
        super().__init__(
            choices=modes,
            error_messages={"invalid_choice": f"give one of {', '.join(modes)}"},
            **options,
        )

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input="")
        return SecretMode(super().to_internal_value(data))

    def get_default(self) -> Any:
        """The default stands as text in the schema, and never passes `to_internal_value`."""
        return SecretMode(super().get_default())


class Body(serializers.Serializer[Any]):
    """A JSON object with these fields and no others."""

    default_error_messages: ClassVar = {"invalid": "give a JSON object"}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (
            unknown := [name for name in data if name not in self.fields]
        ):
            message = f"there is no such field: {', '.join(self.fields) or 'none is taken'}"
            error = serializers.ErrorDetail(message, code="unknown_field")
            raise serializers.ValidationError({str(name)[:80]: [error] for name in unknown})
        return super().to_internal_value(data)


QuoteRequest = type(
    "QuoteRequest",
    (Body,),
    {
        "routeId": TextField(help_text="One of /api/v1/routes, such as `base:ETH->near:NEAR`."),
        "amount": AmountField(help_text="Base units of the source coin, as a decimal string."),
    },
)
SessionRequest = type(
    "SessionRequest",
    (Body,),
    {
        "quoteId": IdField(help_text="A quote of yours that is not expired and not taken."),
        "makerSourceAccount": TextField(help_text="Who locks the source coin, on its chain."),
        "makerDestinationAccount": TextField(help_text="Who is paid, on the destination chain."),
        "secretMode": ModeField(
            default=SecretMode.SERVICE.value,
            help_text="Who draws the secret; /api/v1/routes says what each mode trusts whom with.",
        ),
    },
)
NothingRequest = type("NothingRequest", (Body,), {})


def read_body(kind: type[Body], request: Request) -> dict[str, Any]:
    """The checked fields; raises ValidationError with one entry per bad one."""
    body = kind(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def read_number(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    """A whole number of the query string; raises InvalidInputError."""
    text = request.query_params.get(name)
    if text is None:
        return default
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    if not (is_number and least <= int(text) <= most):
        raise InvalidInputError(f"give a number from {least} to {most}", field=name)
    return int(text)


def _is_object(data: Any) -> bool:
    return isinstance(data, Mapping)


def _positive(amount: int) -> int:
    if amount == 0:
        raise InvalidAmountError("0 swaps nothing: give more")
    return amount
