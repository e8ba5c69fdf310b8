"""Which chain is served by what."""

import os

import pytest

from chains_app.adapters.evm import EvmAdapter
from chains_app.adapters.memory import memory_key
from chains_app.adapters.memory_chain import MemoryChain
from chains_app.adapters.near import NearAdapter
from chains_app.config import ConfigurationError, read_environment
from chains_app.registry import (
    chains,
    get_adapter,
    get_chain,
    signing_keys,
    use_environment,
    use_memory_chains,
)
from chains_app.signers import SignerRole
from devnet.near.client import Key
from tests.unit.chains.environment import ENVIRONMENT


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("BASE_", "NEAR_")):
            monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("configured")
def test_each_chain_has_an_adapter_of_its_kind_made_once() -> None:
    with use_environment(read_environment()):
        assert chains() == ("base", "near")
        assert isinstance(get_adapter("base"), EvmAdapter)
        assert isinstance(get_adapter("near"), NearAdapter)
        assert get_adapter("near") is get_adapter("near")


@pytest.mark.usefixtures("configured")
def test_keys_are_named_by_their_public_halves() -> None:
    with use_environment(read_environment()):
        (base,) = signing_keys("base", SignerRole.LOCK)
        near = signing_keys("near", SignerRole.LOCK)
    assert base.account == base.public == "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
    assert [key.account for key in near] == ["lock.test.near"] * 2
    assert near[0].public == Key(bytes(range(32))).public_key


@pytest.mark.usefixtures("configured")
def test_an_unknown_chain_is_refused() -> None:
    with (
        use_environment(read_environment()),
        pytest.raises(ConfigurationError, match="'eth' is not a configured chain: base, near are"),
    ):
        get_adapter("eth")


def test_memory_chains_stand_in_for_as_long_as_asked() -> None:
    chain = MemoryChain("base")
    with use_memory_chains(chain, MemoryChain("near", sequential_nonces=False)):
        assert chains() == ("base", "near")
        assert get_adapter("base").head() == chain.head
        assert get_chain("near").contract == "escrows"
        assert signing_keys("base", SignerRole.DUTY) == (memory_key("duty"),)
        with use_memory_chains(MemoryChain("other")):
            assert chains() == ("other",)
        assert chains() == ("base", "near")
