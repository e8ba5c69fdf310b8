"""The exit kit as a page to keep and to print: one file that needs nothing of ours, no script."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from rest_framework.renderers import BaseRenderer, JSONRenderer

from chains_app.adapters.interface import SECRET_PLACE
from chains_app.locks import Call
from orchestrator.kernel.amounts import in_coins
from sessions_app.models import Role

_TERMS: Final = (
    "contract", "lockId", "token", "amount", "decimals", "depositor", "beneficiary", "lockBy",
    "timelock", "hashFunction", "caip2",
)  # fmt: skip
_BOUNDS: Final = {"notBefore": "not before", "sendBy": "send it by", "before": "taken before"}
_QUANTITIES: Final = {"chainId", "value", "gas"}
_WORDS: Final = {
    Call.REFUND.value: "Gives the source back to the maker, unless it was withdrawn before.",
    Call.WITHDRAW.value: (
        f"Pays the maker. Put the 64 hex digits of your secret in the place of {SECRET_PLACE}; "
        "send it only while the lock stands and there is time."
    ),
    Call.PAY.value: "Pays again what the contract owes: after a payout that failed, at any time.",
}


class ExitKitPage(BaseRenderer):
    """Renders the kit's JSON as HTML; an error stays the JSON that it is."""

    media_type = "text/html"
    format = "html"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The page's text; its policy allows its own style sheet and nothing else."""
        response = (renderer_context or {})["response"]
        if response.exception:
            return JSONRenderer().render(data, "application/json", renderer_context)
        style = _style()
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        response["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        )
        return render_to_string("exit_kit.html", _context(data) | {"style": style})


@cache
def _style() -> SafeString:
    return mark_safe(render_to_string("exit_kit.css"))  # noqa: S308 - a file of ours, no values


def _context(kit: Mapping[str, Any]) -> dict[str, Any]:
    legs = {leg["role"]: _leg(leg) for leg in kit["legs"]}
    return {
        "kit": kit,
        "source": legs[Role.SOURCE],
        "destination": legs.get(Role.DESTINATION),
        "legs": legs.values(),
        "place": SECRET_PLACE,
        "json": json.dumps(kit, indent=2),
    }


def _leg(leg: Mapping[str, Any]) -> dict[str, Any]:
    coins = f"{in_coins(int(leg['amount']), leg['decimals'])} {leg['symbol']}"
    letter = leg["role"][0].upper()
    exits = [_exit(each, f"{letter}{number}") for number, each in enumerate(leg["exits"], 1)]
    return {
        **leg,
        "coins": coins,
        "title": f"{leg['role'].capitalize()}: {coins} on {leg['chain']}",
        "rows": [(name, _shown(name, leg[name], leg)) for name in _TERMS],
        "question": list(_rows(leg["check"])),
        "exits": exits,
        "calls": {each["call"]: each for each in exits},
    }


def _exit(exit_: Mapping[str, Any], label: str) -> dict[str, Any]:
    times = [(words, exit_[name]) for name, words in _BOUNDS.items() if exit_[name] is not None]
    return {
        **exit_,
        "label": label,
        "words": _WORDS[exit_["call"]],
        "rows": [*((words, _instant(at)) for words, at in times), *_rows(exit_["transaction"])],
    }


def _shown(name: str, value: Any, leg: Mapping[str, Any]) -> str:
    if name in ("lockBy", "timelock"):
        return _instant(value)
    if name == "token" and value is None:
        return f"none: {leg['symbol']} is the chain's own coin"
    return str(value)


def _instant(iso: str) -> str:
    """In both ways that people and contracts write it."""
    return f"{iso} = {int(datetime.fromisoformat(iso).timestamp())} s of Unix time"


def _rows(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The fields of a transaction or a question by their names; arguments stay JSON."""
    if isinstance(value, Mapping) and name != "args":
        for inner in value:
            yield from _rows(value[inner], inner)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for each in value:
            yield from _rows(each, name)
    elif isinstance(value, str):
        is_hex = name in _QUANTITIES and value.startswith("0x")
        yield name, f"{value} = {int(value, 16)}" if is_hex else value
    else:
        yield name, json.dumps(value)
