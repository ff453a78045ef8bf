"""A pytest fixture: a simulated lab for tests of your own scripts.

pytest finds it by itself where homelab-sdk is installed::

    def test_my_report(homelab_simulator):
        sim = homelab_simulator("homelab.yaml", clock="paused")
        sim.host_down("pve1")
        sim.advance(60)
        with Lab.from_file("homelab.yaml").connect(credentials=sim.env()) as lab:
            assert lab.observe().failures
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest

from ._sync import Simulator


class StartSimulator(Protocol):
    """Starts a lab as an inventory file describes it; it stops when the test ends."""

    def __call__(
        self,
        path: str | os.PathLike[str],
        *,
        seed: int | None = None,
        latency_ms: int | None = None,
        etcd_db_bytes: int | None = None,
        clock: str | None = None,
        log: str | os.PathLike[str] | None = None,
        control_port: int | None = None,
        first_port: int | None = None,
        fencing_seconds: float | None = None,
        state: str | os.PathLike[str] | None = None,
    ) -> Simulator:
        """The options are those of `Simulator.start`."""
        ...


@pytest.fixture
def homelab_simulator() -> Iterator[StartSimulator]:
    """Starts simulated labs and stops them when the test ends."""
    with ExitStack() as labs:

        def start(
            path: str | os.PathLike[str],
            *,
            seed: int | None = None,
            latency_ms: int | None = None,
            etcd_db_bytes: int | None = None,
            clock: str | None = None,
            log: str | os.PathLike[str] | None = None,
            control_port: int | None = None,
            first_port: int | None = None,
            fencing_seconds: float | None = None,
            state: str | os.PathLike[str] | None = None,
        ) -> Simulator:
            return labs.enter_context(
                Simulator.start(
                    path,
                    seed=seed,
                    latency_ms=latency_ms,
                    etcd_db_bytes=etcd_db_bytes,
                    clock=clock,
                    log=log,
                    control_port=control_port,
                    first_port=first_port,
                    fencing_seconds=fencing_seconds,
                    state=state,
                )
            )

        yield start
