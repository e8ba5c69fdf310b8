// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.30;

import {OrdinaryToken} from "./OrdinaryToken.sol";

/// Answers transfers in a way that can be set; moves units only when it behaves ordinarily.
contract HostileToken is OrdinaryToken("Hostile", "HOS", 18) {
    enum Answer {
        Ordinary,
        False,
        Two,
        Short, // 31 zero bytes: the caller's memory keeps what it had in the last one
        Nothing,
        BurnGas,
        LongTrue, // the first word is 1, the rest is as long as a payout's gas can make it
        RevertLong,
        Store // moves the units, but a decision's gas does not suffice for it
    }

    Answer public onTransfer;
    Answer public onTransferFrom;

    function setAnswers(Answer transfer_, Answer transferFrom_) external {
        onTransfer = transfer_;
        onTransferFrom = transferFrom_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (onTransfer == Answer.Store) _store();
        else if (onTransfer != Answer.Ordinary) _answer(onTransfer);
        return super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (onTransferFrom != Answer.Ordinary) _answer(onTransferFrom);
        return super.transferFrom(from, to, amount);
    }

    function _store() private {
        assembly {
            for { let slot := 100 } lt(slot, 111) { slot := add(slot, 1) } { sstore(slot, 1) }
        }
    }

    function _answer(Answer answer) private pure {
        if (answer == Answer.BurnGas) {
            assembly { invalid() }
        }
        uint256 word = answer == Answer.False ? 0 : answer == Answer.Two ? 2 : 1;
        uint256 size = answer >= Answer.LongTrue ? 270_000 : 32;
        if (answer == Answer.Short) (word, size) = (0, 31);
        if (answer == Answer.Nothing) size = 0;
        bool reverts = answer == Answer.RevertLong;
        assembly {
            mstore(0, word)
            if reverts { revert(0, size) }
            return(0, size)
        }
    }
}
