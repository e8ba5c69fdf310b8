"""What building them does, and that the chain runs what is committed.

`make contracts-check` compares what is committed with what the sources give.
"""

from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from contracts.evm import build
from tests.contracts.evm.chain import artifact
from tests.contracts.evm.world import World


def test_check_names_missing_changed_and_leftover_artifacts(tmp_path: Path) -> None:
    build.write({"Same.json": "1", "Changed.json": "1", "Leftover.json": "1"}, tmp_path)
    rebuilt = {"Same.json": "1", "Changed.json": "2", "Missing.json": "1"}
    names = ["Changed.json", "Leftover.json", "Missing.json"]
    assert build.differences(rebuilt, tmp_path) == names
    build.write(rebuilt, tmp_path)
    assert build.differences(rebuilt, tmp_path) == []


def test_source_that_does_not_compile_without_a_warning_is_refused() -> None:
    for text in ("contract Broken { uint x = y; }", "contract Warned {}"):  # no pragma: a warning
        source = {"Source.sol": {"content": text}}
        with pytest.raises(build.BuildError, match=r"Source\.sol"):
            build.compile_json({"language": "Solidity", "sources": source, "settings": {}})


@pytest.mark.parametrize("name", ["EscrowFactory", "Escrow"])
def test_deployed_code_is_the_artifacts_but_for_immutables(world: World, name: str) -> None:
    where = {"EscrowFactory": world.factory.address, "Escrow": world.implementation}[name]
    built = artifact(name)
    code = bytearray.fromhex(world.chain.code(where)[2:])
    for start, length in built["immutables"]:
        code[start : start + length] = bytes(length)
    assert "0x" + code.hex() == built["deployedBytecode"]
    assert "0x" + keccak(bytes(code)).hex() == built["codeHash"]
