"""Applies the actions of one receipt to a working copy of the state."""

from dataclasses import dataclass, field
from hashlib import sha256

from devnet.near import account_id, actions, fees
from devnet.near.actions import Action
from devnet.near.crypto import ZERO_HASH, hash_bytes, hash_of, key_text
from devnet.near.delegating import check_delegate
from devnet.near.errors import ActionError, ActionsInvalidError, code_does_not_exist
from devnet.near.host import CallContext, Logic
from devnet.near.receipts import ActionReceipt, Block, deposit_refund
from devnet.near.state import Account, Column, Record, Working, key_storage
from devnet.near.vm import Vm


@dataclass
class Applied:
    """The sum of what the actions did; `returned` is a value, or the id of a receipt."""

    gas_burnt: int = 0
    gas_used: int = 0
    call_gas: int = 0  # burnt by contract code: a part of it is the contract's reward
    logs: list[str] = field(default_factory=list)
    receipts: list[ActionReceipt] = field(default_factory=list)
    returned: bytes | str = b""


class ActionsOf:
    """The run of one receipt's actions, one after the other; any of them may raise."""

    def __init__(
        self,
        receipt: ActionReceipt,
        inputs: tuple[bytes | None, ...],
        working: Working,
        block: Block,
        vm: Vm,
    ) -> None:
        self.receipt, self.inputs, self.working = receipt, inputs, working
        self.block, self.vm = block, vm
        self.account_id = receipt.receiver_id
        self.actor_id = receipt.predecessor_id
        self.done = Applied()

    def apply(self, action: Action, *, is_last: bool) -> None:
        """Apply one action; raises ActionError or ContractError."""
        is_delegate = isinstance(action, actions.Delegate)  # the rest of its fee is the relayed's
        fee = (fees.DELEGATE if is_delegate else actions.fee_of(action, self.account_id)).execution
        self.done.gas_burnt += fee
        self.done.gas_used += fee
        account = self.working.account(self.account_id)
        if isinstance(action, actions.CreateAccount):
            self._create_account(account)
            return
        if isinstance(action, actions.Transfer) and account is None:
            self._create_implicit(action)
            return
        if account is None:
            raise ActionError({"AccountDoesNotExist": {"account_id": self.account_id}})
        self._apply_to(account, action, is_last=is_last)

    def _apply_to(self, account: Account, action: Action, *, is_last: bool) -> None:
        match action:
            case actions.Transfer(deposit):
                self._transfer(account, deposit)
            case actions.FunctionCall():
                self._function_call(account, action, is_last=is_last)
            case actions.DeployContract(code):
                self._require_actor()
                self._deploy(account, code)
            case actions.AddKey():
                self._require_actor()
                self._add_key(account, action)
            case actions.DeleteKey(public_key):
                self._require_actor()
                self._delete_key(account, public_key)
            case actions.DeleteAccount(beneficiary_id):
                self._require_actor()
                self._delete_account(account, beneficiary_id)
            case actions.Stake(stake):
                self._require_actor()
                self._refuse_stake(account, stake)
            case actions.Delegate():
                self._delegate(action)

    def _require_actor(self) -> None:
        if self.actor_id != self.account_id:
            names = {"account_id": self.account_id, "actor_id": self.actor_id}
            raise ActionError({"ActorNoPermission": names})

    # accounts

    def _create_account(self, account: Account | None) -> None:
        name, creator = self.account_id, self.receipt.predecessor_id
        if account is not None:
            raise ActionError({"AccountAlreadyExists": {"account_id": name}})
        if account_id.is_implicit(name):
            raise ActionError({"OnlyImplicitAccountCreationAllowed": {"account_id": name}})
        if account_id.is_top_level(name):
            if len(name) < fees.MIN_TOP_LEVEL_LENGTH and creator != fees.REGISTRAR:
                names = {"registrar_account_id": fees.REGISTRAR, "predecessor_id": creator}
                kind = {"CreateAccountOnlyByRegistrar": {"account_id": name, **names}}
                raise ActionError(kind)
        elif not account_id.is_child_of(name, creator):
            names = {"account_id": name, "predecessor_id": creator}
            raise ActionError({"CreateAccountNotAllowed": names})
        self.actor_id = name
        self.working.put_account(name, Account(0, ZERO_HASH, fees.STORAGE_BYTES_ACCOUNT))

    def _create_implicit(self, transfer: actions.Transfer) -> None:
        name = self.account_id
        alone = len(self.receipt.actions) == 1 and not self.receipt.is_refund
        if not (alone and account_id.is_implicit(name)):
            raise ActionError({"AccountDoesNotExist": {"account_id": name}})
        if account_id.is_eth_implicit(name):
            wallet = fees.ETH_WALLET_CONTRACT
            usage = fees.STORAGE_BYTES_ACCOUNT + len(hash_bytes(wallet))
            account = Account(transfer.deposit, ZERO_HASH, usage, wallet)
            self.working.put_account(name, account)
            return
        public_key = key_text(b"\0" + bytes.fromhex(name))
        key = actions.AccessKey(self._first_nonce(), None)
        usage = fees.STORAGE_BYTES_ACCOUNT + key_storage(public_key, key)
        self.working.put_account(name, Account(transfer.deposit, ZERO_HASH, usage))
        self.working.put_access_key(name, public_key, key)

    def _first_nonce(self) -> int:
        return (self.block.height - 1) * fees.NONCE_RANGE

    def _transfer(self, account: Account, deposit: int) -> None:
        self._save(account._replace(amount=account.amount + deposit))
        receipt = self.receipt
        if receipt.is_refund and receipt.signer_id == self.account_id:
            self._refund_allowance(receipt.signer_public_key, deposit)

    def _refund_allowance(self, public_key: str, amount: int) -> None:
        key = self.working.access_key(self.account_id, public_key)
        if key is None or key.permission is None or key.permission.allowance is None:
            return
        grown = key.permission._replace(allowance=key.permission.allowance + amount)
        self.working.put_access_key(self.account_id, public_key, key._replace(permission=grown))

    def _delete_account(self, account: Account, beneficiary_id: str) -> None:
        code = self.working.code(self.account_id)
        if account.storage_usage - len(code or b"") > fees.MAX_DELETION_BYTES:
            kind = {"DeleteAccountWithLargeState": {"account_id": self.account_id}}
            raise ActionError(kind)
        for column in Column:
            for record, _ in self.working.records_of(self.account_id, column):
                self.working.put(record, None)
        if account.amount:
            refund_id = self.block.new_id(self.receipt.id)
            self.done.receipts.append(deposit_refund(refund_id, beneficiary_id, account.amount))

    def _refuse_stake(self, account: Account, stake: int) -> None:
        if stake > account.amount:
            amounts = {"stake": str(stake), "locked": "0", "balance": str(account.amount)}
            kind = {"TriesToStake": {"account_id": self.account_id, **amounts}}
        elif stake == 0:
            kind = {"TriesToUnstake": {"account_id": self.account_id}}
        else:
            minimum = {"stake": str(stake), "minimum_stake": str(account.amount + 1)}
            kind = {"InsufficientStake": {"account_id": self.account_id, **minimum}}
        raise ActionError(kind)

    # contract and keys

    def _deploy(self, account: Account, code: bytes) -> None:
        """Set the contract.

        nearcore deploys any bytes and fails their calls; here wasm that is not MVP is refused at
        once, with the error that those calls would have.
        """
        code_hash = hash_of(code)
        self.vm.require_mvp(code_hash, code)
        replaced = self.working.code(self.account_id) or b""
        usage = account.storage_usage - len(replaced) + len(code)
        self._save(account._replace(code_hash=code_hash, storage_usage=usage))
        self.working.put(Record(Column.CODE, self.account_id), code)

    def _add_key(self, account: Account, action: actions.AddKey) -> None:
        public_key = action.public_key
        if self.working.access_key(self.account_id, public_key) is not None:
            names = {"account_id": self.account_id, "public_key": public_key}
            raise ActionError({"AddKeyAlreadyExists": names})
        key = action.access_key._replace(nonce=self._first_nonce())
        usage = account.storage_usage + key_storage(public_key, key)
        self._save(account._replace(storage_usage=usage))
        self.working.put_access_key(self.account_id, public_key, key)

    def _delete_key(self, account: Account, public_key: str) -> None:
        key = self.working.access_key(self.account_id, public_key)
        if key is None:
            names = {"account_id": self.account_id, "public_key": public_key}
            raise ActionError({"DeleteKeyDoesNotExist": names})
        usage = account.storage_usage - key_storage(public_key, key)
        self._save(account._replace(storage_usage=usage))
        self.working.put_access_key(self.account_id, public_key, None)

    def _save(self, account: Account) -> None:
        self.working.put_account(self.account_id, account)

    # meta-transactions

    def _delegate(self, delegate: actions.Delegate) -> None:
        """Send on what somebody else signed; the signer of this receipt pays for all of it."""
        check_delegate(delegate, self.account_id, self.working, self.block.height)
        receipt = self.receipt
        self.done.receipts.append(
            ActionReceipt(
                self.block.new_id(receipt.id),
                self.account_id,
                delegate.receiver_id,
                receipt.signer_id,
                receipt.signer_public_key,
                receipt.gas_price,
                delegate.actions,
            )
        )
        follows = actions.total_fee(delegate.actions, delegate.receiver_id)
        sent = follows.send - fees.RECEIPT.send
        self.done.gas_burnt += sent
        self.done.gas_used += sent + follows.execution + actions.total_prepaid_gas(delegate.actions)

    # calls

    def _function_call(
        self, account: Account, call: actions.FunctionCall, *, is_last: bool
    ) -> None:
        if account.global_contract is not None:
            identifier = {"hash": account.global_contract}
            raise ActionError({"GlobalContractDoesNotExist": {"identifier": identifier}})
        funded = account._replace(amount=account.amount + call.deposit)
        outputs = self.receipt.output_receivers if is_last else ()
        context = CallContext(
            current_account_id=self.account_id,
            signer_account_id=self.receipt.signer_id,
            signer_public_key=self.receipt.signer_public_key,
            predecessor_account_id=self.receipt.predecessor_id,
            method_name=call.method_name,
            input=call.args,
            promise_results=self.inputs,
            attached_deposit=call.deposit,
            prepaid_gas=call.gas,
            block_height=self.block.height,
            block_timestamp=self.block.timestamp,
            epoch_height=self.block.epoch,
            random_seed=sha256(f"{self.receipt.id}{self.block.hash}".encode()).digest(),
            data_receivers=len(outputs),
            is_view=False,
        )
        logic = Logic(context, self.working, funded.amount, funded.storage_usage)
        try:
            run_call(self.vm, funded, logic)
            logic.share_unused_gas()
        finally:
            self.done.gas_burnt += logic.burnt
            self.done.call_gas += logic.burnt
            self.done.gas_used += logic.burnt + logic.promised_gas
            self.done.logs += logic.logs
        self._save(funded._replace(amount=logic.balance, storage_usage=logic.storage_usage))
        self._send_promises(logic, outputs)

    def _send_promises(self, logic: Logic, outputs: tuple[tuple[str, str], ...]) -> None:
        sent = self._wire(logic)
        returned = logic.returned
        if isinstance(returned, int):
            last = sent[returned]
            sent[returned] = last._replace(output_receivers=last.output_receivers + outputs)
            self.done.returned = last.id
        else:
            self.done.returned = returned or b""
        self.done.receipts += sent

    def _wire(self, logic: Logic) -> list[ActionReceipt]:
        """The receipts that a call made, with data ids joining each to those that it awaits."""
        sent: list[ActionReceipt] = []
        for made in logic.receipts:
            new_id = self.block.new_id(self.receipt.id)
            awaited = []
            for index in made.dependencies:
                data_id = self.block.new_id(new_id)
                awaited.append(data_id)
                outputs = (*sent[index].output_receivers, (data_id, made.receiver_id))
                sent[index] = sent[index]._replace(output_receivers=outputs)
            sent.append(
                ActionReceipt(
                    new_id,
                    self.account_id,
                    made.receiver_id,
                    self.receipt.signer_id,
                    self.receipt.signer_public_key,
                    self.receipt.gas_price,
                    tuple(made.actions),
                    (),
                    tuple(awaited),
                )
            )
        _validate(sent)
        return sent


def _validate(sent: list[ActionReceipt]) -> None:
    for receipt in sent:
        try:
            actions.validate(receipt.actions)
        except ActionsInvalidError as error:
            kind = {"ActionsValidation": error.validation}
            raise ActionError({"NewReceiptValidationError": kind}) from None


def run_call(vm: Vm, account: Account, logic: Logic) -> None:
    """Run the call that `logic` describes on the account's contract; raises ContractError."""
    name = logic.context.current_account_id
    code = logic.working.code(name)
    if code is None:
        raise code_does_not_exist(name)
    vm.call(vm.prepare(account.code_hash, code), logic.context.method_name, logic)
