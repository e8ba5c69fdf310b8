"""Swaps through real processes on real chains, as a frontend and a wallet do them."""

from contextlib import closing

import pytest

from devnet.demo import Demo, running_service
from tests.acceptance.maker import PATIENT


def test_the_demo_swaps_coins_and_tokens_and_explains_every_balance(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with running_service(PATIENT) as (devnet, service), closing(Demo(devnet, service)) as demo:
        assert demo.run() is True
    printed = capsys.readouterr().out
    assert "swaps completed: 3 of 3" in printed
    assert "balances explained: 10 of 10" in printed
