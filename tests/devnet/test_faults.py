"""Faults on demand, seen by a client of the proxies that knows nothing of them."""

import asyncio
import gc
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from devnet.anvil import Anvil, start_anvil
from devnet.faults import BaseFaults, Failure, Lie, proxy
from devnet.faults.chain import SAID
from devnet.faults.exchange import Forward, Reply, Request
from devnet.faults.kinds import Fault, Hang
from devnet.faults.proxy import Proxies
from devnet.jsonrpc import JsonRpc, JsonRpcError
from tests.devnet.waiting import until

BLOCK_NUMBER = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}
CHAIN_ID = {"jsonrpc": "2.0", "id": 2, "method": "eth_chainId", "params": []}


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    started = start_anvil(tmp_path_factory.mktemp("anvil"))
    started.mine(5)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def proxies() -> Iterator[Proxies]:
    with Proxies() as running:
        yield running


@pytest.fixture
def base(anvil: Anvil, proxies: Proxies) -> BaseFaults:
    return BaseFaults(anvil, proxies, urls=2)


@pytest.fixture
def rpc(base: BaseFaults) -> Iterator[JsonRpc]:
    client = JsonRpc(base.urls[0])
    yield client
    client.close()


def post(url: str, body: Any) -> tuple[int, bytes]:
    """One exchange over a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def height(rpc: JsonRpc) -> int:
    return int(rpc.call("eth_blockNumber"), 16)


def test_without_a_fault_everything_passes_as_it_is(base: BaseFaults, anvil: Anvil) -> None:
    direct, through = (post(url, [BLOCK_NUMBER, CHAIN_ID]) for url in (anvil.url, base.urls[0]))
    assert direct == through
    assert base.proxies[0].asked == {"eth_blockNumber": 1, "eth_chainId": 1}
    assert post(base.urls[0], {"no": "call"}) == post(anvil.url, {"no": "call"})


def test_a_connection_is_kept_over_many_calls(base: BaseFaults) -> None:
    connection = http.client.HTTPConnection(urlsplit(base.urls[0]).netloc)
    ports = set()
    for _ in range(3):
        connection.request("POST", "/", json.dumps(CHAIN_ID))
        assert connection.getresponse().read()
        ports.add(connection.sock.getsockname()[1])
    connection.close()
    assert len(ports) == 1


@pytest.mark.parametrize(
    ("how", "status"), [(Failure.HTTP_500, 500), (Failure.HTTP_502, 502), (Failure.HTTP_429, 429)]
)
def test_an_http_failure_has_its_status_and_no_json(
    base: BaseFaults, how: Failure, status: int
) -> None:
    with base.failing(how):
        assert post(base.urls[0], CHAIN_ID) == (status, f"<html>{SAID}".encode())
    assert post(base.urls[0], CHAIN_ID)[0] == 200
    assert base.injected == {how.value: 1}


def test_garbage_is_no_json(base: BaseFaults) -> None:
    with base.failing(Failure.GARBAGE):
        assert post(base.urls[0], CHAIN_ID) == (200, f"<html>{SAID}".encode())


def test_a_failing_call_of_a_batch_leaves_the_others(base: BaseFaults) -> None:
    with base.failing(Failure.INTERNAL_ERROR, methods={"eth_blockNumber"}):
        _, body = post(base.urls[0], [BLOCK_NUMBER, CHAIN_ID])
    failed, answered = json.loads(body)
    assert (failed["id"], failed["error"]["code"]) == (1, -32603)
    assert (answered["id"], answered["result"]) == (2, "0x7a69")


def test_an_answer_is_cut_in_half(base: BaseFaults) -> None:
    with base.failing(Failure.CUT), pytest.raises(http.client.IncompleteRead) as cut:
        post(base.urls[0], CHAIN_ID)
    whole = post(base.urls[0], CHAIN_ID)[1]
    assert cut.value.partial == whole[: len(whole) // 2]


@contextmanager
def answer_of(url: str) -> Iterator[http.client.HTTPResponse]:
    """To be read as it comes."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request("POST", "/", json.dumps(CHAIN_ID), {"Content-Type": "application/json"})
    yield connection.getresponse()
    connection.close()


def test_an_answer_comes_byte_by_byte(base: BaseFaults, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = post(base.urls[0], CHAIN_ID)[1]
    with base.dripping():
        monkeypatch.setattr(proxy, "DRIP_SECONDS", 0)
        assert post(base.urls[0], CHAIN_ID) == (200, whole)
        monkeypatch.setattr(proxy, "DRIP_SECONDS", 1_000)
        with answer_of(base.urls[0]) as answer:
            assert answer.read1() == whole[:1]


def test_an_answer_never_ends_while_it_is_read(base: BaseFaults) -> None:
    whole, many = post(base.urls[0], CHAIN_ID)[1], 3 * len(proxy.SPACES)
    with base.never_ending(), answer_of(base.urls[0]) as answer:
        assert answer.read(many) == whole.ljust(many)


def test_a_lost_answer_is_lost_after_the_node_did_it(base: BaseFaults, rpc: JsonRpc) -> None:
    before = height(rpc)
    mine = {**CHAIN_ID, "method": "evm_mine"}
    with base.failing(Failure.LOST), pytest.raises(ConnectionResetError):
        post(base.urls[0], mine)
    assert height(rpc) == before + 1


def test_a_refused_connection_never_reaches_the_node(base: BaseFaults, rpc: JsonRpc) -> None:
    before = height(rpc)
    mine = {**CHAIN_ID, "method": "evm_mine"}
    with base.refusing_connections(), pytest.raises(ConnectionResetError):
        post(base.urls[0], mine)
    assert height(rpc) == before


def test_a_doubled_request_reaches_the_node_twice(base: BaseFaults, rpc: JsonRpc) -> None:
    before = height(rpc)
    with base.doubling(methods={"evm_mine"}) as fault:
        rpc.call("evm_mine")
    assert (height(rpc), fault.injected) == (before + 2, 1)


def test_an_answer_that_comes_twice_is_taken_for_the_next(base: BaseFaults) -> None:
    with base.answering_twice():
        asked = (CHAIN_ID, BLOCK_NUMBER, BLOCK_NUMBER)
        answers = [json.loads(post(base.urls[0], body)[1]) for body in asked]
    assert [answer["id"] for answer in answers] == [2, 2, 1]


def test_what_hangs_is_answered_when_the_fault_ends(base: BaseFaults, rpc: JsonRpc) -> None:
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(rpc.call("eth_chainId")))
    other = JsonRpc(base.urls[1])
    with base.hanging(methods={"eth_chainId"}):
        asking.start()
        assert height(other) >= 5  # other methods go on
        until(lambda: base.proxies[0].asked["eth_chainId"])
        assert answers == []
    asking.join()
    other.close()
    assert answers == ["0x7a69"]


