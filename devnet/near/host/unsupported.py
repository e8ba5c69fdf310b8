"""Host functions that NEAR has and this node has not: a contract links, the call fails."""

from typing import NoReturn

from devnet.near.errors import HostError
from devnet.near.host.imports import IMPORTS, HostFunction, Import

_PARAMETERS_AND_RESULT = {
    "alt_bn128_g1_multiexp": (3, ""),
    "alt_bn128_g1_sum": (3, ""),
    "alt_bn128_pairing_check": (2, "i64"),
    "bls12381_p1_sum": (3, "i64"),
    "bls12381_p2_sum": (3, "i64"),
    "bls12381_g1_multiexp": (3, "i64"),
    "bls12381_g2_multiexp": (3, "i64"),
    "bls12381_map_fp_to_g1": (3, "i64"),
    "bls12381_map_fp2_to_g2": (3, "i64"),
    "bls12381_pairing_check": (2, "i64"),
    "bls12381_p1_decompress": (3, "i64"),
    "bls12381_p2_decompress": (3, "i64"),
    "p256_verify": (6, "i64"),
    "promise_yield_create": (7, "i64"),
    "promise_yield_resume": (4, "i32"),
    "promise_set_refund_to": (3, ""),
    "current_contract_code": (1, "i64"),
    "promise_batch_action_deploy_global_contract": (3, ""),
    "promise_batch_action_deploy_global_contract_by_account_id": (3, ""),
    "promise_batch_action_use_global_contract": (3, ""),
    "promise_batch_action_use_global_contract_by_account_id": (3, ""),
}


def _refusal(name: str) -> HostFunction:
    def refuse(*_: object) -> NoReturn:
        text = f"{name} is not supported by this development node"
        raise HostError("Unsupported", text, method_name=name)

    return refuse


for _name, (_parameters, _result) in _PARAMETERS_AND_RESULT.items():
    IMPORTS[_name] = Import(_refusal(_name), _parameters, "i64", _result)
