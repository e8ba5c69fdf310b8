"""Which chains there are, and what serves them. Chain libraries are imported at first use."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chains_app.adapters.interface import ChainAdapter, SigningKey
from chains_app.config import (
    ChainsEnvironment,
    ChainSpec,
    ConfigurationError,
    chain_specs,
    read_environment,
)
from chains_app.signers import SignerRole

if TYPE_CHECKING:
    from chains_app.adapters.memory_chain import MemoryChain

Keys = Mapping[SignerRole, tuple[SigningKey, ...]]


@dataclass
class _Registry:
    """What is installed now; from an environment, adapters and keys are built when first asked."""

    specs: Mapping[str, ChainSpec]
    environment: ChainsEnvironment | None = None
    adapters: dict[str, ChainAdapter] = field(default_factory=dict)
    keys: dict[str, Keys] = field(default_factory=dict)


_installed: list[_Registry] = []


def _current() -> _Registry:
    if not _installed:
        _installed.append(_from(read_environment()))
    return _installed[-1]


def _from(environment: ChainsEnvironment) -> _Registry:
    return _Registry(chain_specs(environment), environment)


def chains() -> tuple[str, ...]:
    """The names of all chains; raises ConfigurationError."""
    return tuple(_current().specs)


def get_chain(chain: str) -> ChainSpec:
    """A chain's numbers; raises ConfigurationError for an unknown one or a wrong environment."""
    specs = _current().specs
    if chain not in specs:
        raise ConfigurationError(f"{chain!r} is not a configured chain: {', '.join(specs)} are")
    return specs[chain]


def signing_keys(chain: str, role: SignerRole) -> tuple[SigningKey, ...]:
    """Our keys of a role; each has nonces of its own. Raises ConfigurationError."""
    return _keys(get_chain(chain))[role]


def get_adapter(chain: str) -> ChainAdapter:
    """What talks to a chain; raises ConfigurationError."""
    spec, registry = get_chain(chain), _current()
    if chain not in registry.adapters:
        registry.adapters[chain] = _build_adapter(spec)
    return registry.adapters[chain]


@contextmanager
def use_adapters(
    adapters: Mapping[str, ChainAdapter], specs: Mapping[str, ChainSpec], keys: Mapping[str, Keys]
) -> Generator[None]:
    """Other chains instead of the configured ones, for as long as the context lasts."""
    with _use(_Registry(specs, None, dict(adapters), dict(keys))):
        yield


@contextmanager
def use_environment(environment: ChainsEnvironment) -> Generator[None]:
    """The chains of another environment than the process's."""
    with _use(_from(environment)):
        yield


@contextmanager
def _use(registry: _Registry) -> Generator[None]:
    _installed.append(registry)
    try:
        yield
    finally:
        _installed.remove(registry)


@contextmanager
def use_memory_chains(*memory: "MemoryChain") -> Generator[None]:
    """In-memory chains, with their adapters, specs and keys, instead of the configured ones.

    Our accounts are named `lock` and `duty`; who uses the chains funds them.
    """
    from chains_app.adapters.memory import MemoryAdapter, memory_key, memory_spec

    adapters = {chain.name: MemoryAdapter(chain) for chain in memory}
    specs = {chain.name: memory_spec(chain) for chain in memory}
    keys = {role: (memory_key(role.value),) for role in SignerRole}
    with use_adapters(adapters, specs, dict.fromkeys(specs, keys)):
        yield


def _keys(spec: ChainSpec) -> Keys:
    registry = _current()
    if spec.name not in registry.keys:
        registry.keys[spec.name] = _build_keys(spec, _environment())
    return registry.keys[spec.name]


def _environment() -> ChainsEnvironment:
    environment = _current().environment
    if environment is None:
        raise ConfigurationError("this chain was installed without an adapter or without keys")
    return environment


def _build_keys(spec: ChainSpec, environment: ChainsEnvironment) -> Keys:
    if spec.name == "base":
        from chains_app.adapters.evm_signing import evm_key

        lock, duty = environment.base_lock_key, environment.base_duty_key
        return {
            SignerRole.LOCK: (evm_key(lock.get_secret_value()),),
            SignerRole.DUTY: (evm_key(duty.get_secret_value()),),
        }
    from chains_app.adapters.near_signing import near_key

    near = {
        SignerRole.LOCK: (environment.near_lock_account, environment.near_lock_keys),
        SignerRole.DUTY: (environment.near_duty_account, environment.near_duty_keys),
    }
    return {
        role: tuple(near_key(account, key.get_secret_value()) for key in keys)
        for role, (account, keys) in near.items()
    }


def _build_adapter(spec: ChainSpec) -> ChainAdapter:
    environment, keys = _environment(), _keys(spec)
    if spec.name == "base":
        from chains_app.adapters.evm import EvmAdapter

        urls = [str(url) for url in environment.base_rpc_url]
        return EvmAdapter(spec, keys, urls)
    from chains_app.adapters.near import NearAdapter

    urls = [str(url) for url in environment.near_rpc_url]
    return NearAdapter(spec, keys, urls, environment.near_htlc_code_hash)
