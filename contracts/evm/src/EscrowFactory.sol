// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.30;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Escrow} from "./Escrow.sol";
import {Lock, State, lockIdOf} from "./Lock.sol";

/// A depositor's signed wish to lock on this chain and to be paid on another. Anybody may submit it.
struct Order {
    address depositor;
    address beneficiary;
    address token; // ERC-20 only
    uint256 amount;
    bytes32 hashlock;
    uint64 lockBy; // seconds; also the order's deadline
    uint64 timelock; // seconds
    string destinationChain; // CAIP-2
    string destinationToken;
    string receiver;
    uint256 minimumAmount; // least that the receiver accepts, base units of the destination token
    uint256 fee; // part of `amount` that pays for the submission; a refund returns it with the rest
}

/// Creates and funds escrows. No owner, no upgrade, no money of its own.
///
/// An escrow's address follows from (depositor, token, hashlock): each depositor can fund one lock per
/// token and hashlock, ever, and nobody can occupy another's, since a depositor calls or signs.
contract EscrowFactory is EIP712 {
    using SafeERC20 for IERC20;

    event SrcEscrowCreated(address indexed escrow, bytes32 indexed hashlock, Lock lock);
    event DstEscrowCreated(address indexed escrow, bytes32 indexed hashlock, Lock lock);

    error NotDepositor(address caller, address depositor);
    error ZeroAmount();
    error ZeroBeneficiary();
    error BeneficiaryIsEscrow(address escrow);
    error LockByPassed(uint256 time, uint256 lockBy);
    error LockByAfterTimelock(uint256 lockBy, uint256 timelock);
    error WrongValue(uint256 given, uint256 needed);
    error LockExists(address escrow);
    error NotAToken(address token);
    error WrongAmountReceived(uint256 received, uint256 needed);
    error NativeOrder();
    error FeeAboveAmount(uint256 fee, uint256 amount);
    error InvalidSignature(address depositor, bytes32 orderHash);

    bytes32 private constant ORDER_TYPE = keccak256(
        "Order(address depositor,address beneficiary,address token,uint256 amount,bytes32 hashlock,"
        "uint64 lockBy,uint64 timelock,string destinationChain,string destinationToken,"
        "string receiver,uint256 minimumAmount,uint256 fee)"
    );

    /// The code that all escrows of this factory delegate to.
    address public immutable IMPLEMENTATION = address(new Escrow());
    uint256 private immutable CHAIN_ID = block.chainid;

    constructor() EIP712("1Balancer EscrowFactory", "1") {}

    /// Lock the caller's money as a swap's source leg. Native: send exactly `amount`; ERC-20: approve it.
    function createSrcEscrow(Lock calldata lock) external payable returns (address escrow) {
        _requireDepositor(lock);
        escrow = _create(lock);
        emit SrcEscrowCreated(escrow, lock.hashlock, lock);
    }

    /// Lock the caller's money as a swap's destination leg.
    function createDstEscrow(Lock calldata lock) external payable returns (address escrow) {
        _requireDepositor(lock);
        escrow = _create(lock);
        emit DstEscrowCreated(escrow, lock.hashlock, lock);
    }

    /// Lock an ERC-20 as a source leg by its depositor's signed order (ECDSA or ERC-1271).
    ///
    /// `permit` is empty or abi.encode(value, deadline, v, r, s) for the token's ERC-2612 permit. It is
    /// tried and its failure ignored, as somebody may have sent it first: the allowance decides.
    function createSrcEscrowFor(Order calldata order, bytes calldata signature, bytes calldata permit)
        external
        returns (address escrow)
    {
        if (order.token == address(0)) revert NativeOrder();
        if (order.fee > order.amount) revert FeeAboveAmount(order.fee, order.amount);
        _requireSignature(order.depositor, hashOrder(order), signature);
        if (permit.length > 0) _tryPermit(order, permit);
        Lock memory lock = _lockOf(order);
        escrow = _create(lock);
        emit SrcEscrowCreated(escrow, lock.hashlock, lock);
    }

    /// The identity of a lock in this factory. Its first 31 bytes stand in the escrow.
    function lockId(Lock memory lock) public view returns (bytes32) {
        return lockIdOf(CHAIN_ID, address(this), lock);
    }

    /// Where the one lock of this depositor, token and hashlock is, or will be.
    function escrowAddress(address depositor, address token, bytes32 hashlock) public view returns (address) {
        return Clones.predictDeterministicAddress(IMPLEMENTATION, _salt(depositor, token, hashlock));
    }

    /// How exactly this lock stands; None also when another lock took its place.
    function lockState(Lock calldata lock) external view returns (State) {
        address escrow = escrowAddress(lock.depositor, lock.token, lock.hashlock);
        if (escrow.code.length == 0) return State.None;
        (bytes31 id, State state) = Escrow(escrow).record();
        return id == bytes31(lockId(lock)) ? state : State.None;
    }

    /// What the depositor of an order signs: its EIP-712 hash.
    function hashOrder(Order calldata order) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    ORDER_TYPE,
                    _lockOf(order), // its seven words are the order's first seven members
                    keccak256(bytes(order.destinationChain)),
                    keccak256(bytes(order.destinationToken)),
                    keccak256(bytes(order.receiver)),
                    order.minimumAmount,
                    order.fee
                )
            )
        );
    }

    /// Deploy, fund, open, in this order: a token that calls back while it is moved finds the address
    /// taken and the escrow not open, so that nothing can leave it and disturb the measurement.
    function _create(Lock memory lock) private returns (address escrow) {
        _requireValid(lock);
        escrow = escrowAddress(lock.depositor, lock.token, lock.hashlock);
        if (escrow.code.length > 0) revert LockExists(escrow);
        if (lock.beneficiary == escrow) revert BeneficiaryIsEscrow(escrow); // could pay nobody but itself
        bytes32 salt = _salt(lock.depositor, lock.token, lock.hashlock);
        Clones.cloneDeterministic(IMPLEMENTATION, salt, msg.value);
        if (lock.token != address(0)) _fund(escrow, lock);
        Escrow(escrow).open(bytes31(lockId(lock)));
    }

    /// What lay at the address before neither blocks nor counts.
    function _fund(address escrow, Lock memory lock) private {
        uint256 before = _balanceOf(lock.token, escrow);
        IERC20(lock.token).safeTransferFrom(lock.depositor, escrow, lock.amount);
        uint256 received;
        unchecked {
            received = _balanceOf(lock.token, escrow) - before; // a loss wraps: never the amount
        }
        if (received != lock.amount) revert WrongAmountReceived(received, lock.amount);
    }

    function _balanceOf(address token, address account) private view returns (uint256) {
        (bool ok, bytes memory answer) = token.staticcall(abi.encodeCall(IERC20.balanceOf, (account)));
        if (!ok || answer.length < 32) revert NotAToken(token);
        return abi.decode(answer, (uint256));
    }

    function _tryPermit(Order calldata order, bytes calldata permit) private {
        bytes memory parties = abi.encode(order.depositor, address(this));
        bytes memory data = bytes.concat(IERC20Permit.permit.selector, parties, permit);
        LowLevelCall.callNoReturn(order.token, data); // whether it went through, the allowance shows
    }

    function _requireDepositor(Lock calldata lock) private view {
        if (msg.sender != lock.depositor) revert NotDepositor(msg.sender, lock.depositor);
    }

    function _requireValid(Lock memory lock) private view {
        if (lock.amount == 0) revert ZeroAmount();
        if (lock.beneficiary == address(0)) revert ZeroBeneficiary();
        if (block.timestamp > lock.lockBy) revert LockByPassed(block.timestamp, lock.lockBy);
        if (lock.lockBy > lock.timelock) revert LockByAfterTimelock(lock.lockBy, lock.timelock);
        uint256 needed = lock.token == address(0) ? lock.amount : 0;
        if (msg.value != needed) revert WrongValue(msg.value, needed);
    }

    /// The key comes first: an account that delegates to code (EIP-7702) still signs with it.
    function _requireSignature(address depositor, bytes32 orderHash, bytes calldata signature) private view {
        (address signer,,) = ECDSA.tryRecoverCalldata(orderHash, signature); // zero when invalid
        if (signer != address(0) && signer == depositor) return;
        if (SignatureChecker.isValidERC1271SignatureNowCalldata(depositor, orderHash, signature)) return;
        revert InvalidSignature(depositor, orderHash);
    }

    function _salt(address depositor, address token, bytes32 hashlock) private pure returns (bytes32) {
        return keccak256(abi.encode(depositor, token, hashlock));
    }

    function _lockOf(Order calldata order) private pure returns (Lock memory) {
        return Lock({
            depositor: order.depositor,
            beneficiary: order.beneficiary,
            token: order.token,
            amount: order.amount,
            hashlock: order.hashlock,
            lockBy: order.lockBy,
            timelock: order.timelock
        });
    }
}
