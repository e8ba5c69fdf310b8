"""Builds the NEAR contracts: `python -m contracts.near.build [--check]`.

The tools are Debian's (rustc 1.63), so that every machine with them makes the same bytes; nothing
is downloaded. `--check` builds aside and fails when a committed artifact differs.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import base58

WORKSPACE = Path(__file__).parent
ARTIFACTS = WORKSPACE / "artifacts"
CONTRACTS = ("htlc", "token")
TARGET = "wasm32-unknown-unknown"
REGISTRY = Path("/usr/share/cargo/registry")

# What has to be there, and the Debian package that has it.
REQUIRED = {
    "/usr/bin/rustc": "rustc",
    "/usr/bin/cargo": "cargo",
    f"/usr/lib/rustlib/{TARGET}": "libstd-rust-dev-wasm32",
    "/usr/bin/wasm-ld": "lld",
    "/usr/bin/wasm-validate": "wabt",
    "/usr/bin/wasm-opt": "binaryen",
    f"{REGISTRY}/serde_json-*": "librust-serde-json-dev",
    f"{REGISTRY}/serde_derive-*": "librust-serde-derive-dev",
}

# NEAR runs the WebAssembly of 2017 (MVP): everything newer is off.
NEWER_THAN_MVP = (
    "bulk-memory",
    "sign-extension",
    "reference-types",
    "multi-value",
    "saturating-float-to-int",
    "simd",
)


class BuildError(Exception):
    """The message says what is wrong and what to do."""


def missing_packages() -> list[str]:
    return [
        package
        for path, package in REQUIRED.items()
        if not any(Path(path).parent.glob(Path(path).name))
    ]


def run(*command: str | Path) -> None:
    """Raises BuildError with the tool's own words."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BuildError(f"{Path(command[0]).name} failed:\n{done.stderr or done.stdout}")


def compile_crates(target: Path) -> None:
    """Paths of this machine are replaced in the output: the bytes are the same in any folder."""
    remap = {WORKSPACE.resolve(): "/contracts/near", REGISTRY: "/registry"}
    flags = [f"--remap-path-prefix={path}={name}" for path, name in remap.items()]
    run(
        "/usr/bin/cargo",
        "build",
        "--release",
        "--locked",
        "--offline",
        f"--manifest-path={WORKSPACE / 'Cargo.toml'}",
        f"--target-dir={target}",
        f"--config={WORKSPACE / 'cargo-config.toml'}",
        f"--config=target.{TARGET}.rustflags={json.dumps(flags)}",
    )


def optimize(compiled: Path, optimized: Path) -> None:
    run("/usr/bin/wasm-opt", "-Oz", "--mvp-features", compiled, "-o", optimized)
    run("/usr/bin/wasm-validate", *(f"--disable-{name}" for name in NEWER_THAN_MVP), optimized)


def describe(wasm: Path) -> dict[str, str | int]:
    """The code hash is what `view_account` answers for an account with this code."""
    code = wasm.read_bytes()
    return {
        "code_hash": base58.b58encode(hashlib.sha256(code).digest()).decode(),
        "size": len(code),
    }


def build(output: Path) -> None:
    """Writes every artifact into `output`."""
    packages = missing_packages()
    if packages:
        raise BuildError(f"missing Debian packages: apt-get install {' '.join(packages)}")
    with tempfile.TemporaryDirectory() as target:
        compile_crates(Path(target))
        for name in CONTRACTS:
            optimize(Path(target, TARGET, "release", f"{name}.wasm"), output / f"{name}.wasm")
    described = {name: describe(output / f"{name}.wasm") for name in CONTRACTS}
    (output / "artifacts.json").write_text(json.dumps(described, indent=2) + "\n")


def differing(built: Path, committed: Path) -> list[str]:
    return [
        file.name
        for file in sorted(built.iterdir())
        if not (committed / file.name).is_file()
        or (committed / file.name).read_bytes() != file.read_bytes()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is committed")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        build(output)
        if check:
            names = differing(output, ARTIFACTS)
            if names:
                raise BuildError(
                    f"{', '.join(names)} in {ARTIFACTS} is not what the sources build: "
                    "run python -m contracts.near.build and commit the result"
                )
        else:
            ARTIFACTS.mkdir(exist_ok=True)
            for file in output.iterdir():
                shutil.copyfile(file, ARTIFACTS / file.name)


if __name__ == "__main__":
    try:
        main()
    except BuildError as error:
        sys.exit(str(error))
