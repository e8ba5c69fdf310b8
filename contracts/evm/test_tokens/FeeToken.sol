// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.30;

import {OrdinaryToken} from "./OrdinaryToken.sol";

/// Burns a hundredth of each transfer.
contract FeeToken is OrdinaryToken("Fee", "FEE", 18) {
    function _update(address from, address to, uint256 amount) internal override {
        uint256 fee = from == address(0) || to == address(0) ? 0 : amount / 100;
        super._update(from, to, amount - fee);
        if (fee > 0) super._update(from, address(0), fee);
    }
}
