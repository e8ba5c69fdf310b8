"""NEP-141 tokens: balances, registrations (NEP-145), and what is wrong with one."""

from collections.abc import Iterator
from typing import Any

from chains_app.adapters.interface import ChainError, ChainUnavailableError, Shortage
from chains_app.adapters.near_rpc import OPTIMISTIC, NearRpc
from chains_app.locks import Call
from chains_app.tokens import TokenSpec


class Nep141:
    """What one chain's tokens answer, at the head. Raises ChainError."""

    def __init__(self, chain: str, rpc: NearRpc) -> None:
        self._chain, self._rpc = chain, rpc

    def balance(self, token: str, account: str) -> int:
        """Base units."""
        return int(self._view(token, "ft_balance_of", account_id=account))

    def is_registered(self, token: str, account: str) -> bool:
        """Whether the token would take a transfer to `account`."""
        return self._view(token, "storage_balance_of", account_id=account) is not None

    def registration(self, token: str) -> int:
        """The least yocto that registers an account."""
        return int(self._view(token, "storage_balance_bounds")["min"])

    def decimals(self, token: str) -> int:
        """As the token's metadata tell them."""
        return int(self._view(token, "ft_metadata")["decimals"])

    def _view(self, token: str, method: str, **arguments: Any) -> Any:
        return self._rpc.view(token, method, arguments, OPTIMISTIC)

    def problems(self, coin: TokenSpec, htlc: str, holder: str | None) -> Iterator[str]:
        """What the chain shows of a token that its declaration does not say, or our accounts lack.

        `holder`: our lock account, None where there is none. Raises ChainUnavailableError.
        """
        name = f"{self._chain}: {coin.symbol} at {coin.token}"
        try:
            for problem in self._problems(coin, htlc, holder):
                yield type(problem)(f"{name} {problem}")
        except ChainUnavailableError:
            raise
        except ChainError:
            yield f"{name} does not answer as a NEP-141: correct its account, or take it out"

    def _problems(self, coin: TokenSpec, htlc: str, holder: str | None) -> Iterator[str]:
        token, most = str(coin.token), coin.deposits[Call.REGISTER]
        if (decimals := self.decimals(token)) != coin.decimals:
            yield f"has {decimals} decimals, not {coin.decimals}: correct them"
        if (asked := self.registration(token)) > most:
            said = f"asks {asked} yocto to register an account: raise most_registration of {most}"
            yield Shortage(said)
        for account in (htlc, holder):
            if account is not None and not self.is_registered(token, account):
                yield f"does not know {account}: call storage_deposit for it"
        if holder is not None and self.balance(token, holder) == 0:
            yield Shortage(f"shows that {holder} holds none: fund it")
