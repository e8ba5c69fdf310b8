"""Host functions: hashes and signatures by their own standards, registers, logs, and limits."""

import hashlib
from typing import Any

import coincurve
import pytest
from Crypto.Hash import RIPEMD160, keccak

from devnet.near.client import NEAR, TGAS, Key, NearClient, Signer, call
from tests.devnet.near.conftest import NewAccount
from tests.devnet.near.contracts import contract, number_of

_INPUT = "(call $input (i64.const 0))"
_RETURN = "(call $value_return (i64.const -1) (i64.const 1))"


def _hash(name: str) -> str:
    return f"{_INPUT} (call ${name} (i64.const -1) (i64.const 0) (i64.const 1)) {_RETURN}"


# Input to memory at 0: signature (64), then hash or message (32), then key (32) or v (1).
_LOAD = f"{_INPUT} (call $read_register (i64.const 0) (i64.const 0))"
_WRITE = """(drop (call $storage_write (i64.const {key}) (i64.const 0) (i64.const {value})
    (i64.const 0) (i64.const 0)))"""
KIT = contract(
    {
        "sha256": _hash("sha256"),
        "keccak256": _hash("keccak256"),
        "keccak512": _hash("keccak512"),
        "ripemd160": _hash("ripemd160"),
        "ecrecover": f"""{_LOAD} (i64.store (i32.const 200) (call $ecrecover
            (i64.const 32) (i64.const 64) (i64.const 64) (i64.const 0)
            (i64.load8_u (i32.const 96)) (i64.const 1) (i64.const 1)))
            (if (i64.eqz (i64.load (i32.const 200)))
                (then (call $value_return (i64.const 8) (i64.const 200))) (else {_RETURN}))""",
        "ed25519": f"""{_LOAD} (i64.store (i32.const 200) (call $ed25519_verify
            (i64.const 64) (i64.const 0) (i64.const 32) (i64.const 64)
            (i64.const 32) (i64.const 96)))
            (call $value_return (i64.const 8) (i64.const 200))""",
        "unset_register": number_of("(call $register_len (i64.const 99))"),
        "set_register": """(call $write_register (i64.const 7) (i64.const 5) (i64.const 1024))
            (call $value_return (i64.const -1) (i64.const 7))""",
        "read_unset_register": "(call $read_register (i64.const 99) (i64.const 0))",
        "many_registers": """(local $i i64) (loop
            (call $write_register (local.get $i) (i64.const 1) (i64.const 0))
            (local.set $i (i64.add (local.get $i) (i64.const 1)))
            (br_if 0 (i64.lt_u (local.get $i) (i64.const 101))))""",
        "log": "(call $log_utf8 (i64.const -1) (i64.const 1024))",
        "log_utf16": "(call $log_utf16 (i64.const 6) (i64.const 1040))",
        "log_bad_utf8": "(call $log_utf8 (i64.const 1) (i64.const 1050))",
        "log_101_times": """(local $i i64) (loop (call $log_utf8 (i64.const 1) (i64.const 1024))
            (local.set $i (i64.add (local.get $i) (i64.const 1)))
            (br_if 0 (i64.lt_u (local.get $i) (i64.const 101))))""",
        "log_too_long": "(call $log_utf8 (i64.const 16385) (i64.const 0))",
        "panic": "(call $panic)",
        "abort": "(call $abort (i32.const 1064) (i32.const 1064) (i32.const 3) (i32.const 4))",
        "longest_key": _WRITE.format(key=2048, value=1),
        "key_too_long": _WRITE.format(key=2049, value=1),
        "longest_value": _WRITE.format(key=1, value=4_194_304),
        "value_too_long": _WRITE.format(key=1, value=4_194_305),
        "return_too_long": "(call $value_return (i64.const 4194305) (i64.const 0))",
        "has_key": number_of("(call $storage_has_key (i64.const 1) (i64.const 0))"),
        "bad_account": "(drop (call $promise_batch_create (i64.const 5) (i64.const 1030)))",
        "bad_promise": "(call $promise_return (i64.const 3))",
        "joint_return": """(i64.store (i32.const 0)
            (call $promise_batch_create (i64.const 5) (i64.const 1024)))
            (call $promise_return (call $promise_and (i64.const 0) (i64.const 1)))""",
        "joint_action": """(i64.store (i32.const 0)
            (call $promise_batch_create (i64.const 5) (i64.const 1024)))
            (call $promise_batch_action_create_account
                (call $promise_and (i64.const 0) (i64.const 1)))""",
        "no_gas_promise": """(call $promise_batch_action_function_call
            (call $promise_batch_create (i64.const 5) (i64.const 1024))
            (i64.const 5) (i64.const 1024) (i64.const 0) (i64.const 0) (i64.const 64)
            (i64.const 0))""",
        "nameless_promise": """(call $promise_batch_action_function_call
            (call $promise_batch_create (i64.const 5) (i64.const 1024))
            (i64.const 0) (i64.const 1024) (i64.const 0) (i64.const 0) (i64.const 64)
            (i64.const 1))""",
        "gas_grows": """(i64.store (i32.const 0) (call $used_gas))
            (i64.store (i32.const 8) (call $used_gas))
            (call $value_return (i64.const 16) (i64.const 0))""",
        "add_call_key": f"""{_LOAD} (i64.store (i32.const 64) (i64.const 5))
            (call $promise_batch_action_add_key_with_function_call
                (call $promise_batch_create (i64.const 13) (i64.const 1076))
                (i64.const 33) (i64.const 0) (i64.const 0) (i64.const 64)
                (i64.const 13) (i64.const 1076) (i64.const 3) (i64.const 1089))""",
    },
    text=(
        "hello\\00Hello     e\\00\\e9\\00\\ac\\20    \\ff         "
        "\\04\\00\\00\\00o\\00k\\00        kit.test.neara,b"
    ),
)


