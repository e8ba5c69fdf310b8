"""What has to be right with the chains before anything runs on them."""

from collections.abc import Iterator
from dataclasses import dataclass

from chains_app.outbox.nonces import sync_signers
from chains_app.registry import get_adapter, get_chain, signing_keys
from chains_app.signers import SignerRole


@dataclass(frozen=True)
class Account:
    """One of our accounts, with its native coin in base units."""

    role: SignerRole
    name: str
    balance: int


def accounts(chain: str) -> Iterator[Account]:
    """Our accounts on a chain; raises ChainError."""
    adapter = get_adapter(chain)
    for role in SignerRole:
        for name in sorted({key.account for key in signing_keys(chain, role)}):
            yield Account(role, name, adapter.balance(name, None))


def chain_problems(chain: str) -> list[str]:
    """What is wrong with a chain's configuration and accounts; raises ChainError.

    Keys that are new get their signer's row here, so that they can be capped before they sign.
    """
    sync_signers(chain)
    problems = get_adapter(chain).problems()
    fee = max(get_chain(chain).native.gas, key=lambda call: get_chain(chain).fee_cap(call, None))
    least = get_chain(chain).fee_cap(fee, None)
    problems += [
        f"{chain}: {account.name} has {account.balance}, not even one transaction's highest fee "
        f"{least}: fund it"
        for account in accounts(chain)
        if account.balance < least
    ]
    return problems
