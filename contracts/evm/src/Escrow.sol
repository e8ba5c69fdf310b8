// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Lock, State, lockIdOf} from "./Lock.sol";

/// Holds the money of one lock and pays it once, to the beneficiary or to the depositor.
///
/// The factory deploys a minimal proxy of this contract for each lock. One storage slot keeps 31 bytes
/// of the lock's id for ever and one byte of state; callers bring the terms along and the id proves them.
/// Everybody may call everything but `cancelByBeneficiary`: the payout goes to the bound party anyway.
///
/// What lay at the address beside the lock's amount is never paid out: there is no owner to take it.
contract Escrow {
    /// The lock is decided for the beneficiary. `paid` is false when the payout failed and is owed.
    event Withdrawn(bytes32 secret, bool paid);
    /// The lock is decided for the depositor. `paid` is false when the payout failed and is owed.
    event Cancelled(bool byBeneficiary, bool paid);
    /// A payout that had failed before was made.
    event Paid(address to, uint256 amount);

    error OnlyFactory(address caller);
    error OnlyBeneficiary(address caller, address beneficiary);
    error WrongLock(bytes31 expected, bytes31 given);
    error NotOpen(State state);
    error NothingOwed(State state);
    error WrongSecret(bytes32 hash, bytes32 hashlock);
    error TimelockPassed(uint256 time, uint256 timelock);
    error TimelockNotReached(uint256 time, uint256 timelock);
    error InsufficientGas(uint256 needed, uint256 left);
    error PayoutFailed(address to);

    struct Record {
        bytes31 lockId;
        State state;
    }

    /// Gas that the payout call gets, never less: several times what the transfer of a token takes.
    /// A decision gives no more either; `pay`, which decides nothing, gives what the caller brings.
    uint256 public constant PAYOUT_GAS = 200_000;
    /// Bound of what is spent between the check and the payout: account and delegation target cold
    /// (2,600 each), value (9,000), new account (25,000), and the opcodes up to the call.
    uint256 public constant CALL_GAS = 45_000;
    /// Bound of what recording the outcome takes. More than PAYOUT_GAS / 63, so that the 64th part
    /// which a caller must keep never cuts into PAYOUT_GAS.
    uint256 public constant RECORD_GAS = 15_000;
    /// Gas that must be left when the payout is about to be made, else the call reverts, undecided.
    uint256 public constant REQUIRED_GAS = CALL_GAS + PAYOUT_GAS + RECORD_GAS;

    /// The factory that deployed this code. Only it opens escrows.
    address public immutable FACTORY = msg.sender;
    /// Fixed at deployment: were the chain ever to change its id, locks would still be paid.
    uint256 private immutable CHAIN_ID = block.chainid;

    /// 31 bytes of the lock's id, and its state.
    Record public record;

    /// Take the money that the factory has just put here into this lock. The factory calls it once,
    /// in the transaction that deploys the proxy; the implementation itself it never opens.
    function open(bytes31 lockId) external {
        if (msg.sender != FACTORY) revert OnlyFactory(msg.sender);
        record = Record(lockId, State.Open);
    }

    /// Decide for the beneficiary with the right secret, before the timelock.
    function withdraw(bytes32 secret, Lock calldata lock) external {
        _requireOpen(lock);
        if (block.timestamp >= lock.timelock) revert TimelockPassed(block.timestamp, lock.timelock);
        bytes32 hash = sha256(abi.encode(secret));
        if (hash != lock.hashlock) revert WrongSecret(hash, lock.hashlock);
        bool paid = _payOut(lock, lock.beneficiary, State.Withdrawn, State.OwedToBeneficiary, PAYOUT_GAS);
        emit Withdrawn(secret, paid);
    }

    /// Decide for the depositor, from the timelock on.
    function cancel(Lock calldata lock) external {
        _requireOpen(lock);
        if (block.timestamp < lock.timelock) revert TimelockNotReached(block.timestamp, lock.timelock);
        _refund(lock, false);
    }

    /// Decide for the depositor at any time, by the will of the beneficiary.
    function cancelByBeneficiary(Lock calldata lock) external {
        _requireOpen(lock);
        if (msg.sender != lock.beneficiary) revert OnlyBeneficiary(msg.sender, lock.beneficiary);
        _refund(lock, true);
    }

    /// Make a payout that failed before, at any time. If it fails again nothing changes, so that it
    /// may use all the gas that the caller brings: a receiver that needs more than others is paid too.
    function pay(Lock calldata lock) external {
        State owed = _provenState(lock);
        bool toBeneficiary = owed == State.OwedToBeneficiary;
        if (!toBeneficiary && owed != State.OwedToDepositor) revert NothingOwed(owed);
        address to = toBeneficiary ? lock.beneficiary : lock.depositor;
        State paid = toBeneficiary ? State.Withdrawn : State.Refunded;
        if (!_payOut(lock, to, paid, owed, type(uint256).max)) revert PayoutFailed(to);
        emit Paid(to, lock.amount);
    }

    function _refund(Lock calldata lock, bool byBeneficiary) private {
        bool paid = _payOut(lock, lock.depositor, State.Refunded, State.OwedToDepositor, PAYOUT_GAS);
        emit Cancelled(byBeneficiary, paid);
    }

    function _requireOpen(Lock calldata lock) private view {
        State state = _provenState(lock);
        if (state != State.Open) revert NotOpen(state);
    }

    function _provenState(Lock calldata lock) private view returns (State) {
        Record memory kept = record;
        bytes31 given = bytes31(lockIdOf(CHAIN_ID, FACTORY, lock));
        if (given != kept.lockId) revert WrongLock(kept.lockId, given);
        return kept.state;
    }

    /// Pay `to` and record the outcome. The mark `Paying` refuses whatever the receiver or the token
    /// call back meanwhile; the gas check keeps the outcome out of the caller's hands.
    function _payOut(Lock calldata lock, address to, State paid, State owed, uint256 mostGas)
        private
        returns (bool ok)
    {
        record.state = State.Paying;
        uint256 left = gasleft();
        if (left < REQUIRED_GAS) revert InsufficientGas(REQUIRED_GAS, left);
        uint256 granted = Math.min(left - CALL_GAS - RECORD_GAS, mostGas);
        ok = lock.token == address(0)
            ? _transferNative(to, lock.amount, granted)
            : _transferToken(lock.token, to, lock.amount, granted);
        record.state = ok ? paid : owed;
    }

    function _transferNative(address to, uint256 amount, uint256 granted) private returns (bool ok) {
        assembly ("memory-safe") {
            ok := call(granted, to, amount, 0, 0, 0, 0) // no return data is copied
        }
    }

    /// True when the call succeeded and the token said yes: by the word 1, or by nothing (tokens
    /// older than the standard), which an address without code would say too.
    function _transferToken(address token, address to, uint256 amount, uint256 granted)
        private
        returns (bool ok)
    {
        bytes memory data = abi.encodeCall(IERC20.transfer, (to, amount));
        uint256 size;
        uint256 answer;
        assembly ("memory-safe") {
            ok := call(granted, token, 0, add(data, 0x20), mload(data), 0, 0x20)
            size := returndatasize()
            answer := mload(0)
        }
        return ok && (size == 0 ? token.code.length > 0 : size >= 32 && answer == 1);
    }
}
