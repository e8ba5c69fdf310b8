"""`manage.py check_chains`: chain ids, contracts, keys and balances; exit code 1 on any problem."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chains_app.adapters.interface import ChainError
from chains_app.checks import Account, accounts, chain_problems
from chains_app.registry import chains


class Command(BaseCommand):
    help = "Checks every configured chain: its id, our contract's code, our keys and balances."

    def handle(self, *_: Any, **__: Any) -> None:
        """Print every account and problem; raises CommandError when there is a problem."""
        problems = []
        for chain in chains():
            found = self._check(chain)
            problems += found
            self.stdout.write(f"{chain}: {'problems' if found else 'ok'}")
        if problems:
            raise CommandError("\n".join(problems))

    def _check(self, chain: str) -> list[str]:
        try:
            for account in accounts(chain):
                self.stdout.write(_line(account))
            return chain_problems(chain)
        except ChainError as error:
            return [f"{chain}: {error}"]


def _line(account: Account) -> str:
    caps = () if account.caps is None else account.caps
    capped = ", ".join(f"{cap} per {period}" for period, cap in caps)
    spends = f"spends at most {capped}" if capped else "has no caps"
    return f"  {account.role.value:<5} {account.name} has {account.balance} base units; {spends}"
