"""What ends a process at its start, and what it has to live with (docs/adr/0005)."""

import pytest

from chains_app.adapters.interface import ChainError, Shortage, WrongChainError
from chains_app.adapters.memory import MemoryAdapter
from chains_app.adapters.memory_chain import MemoryChain
from chains_app.checks import require_right_configuration
from chains_app.models import Signer
from chains_app.registry import use_memory_chains

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _chains_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Django's own checks are those of the processes' tests (tests/acceptance)."""
    monkeypatch.setattr("chains_app.checks.run_checks", lambda **_: [])


def start() -> None:
    chain = MemoryChain("base")
    for account in ("lock", "duty"):
        chain.fund(account, 10**9)
    with use_memory_chains(chain):
        require_right_configuration()


def test_a_token_that_is_sold_out_or_paused_keeps_no_process_down(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    short = Shortage("base: USDC at 0x12: lock holds none: fund it")
    monkeypatch.setattr(MemoryAdapter, "problems", lambda _: [short])
    start()
    assert "lock holds none: fund it" in caplog.text


def test_what_is_wrong_beside_a_shortage_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [Shortage("base: lock holds none: fund it"), "base: the code at 0x12 is not ours"]
    monkeypatch.setattr(MemoryAdapter, "problems", lambda _: both)
    with pytest.raises(SystemExit, match="wrong configuration: base: the code at 0x12 is not ours"):
        start()


def test_paused_signers_keep_no_process_down() -> None:
    for role in ("lock", "duty"):
        Signer.objects.create(
            chain="base", role=role, account=role, public_key="key-0", is_enabled=False
        )
    start()


def test_an_answer_that_is_none_counts_as_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def breaks(_: MemoryAdapter, account: str, _token: str | None) -> int:
        asked.append(account)
        raise ChainError("base: missing trie node")

    monkeypatch.setattr(MemoryAdapter, "balance", breaks)
    monkeypatch.setattr("chains_app.checks.threading.Thread.start", lambda _: None)
    start()
    assert asked


def test_a_chain_whose_nodes_are_all_of_another_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No node may be asked anything, so that it shows wherever one is asked first."""

    def wrong(_: MemoryAdapter, _account: str, _token: str | None) -> int:
        raise WrongChainError("base: node 1 of 1 is on chain 1, not 2: correct its URL")

    monkeypatch.setattr(MemoryAdapter, "balance", wrong)
    with pytest.raises(SystemExit, match="base: node 1 of 1 is on chain 1, not 2: correct its URL"):
        start()
