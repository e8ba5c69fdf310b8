"""No process starts while open swaps need what was taken out of the configuration."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from django.core.checks import run_checks

from chains_app.registry import get_adapter, get_chain, signing_keys, use_adapters
from chains_app.signers import SignerRole
from tests.integration.sessions.tokens import TOKEN, lock_source, start
from tests.integration.sessions.world import World

NEEDED = "open swaps need"


def problems() -> list[str]:
    found = run_checks(databases=["default"])
    return [str(one.msg) for one in found if one.id == "sessions_app.E001"]


def chains_changed(*names: str, **base: Any) -> AbstractContextManager[None]:
    """Only the chains `names`, BASE with other numbers."""
    specs = {name: get_chain(name) for name in names}
    if "base" in specs:
        specs["base"] = replace(specs["base"], **base)
    keys = {role: signing_keys("near", role) for role in SignerRole}
    adapters = {name: get_adapter(name) for name in names}
    return use_adapters(adapters, specs, dict.fromkeys(specs, keys))


def test_what_an_open_swap_needs_may_not_be_taken_out(tokens: World) -> None:
    session = start(tokens, "base:USDC->near:COIN")
    lock_source(tokens, session)
    assert problems() == []
    with chains_changed("base", "near", tokens={}):
        assert problems() == [f"base: {NEEDED} token {TOKEN}, which is not configured"]
    with chains_changed("base", "near", contract="another"):
        assert problems() == [f"base: {NEEDED} contract escrows, which is not configured"]
    with chains_changed("near"):
        assert problems() == [f"base: {NEEDED} chain base, which is not configured"]
    tokens.live_to_the_end(session)
    with chains_changed("near"):
        assert problems() == []


def test_a_swap_of_coins_needs_no_token(world: World) -> None:
    world.start()
    with chains_changed("base", "near", tokens={}):
        assert problems() == []
