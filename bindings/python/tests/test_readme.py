"""The README is run, not believed."""

import re
import shutil
from pathlib import Path

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
