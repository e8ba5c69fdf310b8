"""Turns transactions into receipts, runs receipts, and sends what follows from them."""

from base64 import b64encode
from typing import Any

from devnet.near import actions, fees
from devnet.near.applying import ActionsOf, Applied
from devnet.near.errors import ActionError, ContractError
from devnet.near.receipts import (
    ActionReceipt,
    Block,
    DataReceipt,
    Outcome,
    Receipt,
    deposit_refund,
    gas_refund,
)
from devnet.near.state import State, Working
from devnet.near.transaction import SignedTransaction, cost_of
from devnet.near.verifier import charge
from devnet.near.vm import Vm

DataKey = tuple[str, str]


class Runtime:
    """The state, the receipts that wait for data, and the receipts of the next block."""

    def __init__(self, state: State, vm: Vm) -> None:
        self.state, self.vm = state, vm
        self.outgoing: list[Receipt] = []
        # By (account, data id): data that came, and the receipt that waits for data to come.
        self.received: dict[DataKey, bytes | None] = {}
        self.awaited_by: dict[DataKey, ActionReceipt] = {}
        self.missing: dict[str, int] = {}  # by receipt id: how many data it still waits for

    def copy(self) -> "Runtime":
        """An independent copy, for a snapshot."""
        copied = Runtime(self.state.copy(), self.vm)
        copied.outgoing = list(self.outgoing)
        copied.received = dict(self.received)
        copied.awaited_by = dict(self.awaited_by)
        copied.missing = dict(self.missing)
        return copied

    def convert(self, transaction: SignedTransaction, block: Block) -> ActionReceipt:
        """Charge the signer and make the transaction's receipt; raises InvalidTxError."""
        signer, key, cost = charge(transaction, self.state, block.height, block.gas_price)
        working = Working(self.state)
        working.put_account(transaction.signer_id, signer)
        working.put_access_key(transaction.signer_id, transaction.public_key, key)
        cause = {"type": "transaction_processing", "tx_hash": transaction.hash}
        block.changes += working.commit(self.state, cause)
        receipt = ActionReceipt(
            block.new_id(transaction.hash),
            transaction.signer_id,
            transaction.receiver_id,
            transaction.signer_id,
            transaction.public_key,
            block.gas_price,
            transaction.actions,
        )
        burnt = cost.burnt_gas * block.gas_price
        block.burn(burnt)
        block.transactions.append(transaction.hash)
        block.add(
            Outcome(
                transaction.hash,
                block.hash,
                block.height,
                transaction.signer_id,
                {"SuccessReceiptId": receipt.id},
                (),
                (receipt.id,),
                cost.burnt_gas,
                burnt,
            )
        )
        return receipt

    def process(self, receipt: Receipt, block: Block) -> None:
        """Run a receipt, or let it wait for its data, or deliver data to the one that waits."""
        if isinstance(receipt, DataReceipt):
            self._deliver(receipt, block)
            return
        missing = [
            (receipt.receiver_id, data_id)
            for data_id in receipt.input_data_ids
            if (receipt.receiver_id, data_id) not in self.received
        ]
        if missing:
            self.missing[receipt.id] = len(missing)
            self.awaited_by.update(dict.fromkeys(missing, receipt))
        else:
            self._run(receipt, block)

    def _deliver(self, receipt: DataReceipt, block: Block) -> None:
        key = (receipt.receiver_id, receipt.data_id)
        self.received[key] = receipt.data
        waiting = self.awaited_by.pop(key, None)
        if waiting is None:
            return
        self.missing[waiting.id] -= 1
        if not self.missing[waiting.id]:
            del self.missing[waiting.id]
            self._run(waiting, block)

    def _run(self, receipt: ActionReceipt, block: Block) -> None:
        inputs = tuple(
            self.received.pop((receipt.receiver_id, data_id)) for data_id in receipt.input_data_ids
        )
        working = Working(self.state)
        run = ActionsOf(receipt, inputs, working, block, self.vm)
        run.done.gas_burnt = run.done.gas_used = fees.RECEIPT.execution
        failure = _apply_all(run)
        done = run.done
        if failure is not None:
            working.discard()
            done.receipts, done.returned = [], b""
        cause = {"type": "receipt_processing", "receipt_hash": receipt.id}
        block.changes += working.commit(self.state, cause)
        tokens_burnt = self._settle(receipt, done, block, failed=failure is not None)
        self.outgoing += done.receipts  # refunds before data, as nearcore does
        self._send_data(receipt, done, block, failed=failure is not None)
        block.add(_outcome(receipt, done, block, failure, tokens_burnt))

    def _settle(self, receipt: ActionReceipt, done: Applied, block: Block, *, failed: bool) -> int:
        """Refund what was not used, reward the contract; returns the yocto burnt."""
        if receipt.is_refund:
            if failed:  # a refund to an account that is gone is burnt
                block.burn(actions.total_deposit(receipt.actions))
            return 0
        cost = cost_of(receipt.actions, receipt.receiver_id)
        if failed and cost.deposit:
            refund_id = block.new_id(receipt.id)
            done.receipts.append(deposit_refund(refund_id, receipt.predecessor_id, cost.deposit))
        unused = cost.prepaid_gas - (done.gas_burnt if failed else done.gas_used)
        if unused > 0 and receipt.gas_price:
            done.receipts.append(
                gas_refund(
                    block.new_id(receipt.id),
                    receipt.signer_id,
                    receipt.signer_public_key,
                    unused * receipt.gas_price,
                )
            )
        burnt = done.gas_burnt * receipt.gas_price
        block.burn(burnt - self._reward(receipt, done, block))
        return burnt

    def _reward(self, receipt: ActionReceipt, done: Applied, block: Block) -> int:
        """Give the contract its part of the gas that it burnt; returns the yocto."""
        numerator, denominator = fees.BURNT_GAS_REWARD
        reward = done.call_gas * numerator // denominator * receipt.gas_price
        account = self.state.account(receipt.receiver_id)
        if not reward or account is None:
            return 0
        working = Working(self.state)
        working.put_account(receipt.receiver_id, account._replace(amount=account.amount + reward))
        cause = {"type": "action_receipt_gas_reward", "receipt_hash": receipt.id}
        block.changes += working.commit(self.state, cause)
        return reward

    def _send_data(
        self, receipt: ActionReceipt, done: Applied, block: Block, *, failed: bool
    ) -> None:
        if isinstance(done.returned, str):  # a promise returns in our place
            return
        data = None if failed else done.returned
        for data_id, receiver_id in receipt.output_receivers:
            new_id = block.new_id(data_id)
            self.outgoing.append(
                DataReceipt(new_id, receipt.receiver_id, receiver_id, data_id, data)
            )


