"""Rows: values of their type in every respect, and what the raw answer says."""

import copy
import dataclasses
import pickle

import pytest
from conftest import LAB

from homelab_sdk import AsyncLab, Lab, ProxmoxClient, ProxmoxResource, Rows, Simulator


@pytest.fixture
def pve(sim: Simulator) -> ProxmoxClient:
    return Lab.from_file(LAB).connect(credentials=sim.env()).proxmox()


def test_a_row_says_what_the_server_said(pve: ProxmoxClient) -> None:
    raw = pve.request("GET", "/cluster/resources")
    assert isinstance(raw, list)
    rows = {row.id: row for row in pve.cluster_resources()}
    assert len(rows) == len(raw) > 10
    for seen in raw:
        assert isinstance(seen, dict)
        row = rows[str(seen["id"])]
        assert (row.kind, row.node, row.status) == (seen["type"], seen.get("node"), seen.get("status"))
        assert (row.vmid, row.memory_bytes, row.disk_bytes) == (
            seen.get("vmid"),
            seen.get("maxmem"),
            seen.get("maxdisk"),
        )
        template = seen.get("template")
        assert row.template == (None if template is None else bool(template))
        assert row.tags == tuple(t for t in str(seen.get("tags") or "").split(";") if t)


def test_a_row_is_a_value_like_any_other(pve: ProxmoxClient) -> None:
    rows = pve.cluster_resources(kind="node")
    assert isinstance(rows, Rows)
    row = rows[0]
    assert isinstance(row, ProxmoxResource)
    plain = ProxmoxResource(**{f.name: getattr(row, f.name) for f in dataclasses.fields(row)})
    assert row == plain and plain == row and hash(row) == hash(plain) and repr(row) == repr(plain)
    assert dataclasses.asdict(row) == dataclasses.asdict(plain)
    assert dataclasses.replace(row, id="x").id == "x"
    assert pickle.loads(pickle.dumps(row)) == plain and copy.deepcopy(row) == plain
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.id = "x"  # type: ignore[misc]


def test_rows_are_a_sequence(pve: ProxmoxClient) -> None:
    rows = pve.cluster_resources()
    assert rows == list(rows) and rows[-1] == list(rows)[-1] and rows[1:3] == list(rows)[1:3]
    assert rows[0] in rows and rows.index(rows[1]) == 1
    with pytest.raises(IndexError):
        rows[len(rows)]
    dicts = rows.to_dicts()
    assert [d["id"] for d in dicts] == [r.id for r in rows]
    assert set(dicts[0]) == {f.name for f in dataclasses.fields(ProxmoxResource)}


async def asyncio_rows(sim: Simulator) -> Rows[ProxmoxResource]:
    live = await AsyncLab.from_file(LAB).connect(credentials=sim.env())
    return await live.proxmox().cluster_resources(kind="vm")


def test_the_twin_gives_the_same(sim: Simulator, pve: ProxmoxClient) -> None:
    import asyncio

    rows = asyncio.run(asyncio_rows(sim))
    assert {r.id for r in rows} == {r.id for r in pve.cluster_resources(kind="vm")}
