"""Compile the EVM contracts to artifacts/: `python -m contracts.evm.build [--check]`.

The same sources give the same bytes on every machine: solc is pinned by package-lock.json, source
names are relative, and no metadata is appended to the bytecode.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from eth_utils.crypto import keccak

HERE = Path(__file__).resolve().parent
ARTIFACTS = HERE / "artifacts"
SOURCES = ("src", "test_tokens")
NODE_MODULES = HERE.parent.parent / "node_modules"

SETTINGS: dict[str, Any] = {
    "evmVersion": "cancun",  # what every EVM chain with blobs runs, BASE among them
    "viaIR": True,
    "optimizer": {
        "enabled": True,
        "runs": 1_000_000,
    },  # locks are made far more often than deployed
    "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
}
# of our own contracts: the compiler spends a quarter of its time on what nobody asked for
OUTPUT: Final = [
    "abi",
    "evm.bytecode.object",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
]


class BuildError(RuntimeError):
    """The contracts did not compile without a warning, or the compiler is missing."""


def build() -> dict[str, str]:
    """File name and text of every artifact, freshly compiled; raises BuildError."""
    sources = {
        path.relative_to(HERE).as_posix(): {"content": path.read_text()}
        for folder in SOURCES
        for path in sorted((HERE / folder).glob("*.sol"))
    }
    settings = SETTINGS | {"outputSelection": {name: {"*": OUTPUT} for name in sources}}
    output = compile_json({"language": "Solidity", "sources": sources, "settings": settings})
    return {
        f"{name}.json": json.dumps(_artifact(compiled), indent=1) + "\n"
        for source in sources
        for name, compiled in output["contracts"].get(source, {}).items()
    }


def compile_json(standard_json: dict[str, Any]) -> dict[str, Any]:
    """The compiler's answer to a standard JSON request; a warning raises BuildError too."""
    if not (NODE_MODULES / "solc").is_dir():
        raise BuildError(f"no solc in {NODE_MODULES}: run `npm ci` first")
    done = subprocess.run(  # noqa: S603 - our own script, no shell
        ["node", HERE / "compile.js"],  # noqa: S607 - node is found on the path, as npm's tools are
        input=json.dumps(standard_json),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildError(f"compile.js ended with {done.returncode}:\n{done.stderr}")
    output: dict[str, Any] = json.loads(done.stdout)
    if problems := [problem["formattedMessage"] for problem in output.get("errors", [])]:
        raise BuildError("\n".join(problems))
    return output


def _artifact(compiled: dict[str, Any]) -> dict[str, Any]:
    """ABI, code to deploy, code as deployed with every immutable zero, and that code's hash.

    `immutables` lists [first byte, length] of each place where the deployed code holds a value that
    was fixed at deployment: zero them in a chain's code and its hash is `codeHash`.
    """
    deployed = compiled["evm"]["deployedBytecode"]
    places = [
        [place["start"], place["length"]]
        for reference in deployed.get("immutableReferences", {}).values()
        for place in reference
    ]
    return {
        "abi": compiled["abi"],
        "bytecode": "0x" + compiled["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + deployed["object"],
        "codeHash": "0x" + keccak(hexstr=deployed["object"]).hex(),
        "immutables": sorted(places),
    }


def differences(artifacts: dict[str, str], folder: Path = ARTIFACTS) -> list[str]:
    """Names of the files in `folder` that are missing, out of date or left over."""
    present = {path.name: path.read_text() for path in folder.glob("*.json")}
    names = sorted(present.keys() | artifacts.keys())
    return [name for name in names if present.get(name) != artifacts.get(name)]


def write(artifacts: dict[str, str], folder: Path = ARTIFACTS) -> None:
    """Make `folder` hold exactly `artifacts`."""
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.json"):
        path.unlink()
    for name, text in artifacts.items():
        (folder / name).write_text(text)


def main() -> int:
    """Exit code 1 with `--check` when the committed artifacts are not what the sources give."""
    parser = argparse.ArgumentParser(description="Compile the EVM contracts.")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    check: bool = parser.parse_args().check
    try:
        artifacts = build()
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if not check:
        write(artifacts)
        return 0
    for name in (changed := differences(artifacts)):
        sys.stderr.write(f"{ARTIFACTS / name} differs from a rebuild: run `make contracts`\n")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
