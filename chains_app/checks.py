"""What has to be right before anything runs: our own checks, the chains, our keys and accounts."""

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from django.core.checks import CheckMessage, run_checks
from django.db import OperationalError, ProgrammingError, connection

from chains_app.adapters.interface import ChainError, Shortage, WrongChainError
from chains_app.config import ConfigurationError
from chains_app.outbox.nonces import sync_signers
from chains_app.registry import chains, get_adapter, get_chain, signing_keys
from chains_app.selectors import PAUSED_KEYS, paused_roles
from chains_app.signers import SignerCaps, SignerRole, all_paused
from orchestrator.database import LACKS_TABLES

_DATABASE: Final = "database"
RETRY_SECONDS: Final = 2.0  # between two tries of what gave no answer at the start

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Account:
    """One of our accounts, with its native coin in base units; `caps` None where it has none."""

    role: SignerRole
    name: str
    balance: int
    caps: SignerCaps | None


@dataclass
class _Findings:
    """`wrong`: what ends a process; `silent`: the chains, or the database, that gave no answer."""

    wrong: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)


def accounts(chain: str) -> Iterator[Account]:
    """Our accounts on a chain; raises ChainError."""
    adapter = get_adapter(chain)
    for role in SignerRole:
        for name in sorted({key.account for key in signing_keys(chain, role)}):
            caps = get_chain(chain).caps.get(role)
            yield Account(role, name, adapter.balance(name, None), caps)


def chain_problems(chain: str) -> list[str]:
    """What is wrong with a chain's configuration, accounts and signers; raises ChainError.

    Keys that are new get their signer's row here, so that they can be paused before they sign.
    """
    sync_signers(chain)
    return get_adapter(chain).problems() + _poor_accounts(chain) + _paused_roles(chain)


def require_right_configuration() -> None:
    """End this process, in one line on standard error, when its configuration is wrong.

    Each process calls it at its start. A chain or a database that gives no answer is not wrong
    configuration: the process starts, and ends as soon as an answer shows that it should not have.
    docs/adr/0005 says why.
    """
    found = _find()
    if found.wrong:
        sys.exit(_line(found))
    if found.silent:
        threading.Thread(target=_check_later, args=(found.silent,), name="check-later").start()


def _check_later(silent: list[str]) -> None:
    """Ask what was silent again until all has answered. The end is like a crash, which every
    process survives.
    """
    while _main_thread_goes_on():
        found = _find(silent)
        if found.wrong:
            print(_line(found), file=sys.stderr, flush=True)  # noqa: T201
            os._exit(1)
        silent = found.silent
        if not silent:
            log.info("configuration_checked")
            return


def _main_thread_goes_on() -> bool:
    """For RETRY_SECONDS. A thread that outlives the process' end may break it off half way."""
    main, until = threading.main_thread(), time.monotonic() + RETRY_SECONDS
    while main.is_alive() and time.monotonic() < until:
        main.join(0.1)
    return main.is_alive()


def _line(found: _Findings) -> str:
    wrong = "; ".join(one.removeprefix("wrong configuration: ") for one in found.wrong)
    return f"wrong configuration: {wrong} (correct it and start again)"


def _find(silent: Sequence[str] = ()) -> _Findings:
    """`silent`: what gave no answer the last time, and alone is asked again."""
    found = _Findings()
    try:
        names = chains()
    except ConfigurationError as error:
        found.wrong.append(str(error))
        return found
    if not silent or _DATABASE in silent:
        _check_system(found, names)
    for chain in names:
        if not silent or chain in silent:
            _check_chain(chain, found)
    return found


def _check_system(found: _Findings, names: Iterable[str]) -> None:
    """As `manage.py check --database default`, but for warnings; and a row for each new signer."""
    try:
        messages = run_checks(databases=["default"])
        for chain in names:
            sync_signers(chain)
    except OperationalError:
        log.warning("not_checked", silent=_DATABASE)
        found.silent.append(_DATABASE)
        messages = run_checks()
    except ProgrammingError:
        found.wrong.append(LACKS_TABLES)
        messages = run_checks()
    finally:
        connection.close()  # a server's threads, or a worker's children, have their own
    serious = [one for one in messages if one.is_serious() and not one.is_silenced()]
    found.wrong += [_said(one) for one in serious]


def _said(message: CheckMessage) -> str:
    return f"{message.msg}: {message.hint}" if message.hint else str(message.msg)


def _check_chain(chain: str, found: _Findings) -> None:
    """A shortage is no reason to end: duties must go on, and guards refuse locks."""
    try:
        problems = [*map(Shortage, _poor_accounts(chain)), *get_adapter(chain).problems()]
        for problem in problems:
            if isinstance(problem, Shortage):
                log.error("chain_falls_short", chain=chain, reason=problem)
        if wrong := [each for each in problems if not isinstance(each, Shortage)]:
            get_adapter(chain).head()  # raises where all that is wrong may be a node's silence
            found.wrong += wrong
    except WrongChainError as error:
        found.wrong.append(str(error))
    except ChainError as error:
        log.warning("not_checked", silent=chain, reason=str(error))
        found.silent.append(chain)


def _poor_accounts(chain: str) -> list[str]:
    spec = get_chain(chain)
    least = max(spec.fee_cap(call, None) for call in spec.native.gas)
    return [
        f"{chain}: {account.name} has {account.balance}, not even one transaction's highest fee "
        f"{least}: fund it"
        for account in accounts(chain)
        if account.balance < least
    ]


def _paused_roles(chain: str) -> list[str]:
    """What a person wanted, and ends no process: the other role's duties go on."""
    paused = paused_roles(PAUSED_KEYS.all())
    roles = (role for role in SignerRole if (chain, role) in paused)
    return [f"{chain}: {all_paused(chain, role)}: resume one" for role in roles]
