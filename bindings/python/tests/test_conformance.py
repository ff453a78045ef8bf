"""Every scenario of `conformance/scenarios`, with the sync classes and with their asyncio twins."""

import asyncio
from pathlib import Path

import pytest

from conformance import SCENARIOS, Runner


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 14


@pytest.mark.parametrize("twins", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(scenario: Path, twins: bool, tmp_path: Path) -> None:
    asyncio.run(Runner(tmp_path, twins).run(scenario))
