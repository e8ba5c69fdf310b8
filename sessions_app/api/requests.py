"""What the API takes: each field strict in type and form, and no field that it does not know."""

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, NoReturn
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from auctions_app.routes import LockMode, SecretMode
from chains_app.orders import KEY_SIGNATURE
from orchestrator.kernel.amounts import parse_amount
from orchestrator.kernel.errors import (
    InvalidAmountError,
    InvalidInputError,
    InvalidSecretError,
)
from orchestrator.kernel.hashlock import Secret

MOST_SEQ: Final = 2**31 - 1
MOST_NAMED: Final = 10  # unknown fields, so that an answer is no larger than what was sent
_NAME: Final = r"[!-~]{1,128}"
_SIGNATURE: Final = "0x([0-9a-f]{2}){1,1024}"
_HEX32: Final = "0x[0-9a-f]{64}"
_ADDRESS: Final = " An EVM address: in one case, or with its checksum (EIP-55)."
_LOWER_CASE_ID: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def shown(value: Any) -> str:
    """A value as it was sent, in plain ASCII and not longer than an error may be."""
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


@extend_schema_field({"type": "string", "pattern": f"^{_NAME}$"})
class NameField(serializers.Field[Any, Any, Any, Any]):
    """A string as every route and account has: no number is taken for one, no space is cut off."""

    default_error_messages: ClassVar = {
        "required": "missing: give a string",
        "null": "null is no value: give a string",
        "invalid": "{value} can't be one: give a string of 1 to 128 visible ASCII characters",
    }

    refusal: ClassVar = "invalid"  # the code

    def to_internal_value(self, data: Any) -> Any:
        if not (isinstance(data, str) and re.fullmatch(_NAME, data)):
            self.refuse(data)
        return data

    def refuse(self, data: Any) -> NoReturn:
        """Raises ValidationError, which repeats the value."""
        text = self.error_messages["invalid"].format(value=shown(data))
        raise serializers.ValidationError(text, code=self.refusal)


@extend_schema_field({"type": "string", "pattern": r"^[1-9][0-9]{0,77}$"})
class AmountField(NameField):
    """Base units as a decimal string; gives an int above 0."""

    default_error_messages: ClassVar = {
        "invalid": "{value} is not an amount: give base units as a decimal string"
    }
    refusal: ClassVar = InvalidAmountError.code

    def to_internal_value(self, data: Any) -> int:
        try:
            return _positive(parse_amount(super().to_internal_value(data)))
        except InvalidAmountError as error:
            raise serializers.ValidationError(str(error), code=error.code) from None


@extend_schema_field({"type": "string", "pattern": r"^[1-9][0-9]{0,77}$"})
class DeadlineField(NameField):
    """Unix seconds as a decimal string, as a token's permit is signed; gives an int above 0."""

    default_error_messages: ClassVar = {
        "invalid": "{value} is not a deadline: give Unix seconds as a decimal string, above 0"
    }

    def to_internal_value(self, data: Any) -> int:
        try:
            return _positive(parse_amount(super().to_internal_value(data)))
        except InvalidAmountError:
            self.refuse(data)


@extend_schema_field({"type": "string", "format": "uuid", "pattern": f"^{_LOWER_CASE_ID}$"})
class IdField(NameField):
    """A UUID in its usual form: 36 characters, lower case."""

    default_error_messages: ClassVar = {
        "invalid": "{value} is not an id: give it as we gave it, a UUID in lower case"
    }

    def to_internal_value(self, data: Any) -> UUID:
        text = super().to_internal_value(data)
        if not re.fullmatch(_LOWER_CASE_ID, text):
            self.refuse(data)
        return UUID(text)


@extend_schema_field({"type": "string", "pattern": "^0x[0-9a-f]{64}$"})
class HashlockField(NameField):
    """32 bytes as 0x-hex in lower case; gives bytes."""

    default_error_messages: ClassVar = {
        "invalid": "{value} is not a hashlock: give 0x and 64 hex digits in lower case"
    }

    def to_internal_value(self, data: Any) -> bytes:
        text = super().to_internal_value(data)
        if not re.fullmatch(_HEX32, text):
            self.refuse(data)
        return bytes.fromhex(text[2:])


@extend_schema_field({"type": "string", "pattern": "^0x[0-9a-f]{64}$"})
class SecretField(NameField):
    """The same for a secret, which no error repeats; gives a Secret."""

    default_error_messages: ClassVar = {
        "invalid": "this is not a secret: give 0x and 64 hex digits in lower case"
    }
    refusal: ClassVar = InvalidSecretError.code

    def to_internal_value(self, data: Any) -> Secret:
        if not (isinstance(data, str) and re.fullmatch(_HEX32, data)):
            self.refuse(None)
        return Secret(bytes.fromhex(data[2:]))


@extend_schema_field({"type": "string", "pattern": f"^{_SIGNATURE}$"})
class SignatureField(NameField):
    """A signature as 0x-hex in lower case; gives bytes. A wallet contract's may have any length."""

    default_error_messages: ClassVar = {
        "invalid": "{value} is not a signature: give 0x and 2 to 2048 hex digits in lower case"
    }

    def to_internal_value(self, data: Any) -> bytes:
        if not (isinstance(data, str) and re.fullmatch(_SIGNATURE, data)):
            self.refuse(data)
        return bytes.fromhex(data[2:])


