"""Takes secrets, keys and addresses with credentials out of what is about to be logged (rule 13).

A second line of defence: code never passes them in the first place. Whatever is 32 bytes long may
be a secret, so it is shown only under a name that says that it is a hash or another public id.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

REDACTED: Final = "[redacted]"

_SECRET_NAME = re.compile(
    r"secret|preimage|password|passphrase|private|mnemonic|token$|credential|cookie"
    r"|authorization|api_?key|signing_?key|vault|signature|raw$",
    re.IGNORECASE,
)
_PUBLIC_NAME = re.compile(
    r"hash(lock)?(es)?$|^(lock|secret|session|request)_id$|^transactions?$", re.IGNORECASE
)
_URL = re.compile(
    r"\b([a-z][a-z0-9+.-]*)://"  # scheme
    r"(?:[^\s/@'\"]*@)?([^\s/?#'\"<>)]*)"  # user and password, host and port
    r"[^\s'\"<>)]*",  # path and query: keys of RPC providers stand there
    re.IGNORECASE,
)
_IN_TEXT = re.compile(
    r"ed25519:[1-9A-HJ-NP-Za-km-z]{80,}"  # a NEAR key pair (a public key has 44 characters)
    r"|\b1b_[A-Za-z0-9]+_[A-Za-z0-9_-]+"  # an API key of ours
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]+"  # a JWT
    r"|(?:0x)?[0-9a-fA-F]{128,}"  # calldata and signed bytes, in which a secret can stand
)
_WORD = re.compile(r"(?<![0-9a-zA-Z])(?:0x)?[0-9a-fA-F]{64,}(?![0-9a-zA-Z])")


def redact_event(_logger: object, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """A structlog processor: every name and value of the event, however deep."""
    return {name: _redact_named(name, value) for name, value in event.items()}


def redact_text(text: str) -> str:
    """Free text: 32-byte words, keys and tokens go; of a URL its scheme and host stay."""
    return _WORD.sub(REDACTED, _redact_credentials(text))


def _redact_named(name: str, value: Any) -> Any:
    if _PUBLIC_NAME.search(name) and isinstance(value, str):
        return _redact_credentials(value)
    if _SECRET_NAME.search(name) and not isinstance(value, bool | None):
        return REDACTED
    return _redact(value)


def _redact(value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return REDACTED
    if isinstance(value, Mapping):
        return {str(name): _redact_named(str(name), one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact(one) for one in value]
    if isinstance(value, int | float | None):
        return value
    return redact_text(str(value))


def _redact_credentials(text: str) -> str:
    return _URL.sub(r"\1://\2", _IN_TEXT.sub(REDACTED, text))
