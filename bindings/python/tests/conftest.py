"""What the tests share: the example lab, simulated."""

from collections.abc import Callable
from pathlib import Path

import pytest

from homelab_sdk import Simulator

LAB = Path(__file__).resolve().parents[3] / "examples/labs/ragas/homelab.yaml"


@pytest.fixture
def sim(homelab_simulator: Callable[[Path], Simulator]) -> Simulator:
    return homelab_simulator(LAB)
