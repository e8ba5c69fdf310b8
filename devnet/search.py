"""Finds 32 bytes in any form in which they could have been written down."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from urllib.parse import quote_from_bytes

import base58


@cache
def forms(secret: bytes) -> dict[str, bytes]:
    """The secret as it would stand in a text, a number, a message or a database, by form.

    Hex with a prefix, in quotes or inside of longer hex contains plain hex.
    """
    latin = secret.decode("latin-1")
    texts = {
        "hex": secret.hex(),
        "HEX": secret.hex().upper(),
        "base58": base58.b58encode(secret).decode(),
        "decimal": str(int.from_bytes(secret, "big")),
        "little endian decimal": str(int.from_bytes(secret, "little")),
        "list": ",".join(map(str, secret)),
        "spaced list": ", ".join(map(str, secret)),
        "repr": repr(secret)[2:-1],
        "escaped": "".join(f"\\x{byte:02x}" for byte in secret),
        "octal": "".join(f"\\{byte:03o}" for byte in secret),
        "postgres escape": "".join(_postgres_escape(byte) for byte in secret),
        "JSON text": json.dumps(latin)[1:-1],
        "URL": quote_from_bytes(secret),
        "spaced hex": secret.hex(" "),
        "colon hex": secret.hex(":"),
        **_base64(secret),
    }
    raw = {"bytes": secret, "reversed bytes": secret[::-1], "UTF-8": latin.encode()}
    return raw | {name: text.encode() for name, text in texts.items()}


def _postgres_escape(byte: int) -> str:
    if byte == 0x5C:
        return "\\\\"
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"


def _base64(secret: bytes) -> dict[str, str]:
    """The part that stays the same whatever stands before and after, at each of three offsets."""
    found = {}
    for offset in range(3):
        text = b64encode(bytes(offset) + secret).decode()
        first = -(-offset * 8 // 6)
        kept = text[first : (offset + len(secret)) * 8 // 6]
        found[f"base64 at {offset}"] = kept
        found[f"urlsafe base64 at {offset}"] = kept.replace("+", "-").replace("/", "_")
    return found


def found_in(data: bytes, secret: bytes) -> set[str]:
    """The forms in which `secret` stands in `data`, escapes of a log or of Redis taken back too."""
    return find_all(data, [secret]).get(secret, set())


def find_all(data: bytes, secrets: Iterable[bytes]) -> dict[bytes, set[str]]:
    """The same of many secrets; those that were found alone."""
    texts = [data, unescape(data)] if b"\\" in data else [data]
    found = {
        secret: {name for name, form in forms(secret).items() if any(form in one for one in texts)}
        for secret in secrets
    }
    return {secret: names for secret, names in found.items() if names}


_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[abtnr\"'\\])")
_SHORT = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"r": b"\r"}


def unescape(data: bytes) -> bytes:
    r"""The bytes that `\x00`, `\n` and their like stand for."""

    def value(match: re.Match[bytes]) -> bytes:
        escape = match[1]
        return bytes([int(escape[1:], 16)]) if escape[:1] == b"x" else _SHORT.get(escape, escape)

    return _ESCAPE.sub(value, data)
