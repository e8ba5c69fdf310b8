"""The errors that a person may see, one tree, each with a stable code and an HTTP status.

OrchestratorError
├── InvalidInputError       400: a value that the caller can correct
│   ├── InvalidAmountError
│   └── InvalidSecretError
├── NotFoundError           404: nothing of that name that the caller may see
├── ConflictError           409: right in form, but not as things stand now
├── UnavailableError        503: something that we depend on does not answer; try again
└── DecryptionError         500: stored ciphertext that no key of ours opens

Of an error with status 500 a caller sees nothing but the code `internal_error`.
"""

from http import HTTPStatus
from typing import ClassVar


class OrchestratorError(Exception):
    """Root of our errors: `code` is part of the API; the message says what to do."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR


class InvalidInputError(OrchestratorError):
    """A value that the caller can correct; `field` is its name on the wire, where known."""

    code = "invalid_input"
    status = HTTPStatus.BAD_REQUEST

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InvalidAmountError(InvalidInputError):
    """An amount that is not a decimal string of base units in range."""

    code = "invalid_amount"


class InvalidSecretError(InvalidInputError):
    """A secret or hashlock that is not 32 bytes, or does not fit; the message never shows it."""

    code = "invalid_secret"


class NotFoundError(OrchestratorError):
    """Nothing of that name that the caller may see."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND


class ConflictError(OrchestratorError):
    """A request that is right in form but not possible as things stand."""

    code = "conflict"
    status = HTTPStatus.CONFLICT


class UnavailableError(OrchestratorError):
    """Something that we depend on does not answer; the same request may work later."""

    code = "unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class DecryptionError(OrchestratorError):
    """Ciphertext that was altered, moved to another row, or sealed under a key that we lack."""

    code = "decryption_failed"
