"""`manage.py check_chains`: chain ids, contracts, keys and balances; exit code 1 on any problem.

Amounts are in coins, exactly: they are for people, who fund accounts in them.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chains_app.adapters.interface import ChainError
from chains_app.checks import Account, accounts, chain_problems
from chains_app.registry import chains, get_chain
from chains_app.tokens import TokenSpec
from orchestrator.kernel.amounts import in_coins


class Command(BaseCommand):
    help = "Checks every configured chain: its id, our contract's code, our keys and balances."

    def handle(self, *_: Any, **__: Any) -> None:
        """Print every contract, account and problem; raises CommandError where there is one."""
        problems = []
        for chain in chains():
            found = self._check(chain)
            problems += found
            self.stdout.write(f"{chain}: {'problems' if found else 'ok'}")
        if problems:
            raise CommandError("\n".join(problems))

    def _check(self, chain: str) -> list[str]:
        self.stdout.write(f"  contract {get_chain(chain).contract}")
        try:
            for account in accounts(chain):
                self.stdout.write(_line(account, get_chain(chain).native))
            return chain_problems(chain)
        except ChainError as error:
            return [f"{chain}: {str(error).removeprefix(f'{chain}: ')}"]


def _line(account: Account, coin: TokenSpec) -> str:
    def coins(amount: int) -> str:
        return f"{in_coins(amount, coin.decimals)} {coin.symbol}"

    caps = () if account.caps is None else account.caps
    capped = ", ".join(f"{coins(cap)} per {period}" for period, cap in caps)
    spends = f"spends at most {capped}" if capped else "has no caps"
    return f"  {account.role.value:<5} {account.name} has {coins(account.balance)}; {spends}"