def _apply_all(run: ActionsOf) -> Any:
    """Apply the actions in order; the failure as nearcore's ActionError, or None."""
    last = len(run.receipt.actions) - 1
    for index, action in enumerate(run.receipt.actions):
        try:
            run.apply(action, is_last=index == last)
        except ActionError as error:
            return {"index": index, "kind": error.kind}
        except ContractError as error:
            return {"index": index, "kind": {"FunctionCallError": error.kind}}
    account = run.working.account(run.account_id)
    lacking = account.missing_for_storage() if account else 0
    if lacking:
        kind = {"account_id": run.account_id, "amount": str(lacking)}
        return {"index": None, "kind": {"LackBalanceForState": kind}}
    return None


def _outcome(
    receipt: ActionReceipt, done: Applied, block: Block, failure: Any, tokens_burnt: int
) -> Outcome:
    status: Any
    if failure is not None:
        status = {"Failure": {"ActionError": failure}}
    elif isinstance(done.returned, str):
        status = {"SuccessReceiptId": done.returned}
    else:
        status = {"SuccessValue": b64encode(done.returned).decode()}
    return Outcome(
        receipt.id,
        block.hash,
        block.height,
        receipt.receiver_id,
        status,
        tuple(done.logs),
        tuple(made.id for made in done.receipts),
        done.gas_burnt,
        tokens_burnt,
    )
