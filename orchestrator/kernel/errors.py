"""The errors that a person may see, one tree, each with a stable code.

OrchestratorError
├── InvalidInputError       a value that the caller can correct
│   ├── InvalidAmountError
│   └── InvalidSecretError
└── DecryptionError         stored ciphertext that no key of ours opens
"""


class OrchestratorError(Exception):
    """Root of our errors: `code` is part of the API; the message says what to do."""

    code = "internal_error"


class InvalidInputError(OrchestratorError):
    """A value that the caller can correct."""

    code = "invalid_input"


class InvalidAmountError(InvalidInputError):
    """An amount that is not a decimal string of base units in range."""

    code = "invalid_amount"


class InvalidSecretError(InvalidInputError):
    """A secret or hashlock that is not 32 bytes, or does not fit; the message never shows it."""

    code = "invalid_secret"


class DecryptionError(OrchestratorError):
    """Ciphertext that was altered, moved to another row, or sealed under a key that we lack."""

    code = "decryption_failed"
