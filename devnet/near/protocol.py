"""The parameters by which the node works, in the shapes of nearcore's two configuration methods."""

from typing import Any

from devnet.near import fees
from devnet.near.block_views import PROTOCOL_VERSION, SHARD_ID, time_text
from devnet.near.chain import GENESIS_SUPPLY, ROOT_ACCOUNT, Chain
from devnet.near.crypto import SYSTEM_KEY
from devnet.near.fees import Fee, HostFee

_BLOCKS_PER_YEAR = 365 * 86_400  # nearcore's figure, of blocks each second


def protocol_config(chain: Chain) -> dict[str, Any]:
    """`EXPERIMENTAL_protocol_config`: the same at every block."""
    return {**_common(chain), "runtime_config": _runtime_config()}


def genesis_config(chain: Chain) -> dict[str, Any]:
    """`EXPERIMENTAL_genesis_config`."""
    return {
        **_common(chain),
        "chunk_producer_assignment_changes_limit": 5,
        "num_chunk_producer_seats": 1,
        "num_chunk_validator_seats": 1,
        "total_supply": str(GENESIS_SUPPLY),
        "use_production_config": False,
        "validators": [{"account_id": ROOT_ACCOUNT, "amount": "0", "public_key": SYSTEM_KEY}],
    }


def _common(chain: Chain) -> dict[str, Any]:
    return {
        "chain_id": chain.config.chain_id,
        "protocol_version": PROTOCOL_VERSION,
        "genesis_time": time_text(chain.genesis.timestamp),
        "genesis_height": chain.genesis.height,
        "epoch_length": chain.config.epoch_blocks,
        "transaction_validity_period": fees.VALIDITY_BLOCKS,
        "gas_limit": fees.BLOCK_GAS_LIMIT,
        "min_gas_price": str(fees.GAS_PRICE),
        "max_gas_price": str(fees.GAS_PRICE),
        "gas_price_adjustment_rate": [0, 1],
        "max_inflation_rate": [0, 1],
        "num_blocks_per_year": _BLOCKS_PER_YEAR,
        **_SHARDS,
        **_VALIDATORS,
    }


_SHARDS = {
    "dynamic_resharding": False,
    "shuffle_shard_assignment_for_chunk_producers": False,
    "shard_layout": {
        "V2": {
            "boundary_accounts": [],
            "shard_ids": [SHARD_ID],
            "id_to_index_map": {str(SHARD_ID): 0},
            "index_to_id_map": {"0": SHARD_ID},
            "shards_split_map": None,
            "shards_parent_map": None,
            "version": 0,
        }
    },
}

_VALIDATORS = {
    "num_block_producer_seats": 1,
    "minimum_validators_per_shard": 1,
    "target_validator_mandates_per_shard": 1,
    "minimum_stake_divisor": 10,
    "minimum_stake_ratio": [1, 6250],
    "fishermen_threshold": "0",
    "block_producer_kickout_threshold": 0,
    "chunk_producer_kickout_threshold": 0,
    "chunk_validator_only_kickout_threshold": 0,
    "max_kickout_stake_perc": 0,
    "online_min_threshold": [9, 10],
    "online_max_threshold": [99, 100],
    "protocol_reward_rate": [0, 1],
    "protocol_treasury_account": ROOT_ACCOUNT,
    "protocol_upgrade_stake_threshold": [4, 5],
}


def _fee(fee: Fee) -> dict[str, int]:
    """This node takes the same for sending to oneself as for sending to others."""
    return {"send_sir": fee.send, "send_not_sir": fee.send, "execution": fee.execution}


def _runtime_config() -> dict[str, Any]:
    return {
        "storage_amount_per_byte": str(fees.STORAGE_YOCTO_PER_BYTE),
        "transaction_costs": _transaction_costs(),
        "wasm_config": {
            "regular_op_cost": fees.WASM_OP,
            "grow_mem_cost": 1,
            "vm_kind": "Wasmtime",
            "storage_get_mode": "FlatStorage",
            "implicit_account_creation": True,
            "eth_implicit_accounts": True,
            "ext_costs": _host_costs(),
            "limit_config": _LIMITS,
        },
        "account_creation_config": {
            "min_allowed_top_level_account_length": fees.MIN_TOP_LEVEL_LENGTH,
            "registrar_account_id": fees.REGISTRAR,
        },
    }


