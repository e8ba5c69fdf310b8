import pytest

from orchestrator.kernel.circuit import Circuit


def test_a_failure_opens_the_circuit_for_its_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("orchestrator.kernel.circuit.time.monotonic", lambda: now[0])
    circuit = Circuit(pause=2)
    assert not circuit.is_open
    circuit.fail()
    assert circuit.is_open
    now[0] = 101.9
    assert circuit.is_open
    now[0] = 102.0
    assert not circuit.is_open
