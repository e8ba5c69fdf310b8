"""Orders as EIP-712 and as the factory takes them (contracts/evm, EscrowFactory.sol)."""

from typing import Any, Final

from eth_abi.abi import encode
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from chains_app.adapters.evm_accounts import Account, SignableMessage, encode_typed_data
from chains_app.adapters.evm_contract import ZERO_ADDRESS, selector
from chains_app.adapters.evm_tokens import Erc20
from chains_app.adapters.node import RpcError
from chains_app.adapters.rpc import JsonRpc
from chains_app.locks import Call, LockTerms
from chains_app.orders import KEY_SIGNATURE, Order, SignedOrder
from chains_app.tokens import TokenSpec

DOMAIN_NAME: Final = "1Balancer EscrowFactory"
DOMAIN_VERSION: Final = "1"
_MEMBERS: Final = (
    ("depositor", "address"),
    ("beneficiary", "address"),
    ("token", "address"),
    ("amount", "uint256"),
    ("hashlock", "bytes32"),
    ("lockBy", "uint64"),
    ("timelock", "uint64"),
    ("destinationChain", "string"),
    ("destinationToken", "string"),
    ("receiver", "string"),
    ("minimumAmount", "uint256"),
    ("fee", "uint256"),
)
_DOMAIN_MEMBERS: Final = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
_ORDER: Final = f"({','.join(kind for _, kind in _MEMBERS)})"
_CREATE_FOR: Final = selector(f"createSrcEscrowFor({_ORDER},bytes,bytes)")


def typed_data(order: Order, chain_id: int) -> dict[str, Any]:
    """What a wallet is asked to sign (`eth_signTypedData_v4`); whole numbers as decimal strings."""
    values = zip((name for name, _ in _MEMBERS), _values(order), strict=True)
    return {
        "types": {"EIP712Domain": _named(_DOMAIN_MEMBERS), "Order": _named(_MEMBERS)},
        "primaryType": "Order",
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": order.terms.contract,
        },
        "message": {name: _on_the_wire(value) for name, value in values},
    }


def signer_of(signed: SignedOrder, chain_id: int) -> str | None:
    """The account whose key made the signature, or None when it is no ECDSA signature."""
    if len(signed.signature) != KEY_SIGNATURE:
        return None
    try:
        return str(
            Account.recover_message(_signable(signed.order, chain_id), signature=signed.signature)
        )
    except (ValueError, TypeError, BadSignature, ValidationError):
        return None


def creation_for(signed: SignedOrder) -> tuple[str, int, bytes]:
    """To, value in wei and data of the lock's creation by anybody."""
    kinds = [_ORDER, "bytes", "bytes"]
    data = encode(kinds, [_values(signed.order), signed.signature, signed.permit])
    return signed.order.terms.contract, 0, _CREATE_FOR + data


class EvmOrders:
    """Whether a chain takes an order now. Raises ChainError."""

    def __init__(self, chain_id: int, rpc: JsonRpc, tokens: Erc20) -> None:
        self._chain_id, self._rpc, self._tokens = chain_id, rpc, tokens

    def problem(self, signed: SignedOrder, coin: TokenSpec) -> str | None:
        """Why submitting it would fail, by the head and with the gas it will be sent with."""
        terms = signed.order.terms
        if not self._is_signed(signed):
            return f"it is not signed by {terms.depositor} for this session: sign its typed data"
        return self._funds_problem(signed, coin) or self._refusal(signed, coin)

    def _is_signed(self, signed: SignedOrder) -> bool:
        """By the key; what a wallet contract takes for a signature only it can say (ERC-1271)."""
        depositor = signed.order.terms.depositor
        if signer_of(signed, self._chain_id) == depositor:
            return True
        return bool(self._rpc.read("eth_getCode", [depositor, "latest"]) != "0x")

    def _funds_problem(self, signed: SignedOrder, coin: TokenSpec) -> str | None:
        terms, token = signed.order.terms, coin.token or ""
        owner, factory, needed = terms.depositor, terms.contract, terms.amount
        if (held := self._tokens.balance(token, owner)) < needed:
            return f"{owner} has {held} base units of {coin.symbol}, not {needed}"
        if signed.permit or (allowed := self._tokens.allowance(token, owner, factory)) >= needed:
            return None
        return (
            f"{owner} allows {factory} to move {allowed} base units of {coin.symbol}, "
            f"not {needed}: approve more, or send a permit"
        )

    def _refusal(self, signed: SignedOrder, coin: TokenSpec) -> str | None:
        to, value, data = creation_for(signed)
        gas = hex(coin.gas[Call.LOCK_FOR])
        call = {"to": to, "value": hex(value), "data": "0x" + data.hex(), "gas": gas}
        try:
            self._rpc.read("eth_call", [call, "latest"])
        except RpcError:
            return (
                f"{to} would refuse it now: see that the permit is right, that the token is not "
                "paused, and that your wallet contract takes the signature"
            )
        return None


def submission(signed: SignedOrder | None, terms: LockTerms) -> tuple[str, int, bytes]:
    """The same for these terms; raises ValueError when the order is not for them."""
    if signed is None or signed.order.terms != terms:
        raise ValueError("a lock for its depositor needs an order for its terms")
    return creation_for(signed)


def _signable(order: Order, chain_id: int) -> SignableMessage:
    data = typed_data(order, chain_id)
    values = zip((name for name, _ in _MEMBERS), _values(order), strict=True)
    return encode_typed_data(full_message={**data, "message": dict(values)})


def _values(order: Order) -> tuple[Any, ...]:
    terms = order.terms
    return (
        terms.depositor,
        terms.beneficiary,
        terms.token or ZERO_ADDRESS,
        terms.amount,
        terms.hashlock,
        terms.lock_by,
        terms.timelock,
        order.destination_chain,
        order.destination_token,
        order.receiver,
        order.minimum_amount,
        order.fee,
    )


def _named(members: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in members]


def _on_the_wire(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
