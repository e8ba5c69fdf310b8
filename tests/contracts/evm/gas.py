"""Gas of each path, measured on anvil: `python -m tests.contracts.evm.gas` writes docs/gas.md.

Everything is fixed (keys, times, addresses), so that the same contracts give the same numbers.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from devnet.anvil import CHAIN_ID, start_anvil
from tests.contracts.evm.chain import NATIVE, START, Chain, Receipt
from tests.contracts.evm.locks import Lock, account, address, sign_permit
from tests.contracts.evm.world import (
    AMOUNT,
    ANYBODY,
    BENEFICIARY,
    DEPOSITOR,
    SECRET,
    TIMELOCK,
    World,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "gas.md"
REFUSE = 1  # Receiver.Conduct

Table = dict[str, int]

# An ERC-20 leg, creation + withdrawal: our paths, the same on the escrow contracts of 1inch
# (solc 0.8.23, viaIR), and how much of that we may use.
LEGS = [
    ("source, gasless", "createSrcEscrowFor, ERC-20", 185_511 + 46_523, 1.0),
    ("destination", "createDstEscrow, ERC-20", 102_408 + 46_583, 1.25),
]

TEXT = """# Gas of the EVM contracts

Written by `python -m tests.contracts.evm.gas`; the tests measure again and fail when a number here
is no longer true. Units of gas of whole transactions on anvil, without the fee that BASE takes for
data. Receivers are warm: they had some of the asset before. The depositor keeps units and allowance
after a creation, except in the row with a permit for the exact amount.

"""


def measure(world: World) -> Table:
    """Gas used by each path; the world is left as it was."""
    snapshot = world.chain.at(START + 1).anvil.snapshot()
    table = _creations(world) | _endings(world) | _failures(world)
    world.chain.anvil.revert(snapshot)
    return table


def _gas(world: World, act: Callable[[], Receipt]) -> int:
    """Gas of one transaction, which is undone."""
    snapshot = world.chain.anvil.snapshot()
    gas = act().gas_used
    world.chain.anvil.revert(snapshot)
    return gas


def _creations(world: World) -> Table:
    native, erc20, order = world.lock(token=NATIVE), world.lock(), world.order()
    return {
        "createSrcEscrow, native": _gas(world, lambda: world.create(native, "Src")),
        "createSrcEscrow, ERC-20": _gas(world, lambda: world.create(erc20, "Src")),
        "createDstEscrow, native": _gas(world, lambda: world.create(native, "Dst")),
        "createDstEscrow, ERC-20": _gas(world, lambda: world.create(erc20, "Dst")),
        "createSrcEscrowFor, ERC-20": _gas(world, lambda: world.create_for(order)),
        "createSrcEscrowFor with permit, ERC-20": _gas(world, lambda: _create_with_permit(world)),
    }


def _create_with_permit(world: World) -> Receipt:
    world.token.send("approve", world.factory.address, 0, sender=DEPOSITOR)
    domain = {"name": "USD Coin", "chainId": CHAIN_ID, "verifyingContract": world.token.address}
    signer = account("depositor")
    permit = sign_permit(signer, world.factory.address, AMOUNT, 0, TIMELOCK, **domain)
    return world.create_for(world.order(), permit=permit)


def _endings(world: World) -> Table:
    table: Table = {}
    for asset, lock in (("native", world.lock(token=NATIVE)), ("ERC-20", world.lock())):
        for function in ("withdraw", "cancel", "cancelByBeneficiary"):
            act = _ending(world, lock, function)
            table[f"{function}, {asset}"] = _gas(world, act)
    return table


def _ending(world: World, lock: Lock, function: str) -> Callable[[], Receipt]:
    def act() -> Receipt:
        escrow = world.opened(lock)
        if function == "withdraw":
            return escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
        world.chain.at(TIMELOCK)
        return escrow.send(function, lock, sender=BENEFICIARY)

    return act


def _failures(world: World) -> Table:
    """A withdrawal whose payout fails at once, and the payout made afterwards."""
    receiver = world.chain.deploy("Receiver", sender=ANYBODY)
    world.chain.anvil.fund(receiver.address, 1)
    native = world.lock(token=NATIVE, beneficiary=receiver.address)

    def block_native(value: bool) -> None:
        receiver.send("setConduct", REFUSE * value, sender=ANYBODY)

    token = world.token_named("BlockingToken")
    token.send("mint", BENEFICIARY, 1, sender=ANYBODY)

    def block_token(value: bool) -> None:
        token.send("setBlocked", BENEFICIARY, value, sender=ANYBODY)

    return _failure(world, native, "native", block_native) | _failure(
        world, world.lock(token=token.address), "ERC-20", block_token
    )


def _failure(world: World, lock: Lock, asset: str, block: Callable[[bool], None]) -> Table:
    escrow = world.opened(lock)
    block(True)
    owed = escrow.send("withdraw", SECRET, lock, sender=ANYBODY).gas_used
    block(False)
    paid = escrow.send("pay", lock, sender=ANYBODY).gas_used
    return {f"withdraw, payout refused, {asset}": owed, f"pay, {asset}": paid}


def render(table: Table) -> str:
    """The page docs/gas.md."""
    rows = [("path", "gas"), ("---", "---:")]
    rows += [(path, f"{gas:,}") for path, gas in table.items()]
    legs = [("leg, ERC-20", "creation + withdrawal", "1inch", "ratio", "reach")]
    legs += [("---", "---:", "---:", "---:", "---:")]
    for name, creation, theirs, reach in LEGS:
        ours = table[creation] + table["withdraw, ERC-20"]
        legs.append((name, f"{ours:,}", f"{theirs:,}", f"{ours / theirs:.2f}", f"<= {reach:.2f}"))
    return TEXT + _markdown(rows) + "\n" + _markdown(legs)


def _markdown(rows: Sequence[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> int:
    """Measure on an anvil of our own and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        node = start_anvil(Path(folder))
        world = World.deploy(Chain(node).at(START), deployer=address("deployer"))
        PAGE.write_text(render(measure(world)))
        node.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
