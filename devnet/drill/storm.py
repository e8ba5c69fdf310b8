"""Carries a schedule's faults out: one thread a lane, and one that supervises our processes."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import redis

from devnet.drill.schedule import Fault, Schedule
from devnet.faults import ChainFaults, Failure, Lie
from devnet.network import Devnet
from devnet.service import Service

PRICES: Final = {"base": 10**9, "near": 50_000_000}  # half of what a unit of gas usually costs
SUPERVISED_EVERY: Final = 0.5


class Storm:
    """`injected`: how often each fault met something, by kind; `say` is told of each."""

    def __init__(
        self, devnet: Devnet, service: Service, schedule: Schedule, say: Callable[[str], None]
    ) -> None:
        self._devnet, self._service, self._schedule, self._say = devnet, service, schedule, say
        self._met, self.errors = Counter[str](), list[BaseException]()
        self._began, self._calm = time.monotonic(), threading.Event()
        self._held_down: set[str] = set()
        self._machines = threading.RLock()
        self._threads = [
            threading.Thread(target=self._guarded, args=(partial(self._run, lane),), name=name)
            for name, lane in schedule.lanes.items()
        ]
        self._supervisor = threading.Thread(target=self._guarded, args=(self._supervise,))

    def start(self) -> None:
        """Begin: the schedule's time counts from here."""
        self._began = time.monotonic()
        for thread in (*self._threads, self._supervisor):
            thread.start()

    @property
    def injected(self) -> Counter[str]:
        """Those of machines that were there to be met, and what the chains' faults met."""
        of_chains = self._devnet.faults.injected.values()
        return sum(of_chains, Counter[str](self._met))

    @property
    def is_over(self) -> bool:
        """Whether every fault has come and gone."""
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """No fault any more, and nobody who starts again what ends; raises what went wrong."""
        self._calm.set()
        for thread in (*self._threads, self._supervisor):
            thread.join()
        if self.errors:
            raise self.errors[0]

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.errors.append(error)

    def _run(self, lane: tuple[Fault, ...]) -> None:
        for fault in lane:
            if self._calm.wait(max(0.0, self._began + fault.at - time.monotonic())):
                return
            self._say(_told(fault))
            with self._act(fault) as met:
                self._calm.wait(fault.seconds)
            self._met[fault.kind] += met is True

    def _supervise(self) -> None:
        while not self._calm.wait(SUPERVISED_EVERY):
            with self._machines:
                self._service.restart_ended(but=self._held_down)

    def _act(self, fault: Fault) -> AbstractContextManager[Any]:
        if fault.target in ("base", "near"):
            return self._of_chain(fault)
        acts: dict[str, Callable[[Fault], AbstractContextManager[Any]]] = {
            "jump": self._jump, "kill": self._kill, "kill_one": self._kill_one,
            "freeze": self._freeze, "second_worker": self._second_worker,
            "flush_redis": self._flush_redis, "stop_redis": self._stop_redis,
            "restart_postgres": self._restart_postgres,
        }  # fmt: skip
        return acts[fault.kind](fault)

    def _of_chain(self, fault: Fault) -> AbstractContextManager[Any]:
        chain: ChainFaults = getattr(self._devnet.faults, fault.target)
        match fault.kind:
            case "stall":
                return chain.stalling()
            case "reorganise" | "reorganise_away":
                keep = fault.kind == "reorganise"
                return _counted(partial(chain.reorganise, fault.size, keep_transactions=keep))
            case "fee_spike":
                return chain.fee_spike(PRICES[fault.target] * fault.size)
            case _:
                return _of_way(chain, fault)

    def _jump(self, fault: Fault) -> AbstractContextManager[Any]:
        return _counted(partial(self._devnet.faults.jump, fault.size))

    @contextmanager
    def _kill(self, fault: Fault) -> Iterator[bool]:
        with self._machines:
            self._held_down.add(fault.target)
            child = self._service.processes[fault.target]
            was_alive = not child.has_ended
            child.kill()
        yield was_alive
        with self._machines:
            self._held_down.discard(fault.target)

    @contextmanager
    def _kill_one(self, fault: Fault) -> Iterator[bool]:
        """One of the processes that a process has started."""
        leader = self._service.processes[fault.target].process.pid
        met = False
        with suppress(OSError):  # it is starting at this moment
            children = Path(f"/proc/{leader}/task/{leader}/children").read_text().split()
            for child in children[-1:]:
                os.kill(int(child), signal.SIGKILL)
                met = True
        yield met

    @contextmanager
    def _freeze(self, fault: Fault) -> Iterator[bool]:
        child = self._service.processes[fault.target]
        group, met = child.process.pid, not child.has_ended
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGSTOP)
        yield met
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGCONT)

    @contextmanager
    def _second_worker(self, _: Fault) -> Iterator[bool]:
        """Two at the same work, and then one of them is gone."""
        with self._machines:
            self._service.start("worker-2", self._service.command("worker"))
        yield True
        with self._machines, suppress(ProcessLookupError):
            self._service.processes.pop("worker-2").kill()

    def _flush_redis(self, _: Fault) -> AbstractContextManager[Any]:
        def flush() -> None:
            with redis.Redis.from_url(self._devnet.redis.url) as client:
                client.flushall()

        return _at_once(flush)

    @contextmanager
    def _stop_redis(self, _: Fault) -> Iterator[bool]:
        self._devnet.redis.stop()
        yield True
        self._devnet.redis.restart()

    def _restart_postgres(self, _: Fault) -> AbstractContextManager[Any]:
        return _at_once(self._devnet.postgres.restart)


def _of_way(chain: ChainFaults, fault: Fault) -> AbstractContextManager[Any]:
    """Of the two ways to a node one fails, and one lies or lags: never all of them, but for what
    merely takes time and for the outage.
    """
    match fault.kind:
        case "failing":
            return chain.failing(list(Failure)[fault.size], at=0)
        case "hanging":
            return chain.hanging(at=0)
        case "refusing":
            return chain.refusing_connections(at=0)
        case "stale":
            return chain.stale(fault.size, at=1)
        case "lying":
            return chain.lying(list(Lie)[fault.size], at=1)
        case "delaying":
            return chain.delaying(fault.size / 1000)
        case "doubling":
            return chain.doubling()
        case "outage":
            return chain.failing(Failure.HTTP_502)
        case _:
            raise ValueError(f"there is no fault {fault.kind!r}")


@contextmanager
def _at_once(act: Callable[[], object]) -> Iterator[bool]:
    act()
    yield True


@contextmanager
def _counted(act: Callable[[], object]) -> Iterator[None]:
    """What the devnet's faults count themselves."""
    act()
    yield


def _told(fault: Fault) -> str:
    """For the person who watches."""
    parts = [fault.kind.replace("_", " "), fault.target]
    parts += [f"for {fault.seconds} s"] if fault.seconds else []
    parts += [f"({fault.size})"] if fault.size else []
    return " ".join(filter(None, parts))
