"""A pytest fixture: a simulated lab for tests of your own scripts.

pytest finds it by itself where homelab-sdk is installed::

    def test_my_report(homelab_simulator):
        sim = homelab_simulator("homelab.yaml")
        sim.host_down("pve1")
        with Lab.from_file("homelab.yaml").connect(credentials=sim.env()) as lab:
            assert lab.observe().failures
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from ._sync import Simulator

StartSimulator = Callable[[str | os.PathLike[str]], Simulator]
"""Starts a lab as an inventory file describes it; it stops when the test ends."""


@pytest.fixture
def homelab_simulator() -> Iterator[StartSimulator]:
    """Starts simulated labs and stops them when the test ends."""
    with ExitStack() as labs:
        yield lambda path: labs.enter_context(Simulator.start(path))
