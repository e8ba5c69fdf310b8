"""`make bench`: measures what the project promises, and prints one JSON object as its last line."""

import json
import time

from devnet.near.bench import near_node_rates
from devnet.network import BlockTimes, Devnet
from devnet.recovery import recovery_seconds
from devnet.throughput import swaps_per_second


def devnet_up_seconds() -> float:
    """From nothing to contracts deployed on both chains, with timed blocks."""
    began = time.perf_counter()
    with Devnet(BlockTimes()):
        return time.perf_counter() - began


def main() -> None:
    """Run every benchmark, one after the other."""
    rows = {
        "devnet_up_s": round(devnet_up_seconds(), 2),
        **near_node_rates(),
        "recovery_s": round(recovery_seconds(), 2),
        "swaps_per_s": round(swaps_per_second(), 2),
    }
    print(json.dumps(rows))  # noqa: T201


if __name__ == "__main__":
    main()
