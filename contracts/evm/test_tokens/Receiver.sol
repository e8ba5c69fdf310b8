// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.30;

/// Receives native coin in a way that can be set, and keeps what it saw.
contract Receiver {
    enum Conduct {
        Accept,
        Refuse,
        BurnGas,
        RevertLong, // with as much data as the gas of a payout buys
        ReturnLong,
        CallBack, // makes a prepared call and keeps what came of it
        MeasureGas, // keeps the gas it was given
        Store // writes so many new slots that a decision's gas does not suffice
    }

    Conduct public conduct;
    address public target;
    bytes public data;
    bool public succeeded;
    bytes public answer;
    uint256 public gasGiven;

    function setConduct(Conduct conduct_) external {
        conduct = conduct_;
    }

    function prepare(address target_, bytes calldata data_) external {
        (conduct, target, data) = (Conduct.CallBack, target_, data_);
    }

    /// Make any call from this account, with the value that came along.
    function execute(address to, bytes calldata data_) external payable {
        spend(to, data_, msg.value);
    }

    /// Make any call from this account, with a value of its own.
    function spend(address to, bytes calldata data_, uint256 value) public {
        (bool ok, bytes memory result) = to.call{value: value}(data_);
        if (ok) return;
        assembly ("memory-safe") { revert(add(result, 0x20), mload(result)) }
    }

    receive() external payable {
        uint256 left = gasleft();
        Conduct now_ = conduct;
        if (now_ == Conduct.MeasureGas) gasGiven = left;
        if (now_ == Conduct.CallBack) (succeeded, answer) = target.call(data);
        assembly {
            switch now_
            case 1 { revert(0, 0) }
            case 2 { invalid() }
            case 3 { revert(0, 270000) }
            case 4 { return(0, 270000) }
            case 7 { for { let slot := 100 } lt(slot, 111) { slot := add(slot, 1) } { sstore(slot, 1) } }
        }
    }
}