def test_a_delay_ends_with_its_fault(base: BaseFaults, rpc: JsonRpc) -> None:
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(rpc.call("eth_chainId")))
    with base.delaying(1_000) as fault:
        asking.start()
        until(lambda: fault.injected)
    asking.join()
    assert answers == ["0x7a69"]
    assert base.injected == {"delay": 1}


def test_a_fault_meets_a_number_of_requests_at_one_url(base: BaseFaults) -> None:
    with base.failing(Failure.HTTP_500, count=2, at=0) as fault:
        assert [post(base.urls[0], CHAIN_ID)[0] for _ in range(3)] == [500, 500, 200]
        assert post(base.urls[1], CHAIN_ID)[0] == 200
    assert fault.injected == 2


def test_faults_lie_upon_each_other(base: BaseFaults, rpc: JsonRpc) -> None:
    before = height(rpc)
    with base.stale(2), base.failing(Failure.HTTP_429, methods={"eth_chainId"}):
        assert post(base.urls[0], CHAIN_ID)[0] == 429
        assert height(rpc) == before - 2


def test_a_node_that_is_gone_is_a_bad_gateway(proxies: Proxies) -> None:
    proxy = proxies.start("http://127.0.0.1:1")
    assert post(proxy.url, CHAIN_ID)[0] == 502


def test_a_lagging_node_knows_nothing_newer(base: BaseFaults, anvil: Anvil, rpc: JsonRpc) -> None:
    account = "0x" + "22" * 20
    anvil.mine()
    anvil.fund(account, 7)
    anvil.mine(3)
    head = anvil.rpc.call("eth_getBlockByNumber", "latest", False)
    past = anvil.rpc.call("eth_getBlockByNumber", hex(int(head["number"], 16) - 4), False)
    with base.stale(4):
        assert rpc.call("eth_getBlockByNumber", "latest", False)["hash"] == past["hash"]
        assert rpc.call("eth_getBlockByHash", head["hash"], False) is None
        assert rpc.call("eth_getBlockByNumber", head["number"], False) is None
        assert rpc.call("eth_getBalance", account, "latest") == "0x0"
        final = rpc.call("eth_getBlockByNumber", "finalized", False)
        for at in (head["number"], {"blockHash": head["hash"]}):
            with pytest.raises(JsonRpcError, match="header not found"):
                rpc.call("eth_getBalance", account, at)
        with pytest.raises(JsonRpcError, match="header not found"):
            rpc.call("eth_getLogs", {"blockHash": head["hash"]})
    assert int(final["number"], 16) == int(head["number"], 16) - 6
    assert rpc.call("eth_getBalance", account, "latest") == "0x7"


def test_two_urls_disagree(base: BaseFaults) -> None:
    one, two = (JsonRpc(url) for url in base.urls)
    with base.lying(Lie.BLOCK, at=0):
        blocks = [each.call("eth_getBlockByNumber", "latest", False) for each in (one, two)]
    one.close()
    two.close()
    assert blocks[0]["number"] == blocks[1]["number"]
    assert blocks[0]["hash"] != blocks[1]["hash"]


class Slow(Fault):
    """Hangs, and takes longer to be cut off than a server waits."""

    async def answer(self, request: Request, forward: Forward) -> Reply:
        try:
            await self.ended.wait()
        finally:
            await asyncio.sleep(0.3)
        return await forward(request)


@pytest.mark.parametrize("fault", [Hang, Slow])
def test_proxies_end_with_what_hangs(
    anvil: Anvil, caplog: pytest.LogCaptureFixture, fault: type[Fault]
) -> None:
    failures: list[Exception] = []

    def ask(url: str) -> None:
        try:
            post(url, CHAIN_ID)
        except (OSError, http.client.HTTPException) as error:
            failures.append(error)

    with ExitStack() as stack, Proxies() as proxies:
        faults = BaseFaults(anvil, proxies, urls=1)
        stack.enter_context(faults.proxies[0].injecting(fault()))  # ends after the proxies
        asking = threading.Thread(target=ask, args=(faults.urls[0],))
        asking.start()
        until(lambda: faults.proxies[0].asked)
    asking.join()
    assert len(failures) == 1
    gc.collect()
    assert caplog.messages == []  # a task that was dropped would tell