def _transaction_costs() -> dict[str, Any]:
    return {
        "action_receipt_creation_config": _fee(fees.RECEIPT),
        "data_receipt_creation_config": {
            "base_cost": _fee(fees.DATA_RECEIPT),
            "cost_per_byte": _fee(fees.DATA_RECEIPT_BYTE),
        },
        "action_creation_config": {
            "create_account_cost": _fee(fees.CREATE_ACCOUNT),
            "deploy_contract_cost": _fee(fees.DEPLOY),
            "deploy_contract_cost_per_byte": _fee(fees.DEPLOY_BYTE),
            "function_call_cost": _fee(fees.FUNCTION_CALL),
            "function_call_cost_per_byte": _fee(fees.FUNCTION_CALL_BYTE),
            "transfer_cost": _fee(fees.TRANSFER),
            "stake_cost": _fee(fees.STAKE),
            "add_key_cost": {
                "full_access_cost": _fee(fees.ADD_FULL_KEY),
                "function_call_cost": _fee(fees.ADD_CALL_KEY),
                "function_call_cost_per_byte": _fee(fees.ADD_CALL_KEY_BYTE),
            },
            "delete_key_cost": _fee(fees.DELETE_KEY),
            "delete_account_cost": _fee(fees.DELETE_ACCOUNT),
            "delegate_cost": _fee(fees.DELEGATE),
        },
        "storage_usage_config": {
            "num_bytes_account": fees.STORAGE_BYTES_ACCOUNT,
            "num_extra_bytes_record": fees.STORAGE_BYTES_RECORD,
        },
        "burnt_gas_reward": list(fees.BURNT_GAS_REWARD),
        "pessimistic_gas_price_inflation_ratio": [1, 1],
    }


_HOST_FEES: dict[str, HostFee] = {
    "read_memory": fees.READ_MEMORY,
    "write_memory": fees.WRITE_MEMORY,
    "read_register": fees.READ_REGISTER,
    "write_register": fees.WRITE_REGISTER,
    "utf8_decoding": fees.UTF8,
    "utf16_decoding": fees.UTF16,
    "sha256": fees.SHA256,
    "keccak256": fees.KECCAK256,
    "keccak512": fees.KECCAK512,
    "ed25519_verify": fees.ED25519,
    "log": fees.LOG,
    "contract_loading": HostFee(fees.LOADING, fees.LOADING_BYTE),
    "storage_has_key": fees.STORAGE_HAS_KEY,
}


def _host_costs() -> dict[str, int]:
    """The host's fees; a write's fixed number of trie nodes is told apart, as nearcore does."""
    costs = {"base": fees.HOST.base}
    for name, fee in _HOST_FEES.items():
        per = "bytes" if name == "contract_loading" else "byte"
        costs |= {f"{name}_base": fee.base, f"{name}_{per}": fee.byte}
    nodes = fees.NODES_PER_WRITE * fees.TRIE_NODE
    return {
        **costs,
        "ripemd160_base": fees.RIPEMD160.base,
        "ripemd160_block": fees.RIPEMD160.byte,
        "ecrecover_base": fees.ECRECOVER.base,
        "storage_write_base": fees.STORAGE_WRITE.base - nodes,
        "storage_write_key_byte": fees.STORAGE_WRITE_KEY.byte,
        "storage_write_value_byte": fees.STORAGE_WRITE_VALUE.byte,
        "storage_write_evicted_byte": fees.STORAGE_WRITE_EVICTED.byte,
        "storage_read_base": fees.STORAGE_READ.base,
        "storage_read_key_byte": fees.STORAGE_READ.byte,
        "storage_read_value_byte": fees.STORAGE_READ_VALUE.byte,
        "storage_remove_base": fees.STORAGE_REMOVE.base - nodes,
        "storage_remove_key_byte": fees.STORAGE_REMOVE.byte,
        "storage_remove_ret_value_byte": fees.STORAGE_REMOVE_VALUE.byte,
        "touching_trie_node": fees.TRIE_NODE,
        "promise_and_base": fees.PROMISE_AND.base,
        "promise_return": fees.PROMISE_RETURN.base,
        "validator_stake_base": fees.VALIDATOR_STAKE.base,
        "validator_total_stake_base": fees.VALIDATOR_STAKE.base,
    }


_LIMITS = {
    "max_gas_burnt": fees.MAX_GAS,
    "max_total_prepaid_gas": fees.MAX_GAS,
    "max_actions_per_receipt": fees.MAX_ACTIONS,
    "max_number_bytes_method_names": fees.MAX_KEY_METHODS_BYTES,
    "max_length_method_name": fees.MAX_METHOD_NAME,
    "max_arguments_length": fees.MAX_ARGUMENTS,
    "max_contract_size": fees.MAX_CONTRACT,
    "max_transaction_size": fees.MAX_TRANSACTION,
    "max_length_storage_key": fees.MAX_STORAGE_KEY,
    "max_length_storage_value": fees.MAX_STORAGE_VALUE,
    "max_length_returned_data": fees.MAX_RETURNED_DATA,
    "max_number_logs": fees.MAX_LOGS,
    "max_total_log_length": fees.MAX_LOG_BYTES,
    "max_register_size": fees.MAX_REGISTER,
    "max_number_registers": fees.MAX_REGISTERS,
    "registers_memory_limit": fees.MAX_REGISTERS_BYTES,
    "max_promises_per_function_call_action": fees.MAX_PROMISES,
    "max_number_input_data_dependencies": fees.MAX_DEPENDENCIES,
    "initial_memory_pages": fees.INITIAL_MEMORY_PAGES,
    "max_memory_pages": fees.MAX_MEMORY_PAGES,
    "max_elements_per_contract_table": fees.MAX_TABLE_ELEMENTS,
    "account_id_validity_rules_version": 2,
}
