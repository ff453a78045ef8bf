"""Cancellation and streams beyond what the scenarios show: Ctrl-C, tasks, threads, forks."""

import asyncio
import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from conftest import LAB

from homelab_sdk import AsyncLab, AsyncTalosNode, Lab, Simulator, TalosNode

NODE = "172.16.1.50"


def node(sim: Simulator) -> TalosNode:
    return Lab.from_file(LAB).connect(credentials=sim.env()).talos().node(NODE)


async def async_node(sim: Simulator) -> AsyncTalosNode:
    live = await AsyncLab.from_file(LAB).connect(credentials=sim.env())
    return live.talos().node(NODE)


def eventually(check: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not check() and time.monotonic() < deadline:
        time.sleep(0.05)
    return check()


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as at a terminal: a process started in the background inherits that it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_a_sync_wait(sim: Simulator) -> None:
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt), node(sim).events() as events:
        for _ in events:
            pass
    assert eventually(lambda: sim.stats().open_streams == 0)


def test_other_threads_run_while_a_sync_call_waits(sim: Simulator) -> None:
    events = node(sim).events()
    items: list[object] = []
    waiting = threading.Thread(target=lambda: items.extend(events), daemon=True)
    waiting.start()
    assert eventually(lambda: sim.stats().open_streams == 1)
    events.close()
    waiting.join(5)
    assert not waiting.is_alive()
    assert eventually(lambda: sim.stats().open_streams == 0)


def test_a_loop_that_is_left_frees_its_stream(sim: Simulator) -> None:
    for _ in node(sim).watch_machine_status():
        assert sim.stats().open_streams == 1
        break
    gc.collect()
    assert eventually(lambda: sim.stats().open_streams == 0)


def test_with_closes_a_stream(sim: Simulator) -> None:
    with node(sim).watch_links() as events:
        next(iter(events))
    assert eventually(lambda: sim.stats().open_streams == 0)


def test_a_task_that_is_cancelled_frees_its_stream(sim: Simulator) -> None:
    async def story() -> None:
        at = await async_node(sim)

        async def reader() -> None:
            async for _ in at.watch_machine_status():
                pass

        task = asyncio.create_task(reader())
        while sim.stats().open_streams == 0:
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
    assert eventually(lambda: sim.stats().open_streams == 0)


def test_a_time_limit_of_asyncio_cancels_the_call(sim: Simulator) -> None:
    for name in ("talos-cp-1", "talos-cp-2", "talos-cp-3"):
        sim.fault(name, "stall")

    async def story() -> None:
        at = await async_node(sim)
        with pytest.raises(asyncio.TimeoutError):
            async with asyncio.timeout(0.3):
                await at.version()

    start = time.monotonic()
    asyncio.run(story())
    assert time.monotonic() - start < 2


def test_many_at_once(sim: Simulator) -> None:
    async def story() -> list[str]:
        at = await async_node(sim)
        return [v.tag for v in await asyncio.gather(*(at.version() for _ in range(50)))]

    assert len(set(asyncio.run(story()))) == 1


def test_what_on_progress_raises_ends_the_call(sim: Simulator, tmp_path: os.PathLike[str]) -> None:
    def enough(_: object) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        node(sim).etcd_snapshot(tmp_path, on_progress=enough)
    assert eventually(lambda: os.listdir(tmp_path) == [])
    assert eventually(lambda: sim.stats().open_streams == 0)


def _child(env: dict[str, str], answers: "multiprocessing.SimpleQueue[str]") -> None:
    live = Lab.from_file(LAB).connect(credentials=env)
    answers.put(live.talos().node(NODE).version().tag)


def test_a_forked_child_works(sim: Simulator) -> None:
    expected = node(sim).version().tag
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_child, args=(dict(sim.env()), answers))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert answers.get() == expected
