// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.30;

import {OrdinaryToken} from "./OrdinaryToken.sol";

/// Makes a prepared call when it is moved, unless one is being made, and keeps what came of it.
contract ReenteringToken is OrdinaryToken("Reentering", "REE", 18) {
    address public target;
    bytes public data;
    uint256 public calls;
    bool private calling;
    bool public succeeded;
    bytes public answer;

    function prepare(address target_, bytes calldata data_) external {
        (target, data) = (target_, data_);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (target != address(0) && !calling) {
            (calling, calls) = (true, calls + 1);
            (succeeded, answer) = target.call(data);
            calling = false;
        }
        super._update(from, to, amount);
    }
}
