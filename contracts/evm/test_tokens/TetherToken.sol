// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.30;

import {NoReturnToken} from "./NoReturnToken.sol";

/// Changes an allowance only by way of nothing, and returns nothing, as USDT on Ethereum.
contract TetherToken is NoReturnToken {
    error NotFromZero(uint256 allowed);

    function approve(address spender, uint256 amount) external override {
        uint256 allowed = allowance[msg.sender][spender];
        if (amount != 0 && allowed != 0) revert NotFromZero(allowed);
        allowance[msg.sender][spender] = amount;
    }
}
