"""Two nodes that tell different things: where it counts, neither is believed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from chains_app.adapters.agreed import Agreed
from chains_app.adapters.interface import ChainError, ChainUnavailableError, NodesDisagreeError
from chains_app.locks import Call, LockState
from devnet.faults import ChainFaults, Failure, Lie
from devnet.faults.kinds import Answer, CallFault, Node
from tests.conformance.evm_world import EvmWorld
from tests.conformance.near_world import NearWorld
from tests.conformance.world import World, make, terms

pytestmark = pytest.mark.parametrize("world", ["evm", "near"], indirect=True)
LAG = 20


class Scene:
    """A lock in a block with others behind it, and what is asked about it."""

    def __init__(self, world: World) -> None:
        self.world, self.bound = world, terms(world)
        self.sent = make(world, Call.LOCK, self.bound)
        world.mine(4)
        self.head = world.adapter.head()
        self.tier = list(world.spec.finality)[-1]

    @property
    def agreed(self) -> Agreed:
        return Agreed(self.world.adapter)

    def status(self) -> Any:
        account = self.world.lock.account
        return self.agreed.transaction_status(self.sent.hash, account, self.tier)

    def is_final(self, height: int) -> bool:
        return self.agreed.is_final(height, self.tier)

    def asks(self) -> dict[Lie, Callable[[], Any]]:
        return {
            Lie.BLOCK: lambda: self.agreed.block(self.head.height),
            Lie.STATE: lambda: self.agreed.read_lock(self.bound, self.head),
            Lie.RECEIPT: self.status,
        }


@pytest.fixture
def scene(through: World) -> Scene:
    return Scene(through)


def assert_all_is_told(scene: Scene) -> None:
    assert scene.agreed.block(scene.head.height) == scene.head
    assert scene.agreed.read_lock(scene.bound, scene.head).state is LockState.OPEN
    status = scene.status()
    assert status == scene.world.adapter.transaction_status(
        scene.sent.hash, scene.world.lock.account, scene.tier
    )
    assert status.succeeded is True


def test_honest_nodes_agree(scene: Scene, faults: ChainFaults) -> None:
    before = [proxy.asked.total() for proxy in faults.proxies]
    assert_all_is_told(scene)
    after = [proxy.asked.total() for proxy in faults.proxies]
    assert all(b > a for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("lie", Lie)
def test_a_lie_of_either_node_is_no_answer(
    scene: Scene, faults: ChainFaults, lie: Lie, liar: int, caplog: pytest.LogCaptureFixture
) -> None:
    with faults.lying(lie, at=liar) as told:
        for about, ask in scene.asks().items():
            if about is lie:
                with pytest.raises(NodesDisagreeError) as raised:
                    ask()
        assert told.injected > 0
    assert raised.value.code == "nodes_disagree"
    assert f"two nodes of {scene.world.spec.name} disagree about" in str(raised.value)
    [logged] = [r.msg for r in caplog.records if isinstance(r.msg, dict)]
    assert (logged["event"], logged["level"]) == ("nodes_disagree", "error")
    assert not any(url in caplog.text for url in faults.urls)
    assert_all_is_told(scene)


def test_a_false_block_that_is_told_throughout_is_no_answer(
    scene: Scene, faults: ChainFaults
) -> None:
    """The preferred node tells of a lock in a block of its own making: nobody else has it."""
    head, read = scene.head, scene.world.adapter.read_lock
    with faults.lying(Lie.BLOCK, at=0):
        false = scene.world.adapter.head()
        assert (false.height, false.hash != head.hash) == (head.height, True)
        with pytest.raises(NodesDisagreeError):
            scene.agreed.block(false.height)
        with pytest.raises(ChainError):
            scene.agreed.read_lock(scene.bound, false)
    assert read(scene.bound, head).state is LockState.OPEN


@dataclass(kw_only=True, eq=False)
class Hasty(CallFault):
    """Whatever is asked at the final block is answered at the head."""

    heads: ClassVar[dict[str, str]] = {"finalized": "latest", "final": "optimistic"}

    async def answer_call(self, call: Mapping[str, Any], node: Node) -> Answer:
        asked = json.dumps(call["params"])
        for final, head in self.heads.items():
            asked = asked.replace(f'"{final}"', f'"{head}"')
        return await node.answer({**call, "params": json.loads(asked)})


@pytest.mark.parametrize("liar", [0, 1])
def test_what_one_node_calls_final_is_not_final(
    scene: Scene, faults: ChainFaults, liar: int
) -> None:
    final = scene.world.adapter.final(scene.tier).height
    assert final < scene.head.height
    with faults.proxies[liar].injecting(
        Hasty(methods=frozenset({"eth_getBlockByNumber", "block"}))
    ):
        told = [view.final(scene.tier).height for view in scene.world.adapter.views()]
        assert sorted(told) == [final, scene.head.height]
        assert scene.is_final(final)
        assert not scene.is_final(final + 1)
        assert not scene.is_final(scene.head.height)


@pytest.mark.parametrize("silent", [0, 1])
def test_one_node_alone_does_not_agree(scene: Scene, faults: ChainFaults, silent: int) -> None:
    for fault in (faults.failing(Failure.HTTP_502, at=silent), faults.stale(LAG, at=silent)):
        with fault:
            for ask in scene.asks().values():
                with pytest.raises(ChainUnavailableError, match="no node answered beside another"):
                    ask()
    told = pytest.raises(ChainUnavailableError, match="beside another on a final block")
    with faults.failing(Failure.HTTP_502, at=silent), told:
        scene.is_final(0)


def test_without_a_second_node_nothing_is_agreed(
    world: EvmWorld | NearWorld, faults: ChainFaults
) -> None:
    world.connect(faults.urls[:1])
    for ask in Scene(world).asks().values():
        with pytest.raises(ChainUnavailableError):
            ask()


def test_what_has_not_run_is_not_agreed(scene: Scene) -> None:
    unknown = {"near": "1" * 32}.get(scene.world.spec.name, "0x" + "11" * 32)
    with pytest.raises(ChainUnavailableError):
        scene.agreed.transaction_status(unknown, scene.world.lock.account, scene.tier)


def test_an_absent_lock_is_agreed_as_well(scene: Scene) -> None:
    other = terms(scene.world, hashlock=bytes(32))
    assert scene.agreed.read_lock(other, scene.head).state is LockState.ABSENT
