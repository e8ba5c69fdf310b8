// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.30;

/// The terms of one leg, fixed when it is funded. Everybody can rebuild them from the creation event.
struct Lock {
    address depositor; // pays in; is paid by a refund
    address beneficiary; // is paid by a withdrawal
    address token; // ERC-20; the zero address is the chain's native coin
    uint256 amount; // base units of the token, or wei
    bytes32 hashlock; // SHA-256 of the 32 byte secret
    uint64 lockBy; // seconds; the last instant at which the lock can be created
    uint64 timelock; // seconds; before it withdrawal only, from it on refund only
}

/// How a lock stands. The numbers are part of the interface: they are read from storage slot 0.
enum State {
    None, // never funded
    Open, // funded, undecided
    Paying, // decided, payout in flight: seen only from within the payout call
    Withdrawn, // decided for the beneficiary and paid
    Refunded, // decided for the depositor and paid
    OwedToBeneficiary, // decided for the beneficiary, payout failed
    OwedToDepositor // decided for the depositor, payout failed
}

/// The identity of a lock: a hash of its terms, of the factory and of the factory's chain.
function lockIdOf(uint256 chainId, address factory, Lock memory lock) pure returns (bytes32) {
    return keccak256(abi.encode(chainId, factory, lock));
}