@pytest.fixture
def kit(new_account: NewAccount) -> Signer:
    return new_account("kit", balance=1000 * NEAR, wasm=KIT)


def _call(near: NearClient, kit: Signer, method: str, args: bytes = b"") -> bytes:
    outcome = near.send(kit, kit.account_id, [call(method, args, gas=300 * TGAS)], "FINAL")
    assert outcome.failures == []
    return outcome.value


def _error(near: NearClient, kit: Signer, method: str, args: bytes = b"") -> Any:
    outcome = near.send(kit, kit.account_id, [call(method, args, gas=300 * TGAS)], "FINAL")
    kind = outcome.failure["ActionError"]["kind"]
    return kind.get("FunctionCallError", kind).get("ExecutionError", kind)


@pytest.mark.parametrize("data", [b"", b"near", bytes(range(256)) * 3])
def test_hashes(near: NearClient, kit: Signer, data: bytes) -> None:
    for name, expected in (
        ("sha256", hashlib.sha256(data).digest()),
        ("keccak256", keccak.new(digest_bits=256, data=data).digest()),
        ("keccak512", keccak.new(digest_bits=512, data=data).digest()),
        ("ripemd160", RIPEMD160.new(data).digest()),
    ):
        assert _call(near, kit, name, data) == expected


def test_a_hash_burns_by_the_byte(near: NearClient, kit: Signer) -> None:
    burnt = [
        near.send(kit, kit.account_id, [call("sha256", bytes(size))], "FINAL").receipts[0][
            "gas_burnt"
        ]
        for size in (100, 200)
    ]
    # Arguments of the action, input into a register and out of it, and the hash itself.
    per_byte = 2_235_934 + 3_801_564 + 98_562 + 24_117_351
    assert burnt[1] - burnt[0] == 100 * per_byte


def test_ecrecover(near: NearClient, kit: Signer) -> None:
    key = coincurve.PrivateKey(b"\7" * 32)
    digest = hashlib.sha256(b"message").digest()
    signature = key.sign_recoverable(digest, hasher=None)
    packed = signature[:64] + digest + signature[64:]
    assert _call(near, kit, "ecrecover", packed) == key.public_key.format(compressed=False)[1:]
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(signature[32:64], "big")  # the same signature's upper half
    malleable = signature[:32] + s.to_bytes(32, "big") + digest + bytes([signature[64] ^ 1])
    assert _call(near, kit, "ecrecover", malleable) == bytes(8)
    text = "ECDSA recover error: V recovery byte 0 through 3 are valid but was provided 4"
    assert _error(near, kit, "ecrecover", signature[:64] + digest + b"\4") == text