@extend_schema_field({"type": "string", "pattern": "^0x[0-9a-f]{130}$"})
class KeySignatureField(SignatureField):
    """A key's signature: r, s and v, 65 bytes."""

    default_error_messages: ClassVar = {
        "invalid": "{value} is not a key's signature: give 0x and 130 hex digits in lower case"
    }

    def to_internal_value(self, data: Any) -> bytes:
        signature = super().to_internal_value(data)
        if len(signature) != KEY_SIGNATURE:
            self.refuse(data)
        return signature


class ModeField(serializers.ChoiceField):
    """One of the values of an enumeration; gives its member."""

    def __init__(self, kind: type[SecretMode] | type[LockMode], **options: Any) -> None:
        self._kind, modes = kind, [mode.value for mode in kind]
        known = f"give one of {', '.join(modes)}"
        super().__init__(
            choices=modes,
            error_messages={"invalid_choice": f"{{input}} is not a mode: {known}", "null": known},
            **options,
        )

    def to_internal_value(self, data: Any) -> Any:
        if data not in self.choices.values() or not isinstance(data, str):
            self.fail("invalid_choice", input=shown(data))
        return self._kind(data)

    def get_default(self) -> Any:
        """The default stands as text in the schema, and never passes `to_internal_value`."""
        return self._kind(super().get_default())


class Body(serializers.Serializer[Any]):
    """A JSON object with these fields and no others."""

    default_error_messages: ClassVar = {
        "invalid": "the body is not a JSON object: send one",
        "null": "the body is null: send a JSON object",
    }

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (
            unknown := [name for name in data if name not in self.fields]
        ):
            known = f"give only {', '.join(self.fields)}" if self.fields else "none is taken"
            message = f"there is no such field: {known}"
            error = serializers.ErrorDetail(message, code="unknown_field")
            named = {str(name)[:80]: [error] for name in unknown[:MOST_NAMED]}
            raise serializers.ValidationError(named)
        return super().to_internal_value(data)


QuoteRequest = type(
    "QuoteRequest",
    (Body,),
    {
        "routeId": NameField(help_text="One of /api/v1/routes, such as `base:ETH->near:NEAR`."),
        "amount": AmountField(help_text="Base units of the source coin, as a decimal string."),
        "lockMode": ModeField(
            LockMode,
            default=LockMode.WALLET.value,
            help_text="Who makes the source lock: your `wallet`, or we by your signed order "
            "(`gasless`), for a fee; a route's `lockModes` are those that it offers.",
        ),
    },
)
SessionRequest = type(
    "SessionRequest",
    (Body,),
    {
        "quoteId": IdField(help_text="A quote of yours that is not expired and not taken."),
        "makerSourceAccount": NameField(
            help_text="Who locks the source coin, on its chain." + _ADDRESS
        ),
        "makerDestinationAccount": NameField(
            help_text="Who is paid, on the destination chain." + _ADDRESS
        ),
        "secretMode": ModeField(
            SecretMode,
            default=SecretMode.SERVICE.value,
            help_text="Who draws the secret; /api/v1/routes says what each mode trusts whom with.",
        ),
        "hashlock": HashlockField(
            required=False,
            help_text="In mode `maker`, and only there: SHA-256 of 32 random bytes that you keep.",
        ),
    },
)
Permit = type(
    "Permit",
    (Body,),
    {
        "value": AmountField(help_text="The allowance that it gives."),
        "deadline": DeadlineField(
            help_text="Until when the token takes it, as it was signed: Unix seconds as a decimal "
            "string, not ISO-8601."
        ),
        "signature": KeySignatureField(help_text="Of the token's ERC-2612 typed data."),
    },
)
ExecuteRequest = type(
    "ExecuteRequest",
    (Body,),
    {
        "signature": SignatureField(
            required=False,
            help_text="In lock mode `gasless`, and only there: of the typed data of the session's "
            "`order`, by the maker's key or for its wallet contract (ERC-1271).",
        ),
        "permit": Permit(
            required=False,
            help_text="An ERC-2612 permit for the contract of the source leg, instead of an "
            "allowance; it is tried, and the allowance decides.",
        ),
    },
)
SecretRequest = type(
    "SecretRequest",
    (Body,),
    {"secret": SecretField(help_text="The 32 bytes whose SHA-256 is the session's hashlock.")},
)
NothingRequest = type("NothingRequest", (Body,), {})


def read_body(kind: type[Body], request: Request) -> dict[str, Any]:
    """The checked fields; raises ValidationError with one entry per bad one."""
    body = kind(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def read_number(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    """A whole number of the query string; raises InvalidInputError."""
    text = read_text(request, name)
    if text is None:
        return default
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    if not (is_number and least <= int(text) <= most):
        raise InvalidInputError(
            f"{text[:80]!r} is not taken: give a number from {least} to {most}", field=name
        )
    return int(text)


def read_text(request: Request, name: str) -> str | None:
    """One value of the query string; raises InvalidInputError when there are several."""
    given = request.query_params.getlist(name)
    if len(given) > 1:
        raise InvalidInputError(f"{name} is given {len(given)} times: give it once", field=name)
    return given[0] if given else None


def _positive(amount: int) -> int:
    if amount == 0:
        raise InvalidAmountError("0 swaps nothing: give more")
    return amount
