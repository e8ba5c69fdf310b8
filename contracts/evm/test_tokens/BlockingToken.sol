// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.30;

import {OrdinaryToken} from "./OrdinaryToken.sol";

/// Refuses receivers on a list, as tokens with a freeze do.
contract BlockingToken is OrdinaryToken("Blocking", "BLK", 6) {
    error Blocked(address receiver);

    mapping(address => bool) public blocked;

    function setBlocked(address receiver, bool value) external {
        blocked[receiver] = value;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (blocked[to]) revert Blocked(to);
        super._update(from, to, amount);
    }
}
