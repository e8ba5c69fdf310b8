from collections.abc import Iterator

import pytest

from auctions_app.market import use_market
from tests.unit.auctions.markets import market


@pytest.fixture(autouse=True)
def _devnet_market() -> Iterator[None]:
    with use_market(market()):
        yield
