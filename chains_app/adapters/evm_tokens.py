"""ERC-20 tokens: balances, allowances, and whether a transfer would go through."""

from collections.abc import Mapping
from typing import Any, Final

from eth_abi.abi import encode

from chains_app.adapters.evm_contract import PAYOUT_GAS, selector, topic
from chains_app.adapters.evm_signing import TRANSFER_GAS
from chains_app.adapters.interface import ChainError, Shortage
from chains_app.adapters.node import RpcError
from chains_app.adapters.rpc import JsonRpc
from chains_app.locks import Call, LockTerms
from chains_app.tokens import TokenSpec

UNLIMITED: Final = 2**256 - 1
_WORD: Final = 66  # characters of one
_TRANSFER: Final = "0x" + selector("transfer(address,uint256)").hex()
_TRANSFERRED: Final = topic("Transfer(address,address,uint256)")


def transfer(to: str, amount: int) -> bytes:
    """Data of a transfer."""
    return selector("transfer(address,uint256)") + encode(["address", "uint256"], [to, amount])


def approval(spender: str, amount: int) -> bytes:
    """Data of an approval."""
    return selector("approve(address,uint256)") + encode(["address", "uint256"], [spender, amount])


def repayment(terms: LockTerms) -> tuple[str, int, bytes]:
    """To, value and data of a lock's amount to its depositor, outside of any escrow."""
    if terms.token is None:
        return terms.depositor, terms.amount, b""
    return terms.token, 0, transfer(terms.depositor, terms.amount)


def moved_nothing(sent: Mapping[str, Any], receipt: Mapping[str, Any]) -> bool:
    """Whether it is a transfer that the token took and did not make: EIP-20 lets it answer false.

    `sent` and `receipt` as a node gives them, of a transaction that did not fail.
    """
    if not str(sent["input"]).startswith(_TRANSFER):
        return False
    logs = [log for log in receipt["logs"] if log["address"].lower() == str(sent["to"]).lower()]
    return not any(log["topics"][:1] == [_TRANSFERRED] for log in logs)


def our_approval(call: Call, token: str | None, factory: str) -> tuple[str, int, bytes]:
    """To, value and data of APPROVE and APPROVE_ZERO.

    Without a limit: the factory is ours, has no owner, and takes money from its caller, or by the
    depositor's signed order, alone.
    """
    if token is None:
        raise ValueError("the native coin needs no approval")
    amount = UNLIMITED if call is Call.APPROVE else 0
    return token, 0, approval(factory, amount)


def missing_approval(coin: TokenSpec, allowance: int, amount: int) -> Call | None:
    """The approval that comes next, or None when the allowance suffices."""
    if allowance >= amount:
        return None
    return Call.APPROVE_ZERO if coin.approve_zero_first and allowance > 0 else Call.APPROVE


class Erc20:
    """What one chain's tokens answer, at the head. Raises ChainError."""

    def __init__(self, chain: str, rpc: JsonRpc) -> None:
        self._chain, self._rpc = chain, rpc

    def balance(self, token: str, account: str) -> int:
        """Base units."""
        data = selector("balanceOf(address)") + encode(["address"], [account])
        return self._number(token, data)

    def allowance(self, token: str, owner: str, spender: str) -> int:
        """Base units that `spender` may still take from `owner`."""
        data = selector("allowance(address,address)")
        return self._number(token, data + encode(["address", "address"], [owner, spender]))

    def decimals(self, token: str) -> int:
        """As the token tells them."""
        return self._number(token, selector("decimals()"))

    def payer(self, terms: LockTerms, escrow: str) -> str:
        """Who holds a lock's money now: the escrow, or still its depositor."""
        if terms.token is None:
            return escrow
        funded = self.balance(terms.token, escrow) >= terms.amount
        return escrow if funded else terms.depositor

    def takes_transfer(
        self,
        coin: TokenSpec,
        sender: str,
        to: str,
        amount: int,
        *,
        gas: int = TRANSFER_GAS + PAYOUT_GAS,
    ) -> bool:
        """Whether the token would move this now, by the gas of a payout, and say so."""
        if coin.token is None:
            raise ValueError("the native coin is no token")
        try:
            more = {"from": sender, "gas": hex(gas)}
            answer = self._call(coin.token, transfer(to, amount), more)
        except RpcError:
            return False
        if coin.no_return and answer == "0x":
            return True
        return len(answer) >= _WORD and int(answer[:_WORD], 16) == 1

    def takes_repayment(self, coin: TokenSpec, sender: str, to: str, amount: int) -> bool:
        """Whether a plain transfer of a token, or of native coin, would go through now."""
        gas = coin.gas[Call.REPAY]
        if coin.token is not None:
            return self.takes_transfer(coin, sender, to, amount, gas=gas)
        pay = {"from": sender, "to": to, "value": hex(amount), "gas": hex(gas)}
        try:
            self._rpc.read("eth_call", [pay, "latest"])
        except RpcError:
            return False
        return True

    def _call(self, token: str, data: bytes, more: dict[str, Any] | None = None) -> str:
        call = {"to": token, "data": "0x" + data.hex(), **(more or {})}
        return str(self._rpc.read("eth_call", [call, "latest"]))

    def _number(self, token: str, data: bytes) -> int:
        answer = self._call(token, data)
        if len(answer) != _WORD:
            raise ChainError(f"{self._chain}: {token} does not answer as an ERC-20")
        return int(answer, 16)

    def problems(self, coin: TokenSpec, holder: str | None) -> list[str]:
        """What the chain shows of a token that its declaration does not say, or `holder` lacks."""
        if coin.token is None:
            return []
        name = f"{self._chain}: {coin.symbol} at {coin.token}"
        if self._rpc.read("eth_getCode", [coin.token, "latest"]) == "0x":
            return [f"{name} has no code: correct its address"]
        wrong = []
        try:
            decimals = self.decimals(coin.token)
            held = 0 if holder is None else self.balance(coin.token, holder)
        except ChainError:
            return [f"{name} does not answer as an ERC-20: take it out"]
        if decimals != coin.decimals:
            wrong.append(f"{name} has {decimals} decimals, not {coin.decimals}: correct them")
        if holder is None:
            return wrong
        if held == 0:
            return [*wrong, Shortage(f"{name}: {holder} holds none: fund it")]
        if not self.takes_transfer(coin, holder, holder, held):
            said = (
                f"{name} does not let {holder} move what it holds: see whether it is paused, and "
                "whether its transfers answer as declared (no_return)"
            )
            wrong.append(Shortage(said))
        return wrong
