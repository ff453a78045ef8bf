"""The README is run, not believed."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from homelab_sdk.testing import StartSimulator

ROOT = Path(__file__).resolve().parents[3]
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_snippet_runs(
    snippet: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    homelab_simulator: StartSimulator,
) -> None:
    lab = tmp_path / "lab"
    shutil.copytree(ROOT / "examples/labs/ragas", lab)
    (lab / "backups").mkdir()
    monkeypatch.chdir(lab)
    for name, value in homelab_simulator(lab / "homelab.yaml").env().items():
        monkeypatch.setenv(name, value)
    exec(compile(snippet, "README.md", "exec"), {})


def test_there_are_snippets() -> None:
    assert len(SNIPPETS) >= 2


GUIDE = (ROOT / "docs/simulator.md").read_text("utf-8")


def test_the_guide_to_the_simulator_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, homelab_simulator: StartSimulator
) -> None:
    (lab,) = re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.M | re.S)
    (snippet,) = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.M | re.S)
    (tmp_path / "homelab.yaml").write_text(lab, "utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(snippet, "simulator.md", "exec"), names)
    names["test_a_worker_is_gone"](homelab_simulator)
