"""Swaps through real processes on real chains, as a frontend and a wallet do them."""

from contextlib import closing

import pytest

from devnet.demo import Demo, running_service


def test_the_demo_swaps_both_ways_and_explains_every_balance(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with running_service() as (devnet, service), closing(Demo(devnet, service)) as demo:
        assert demo.run() is True
    printed = capsys.readouterr().out
    assert "swaps completed: 2 of 2" in printed
    assert "balances explained: 6 of 6" in printed