def test_ed25519_verify(near: NearClient, kit: Signer) -> None:
    from nacl.signing import SigningKey

    key, message = SigningKey(b"\5" * 32), bytes(range(32))
    good = key.sign(message).signature + message + key.verify_key.encode()
    assert _call(near, kit, "ed25519", good) == (1).to_bytes(8, "little")
    for place in (0, 63, 64, 96):
        bad = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        assert _call(near, kit, "ed25519", bad) == bytes(8)


def test_registers(near: NearClient, kit: Signer) -> None:
    assert _call(near, kit, "unset_register") == b"\xff" * 8
    assert _call(near, kit, "set_register") == b"hello"
    assert _error(near, kit, "read_unset_register") == "Accessed invalid register id: 99"
    assert _error(near, kit, "many_registers") == "Accessed memory outside the bounds."


def test_logs(near: NearClient, kit: Signer) -> None:
    for method, expected in (("log", ["hello"]), ("log_utf16", ["eé€"])):
        assert near.send(kit, kit.account_id, [call(method)]).logs == expected


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("log_bad_utf8", "String encoding is bad UTF-8 sequence."),
        ("log_101_times", "The number of logs will exceed the limit 100"),
        ("log_too_long", "The length of a log message 16385 exceeds the limit 16384"),
        ("panic", "Smart contract panicked: explicit guest panic"),
        ("abort", 'Smart contract panicked: ok, filename: "ok" line: 3 col: 4'),
        ("key_too_long", "The length of a storage key 2049 exceeds the limit 2048"),
        ("value_too_long", "The length of a storage value 4194305 exceeds the limit 4194304"),
        ("return_too_long", "The length of a returned value 4194305 exceeds the limit 4194304"),
        ("bad_account", "VM Logic returned an invalid account id"),
        ("bad_promise", "3 does not correspond to existing promises"),
        ("joint_return", "Returning joint promise is currently prohibited."),
        ("joint_action", "Actions can only be appended to non-joint promise."),
        ("nameless_promise", "Tried to call an empty method name."),
    ],
)
def test_refusals(near: NearClient, kit: Signer, method: str, text: str) -> None:
    assert _error(near, kit, method) == text


def test_a_promise_needs_gas(near: NearClient, kit: Signer) -> None:
    validation = {"ActionsValidation": "FunctionCallZeroAttachedGas"}
    assert _error(near, kit, "no_gas_promise") == {"NewReceiptValidationError": validation}


def test_the_longest_records(near: NearClient, kit: Signer) -> None:
    empty = near.view_account(kit.account_id)["storage_usage"]
    _call(near, kit, "longest_key")
    assert near.view_account(kit.account_id)["storage_usage"] == empty + 2048 + 1 + 40
    assert _call(near, kit, "has_key") == bytes(8)
    _call(near, kit, "longest_value")
    assert _call(near, kit, "has_key") == (1).to_bytes(8, "little")


def test_used_gas_grows_by_the_call_itself(near: NearClient, kit: Signer) -> None:
    value = _call(near, kit, "gas_grows")
    first, second = (int.from_bytes(value[at : at + 8], "little") for at in (0, 8))
    operations, rest = divmod(second - first - 264_768_111, 822_756)
    assert (rest, 0 < operations < 10) == (0, True)


def test_a_contract_adds_a_call_key(near: NearClient, kit: Signer) -> None:
    key = Key.generate()
    _call(near, kit, "add_call_key", b"\0" + key.public_bytes)
    permission = near.query("view_access_key", kit.account_id, public_key=key.public_key)
    assert permission["permission"] == {
        "FunctionCall": {
            "allowance": "5",
            "receiver_id": kit.account_id,
            "method_names": ["a", "b"],
        }
    }
