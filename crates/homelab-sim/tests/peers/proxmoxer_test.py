"""proxmoxer, an independent client of the Proxmox VE API, drives the simulator.

    pip install proxmoxer requests pytest
    cargo build -p homelab-sim
    python -m pytest crates/homelab-sim/tests/peers

`HOMELAB_SIM` names the binary (default: target/debug/homelab-sim) and
`HOMELAB_SIM_LAB` the inventory (default: the example lab). Each test gets a
simulated lab of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

proxmoxer = pytest.importorskip("proxmoxer", reason="proxmoxer is not installed")

from proxmoxer.core import AuthenticationError, ResourceException
from proxmoxer.tools import Tasks

ROOT = Path(__file__).resolve().parents[4]
BINARY = os.environ.get("HOMELAB_SIM", str(ROOT / "target/debug/homelab-sim"))
LAB = os.environ.get("HOMELAB_SIM_LAB", str(ROOT / "examples/labs/ragas/homelab.yaml"))
PASSWORD = "homelab-sim"


class Lab:
    """A running simulator: its environment and clients for its hosts."""

    def __init__(self, env: dict[str, str]) -> None:
        self.endpoints = env["HOMELAB_PROXMOX_ENDPOINTS"].split(",")
        self.ca = env["HOMELAB_PROXMOX_CA"]
        self.user, self.token_name, self.secret = re.fullmatch(
            r"([^!]+)!([^=]+)=(.+)", env["HOMELAB_PROXMOX_TOKEN"]
        ).groups()

    def _client(self, host: int, **credentials: Any) -> Any:
        url = urlsplit(self.endpoints[host])
        return proxmoxer.ProxmoxAPI(
            url.hostname, port=url.port, verify_ssl=self.ca, timeout=10, **credentials
        )

    def token(self, host: int = 0) -> Any:
        return self._client(
            host, user=self.user, token_name=self.token_name, token_value=self.secret
        )

    def ticket(self, host: int = 0, user: str = "root@pam", password: str = PASSWORD) -> Any:
        return self._client(host, user=user, password=password)


@pytest.fixture
def lab() -> Iterator[Lab]:
    if not Path(BINARY).exists():
        pytest.skip(f"{BINARY} is not built: cargo build -p homelab-sim")
    process = subprocess.Popen(
        [BINARY, "--lab", LAB], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        env: dict[str, str] = {}
        wanted = {"HOMELAB_PROXMOX_ENDPOINTS", "HOMELAB_PROXMOX_TOKEN", "HOMELAB_PROXMOX_CA"}
        while not wanted <= env.keys():
            line = process.stdout.readline()
            assert line, f"the simulator ended with {process.wait()}"
            if match := re.match(r"export (\w+)=(.*)", line):
                env[match[1]] = match[2].strip().strip("'\"")
        yield Lab(env)
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


def a_guest(pve: Any) -> dict[str, Any]:
    return next(row for row in pve.cluster.resources.get(type="vm") if row["type"] == "qemu")


def test_reads_with_a_token(lab: Lab) -> None:
    pve = lab.token()
    assert re.fullmatch(r"\d+\.\d+", pve.version.get()["release"])
    nodes = {node["node"]: node for node in pve.nodes.get()}
    assert all(node["status"] == "online" for node in nodes.values())
    assert len(lab.endpoints) == len(nodes)
    for name in nodes:
        status = pve.nodes(name).status.get()
        assert status["memory"]["total"] == nodes[name]["maxmem"]
        for storage in pve.nodes(name).storage.get():
            assert storage["active"] == 1
            pve.nodes(name).storage(storage["storage"]).content.get()
    cluster = pve.cluster.status.get()
    assert next(row for row in cluster if row["type"] == "cluster")["quorate"] == 1
    assert {row["type"] for row in pve.cluster.resources.get()} >= {"node", "qemu", "storage"}
    join = pve.cluster.config.join.get()
    assert {n["name"] for n in join["nodelist"]} == nodes.keys()
    assert pve.cluster.ha.status.current.get()[0]["id"] == "quorum"
    if any(s["plugintype"] == "rbd" for s in pve.cluster.resources.get(type="storage")):
        assert pve.cluster.ceph.status.get()["health"]["status"] == "HEALTH_OK"


def test_any_host_answers_for_all(lab: Lab) -> None:
    for host in range(len(lab.endpoints)):
        pve = lab.token(host)
        local = [row for row in pve.cluster.status.get() if row.get("local")]
        assert len(local) == 1
        guest = a_guest(pve)
        config = pve.nodes(guest["node"]).qemu(guest["vmid"]).config.get()
        assert config["name"] == guest["name"]
        assert re.fullmatch(r"uuid=[0-9a-f-]{36}", config["smbios1"])
        assert re.match(r"virtio=([0-9A-F]{2}:){5}[0-9A-F]{2},bridge=", config["net0"])


def test_a_ticket_reads_and_writes(lab: Lab) -> None:
    pve = lab.ticket()
    guest = a_guest(pve)
    vm = pve.nodes(guest["node"]).qemu(guest["vmid"])
    upid = vm.status.stop.post()
    assert Tasks.decode_upid(upid)["user"] == "root@pam"
    assert Tasks.blocking_status(pve, upid, timeout=10, polling_interval=0.05)["exitstatus"] == "OK"
    with pytest.raises(AuthenticationError):
        lab.ticket(password="wrong")


def test_a_guest_is_stopped_and_started(lab: Lab) -> None:
    pve = lab.token(host=len(lab.endpoints) - 1)
    guest = a_guest(pve)
    vm = pve.nodes(guest["node"]).qemu(guest["vmid"])
    assert vm.status.current.get()["status"] == "running"

    def run(upid: str) -> str:
        decoded = Tasks.decode_upid(upid)
        assert (decoded["node"], decoded["id"]) == (guest["node"], str(guest["vmid"]))
        done = Tasks.blocking_status(pve, upid, timeout=10, polling_interval=0.05)
        assert done is not None and done["status"] == "stopped"
        return done["exitstatus"]

    upid = vm.status.shutdown.post()
    assert run(upid) == "OK"
    assert vm.status.current.get()["status"] == "stopped"
    log = pve.nodes(guest["node"]).tasks(upid).log.get()
    assert Tasks.decode_log(log) == "TASK OK"
    assert run(vm.status.start.post()) == "OK"
    assert run(vm.status.start.post()) == f"VM {guest['vmid']} already running"
    tasks = pve.nodes(guest["node"]).tasks.get(vmid=guest["vmid"])
    assert [task["type"] for task in tasks] == ["qmstart", "qmstart", "qmshutdown"]
    assert {task["upid"] for task in tasks} <= {task["upid"] for task in pve.cluster.tasks.get()}


def test_errors_are_read_from_the_reason_phrase(lab: Lab) -> None:
    pve = lab.token()
    node = pve.nodes.get()[0]["node"]

    def refused(call: Any, **params: Any) -> ResourceException:
        with pytest.raises(ResourceException) as caught:
            call(**params)
        return caught.value

    missing = refused(pve.nodes(node).qemu(999999).config.get)
    assert missing.status_code == 500
    assert missing.content.endswith("999999.conf' does not exist")
    bad = refused(pve.nodes(node).tasks.get, limit=-1)
    assert bad.status_code == 400
    assert bad.errors == {"limit": "value must have a minimum value of 0"}
    assert refused(pve.nope.get).status_code == 501
    reset = refused(pve.nodes(node).qemu(999999).status.reset.post)
    assert reset.status_code == 500


def test_a_wrong_token_is_refused(lab: Lab) -> None:
    lab.secret = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(ResourceException) as caught:
        lab.token().version.get()
    assert caught.value.status_code == 401
    assert caught.value.content == "Authentication failed!"


def test_a_privilege_is_named_when_it_is_missing(lab: Lab) -> None:
    pve = lab.ticket(user="monitor@pve")
    guest = a_guest(pve)
    with pytest.raises(ResourceException) as caught:
        pve.nodes(guest["node"]).qemu(guest["vmid"]).status.stop.post()
    assert caught.value.status_code == 403
    expected = f"Permission check failed (/vms/{guest['vmid']}, VM.PowerMgmt)"
    assert caught.value.content == expected


def test_connections_are_closed_while_idle_and_the_client_goes_on(lab: Lab) -> None:
    pve = lab.token()
    pve.version.get()
    time.sleep(5.5)
    pve.version.get()


def done(pve: Any, upid: str) -> str:
    """Waits for a task and returns how it ended."""
    ended = Tasks.blocking_status(pve, upid, timeout=20, polling_interval=0.05)
    assert ended is not None and ended["status"] == "stopped"
    return ended["exitstatus"]


def test_the_life_of_a_guest(lab: Lab) -> None:
    pve = lab.token()
    nodes = [row["node"] for row in pve.nodes.get()]
    node = nodes[0]
    storage = next(
        row["storage"] for row in pve.nodes(node).storage.get() if "images" in row["content"]
    )
    vmid = int(pve.cluster.nextid.get())
    config = {
        "name": "made-by-proxmoxer",
        "memory": 1024,
        "cores": 2,
        "scsi0": f"{storage}:4",
        "net0": "virtio,bridge=vmbr0",
        "tags": "b,a",
    }
    assert done(pve, pve.nodes(node).qemu.post(vmid=vmid, **config)) == "OK"
    vm = pve.nodes(node).qemu(vmid)
    seen = vm.config.get()
    assert (seen["name"], seen["memory"], seen["tags"]) == ("made-by-proxmoxer", "1024", "a;b")
    assert done(pve, vm.status.start.post()) == "OK"
    vm.config.put(memory=2048)
    assert {"key": "memory", "value": "1024", "pending": "2048"} in vm.pending.get()
    assert done(pve, vm.status.reboot.post()) == "OK"
    assert vm.config.get(current=1)["memory"] == "2048"
    assert done(pve, vm.status.suspend.post()) == "OK"
    assert vm.status.current.get()["qmpstatus"] == "paused"
    assert done(pve, vm.status.resume.post()) == "OK"

    assert done(pve, vm.snapshot.post(snapname="before", description="text")) == "OK"
    vm.config.put(description="after")
    names = [row["name"] for row in vm.snapshot.get()]
    assert names == ["before", "current"]
    assert done(pve, vm.snapshot("before").rollback.post()) == "OK"
    assert "description" not in vm.config.get()
    assert done(pve, vm.snapshot("before").delete()) == "OK"

    assert done(pve, vm.resize.put(disk="scsi0", size="+1G")) == "OK"
    assert vm.config.get()["scsi0"].endswith("size=5G")
    # Without the memory in the snapshot the guest is off after a rollback.
    assert done(pve, vm.status.start.post()) == "OK"
    with pytest.raises(ResourceException) as caught:
        vm.delete()
    assert caught.value.status_code == 500
    if len(nodes) > 1 and vm.migrate.get()["local_disks"] == []:
        target = nodes[1]
        assert done(pve, vm.migrate.post(target=target, online=1)) == "OK"
        rows = pve.cluster.resources.get(type="vm")
        assert [row["node"] for row in rows if row["vmid"] == vmid] == [target]
        vm = pve.nodes(target).qemu(vmid)
    assert done(pve, vm.status.stop.post()) == "OK"
    assert done(pve, vm.template.post()) == "OK"
    copy = int(pve.cluster.nextid.get())
    assert done(pve, vm.clone.post(newid=copy, name="linked")) == "OK"
    assert done(pve, vm.delete()).endswith("is still in use by linked cloned")
    host = next(r["node"] for r in pve.cluster.resources.get(type="vm") if r["vmid"] == copy)
    assert done(pve, pve.nodes(host).qemu(copy).delete(purge=1)) == "OK"
    assert done(pve, vm.delete()) == "OK"
    assert vmid not in [row["vmid"] for row in pve.cluster.resources.get(type="vm")]


def test_bad_configs_name_their_keys(lab: Lab) -> None:
    pve = lab.token()
    node = pve.nodes.get()[0]["node"]
    with pytest.raises(ResourceException) as caught:
        pve.nodes(node).qemu.post(vmid=a_guest(pve)["vmid"])
    assert "already exists on node" in caught.value.content
    with pytest.raises(ResourceException) as caught:
        pve.nodes(node).qemu.post(vmid=9999, net0="nonsense", bogus=1)
    assert caught.value.status_code == 400
    assert caught.value.errors.keys() == {"net0", "bogus"}


def test_users_tokens_and_grants(lab: Lab) -> None:
    pve = lab.token()
    vmid = a_guest(pve)["vmid"]
    pve.access.users.post(userid="peer@pve", password="longenough1")
    made = pve.access.users("peer@pve").token("t").post(privsep=0)
    lab.user, lab.token_name, lab.secret = "peer@pve", "t", made["value"]
    peer = lab.token()
    assert peer.cluster.resources.get(type="vm") == []
    pve.access.acl.put(path=f"/vms/{vmid}", users="peer@pve", roles="PVEVMUser")
    assert [row["vmid"] for row in peer.cluster.resources.get(type="vm")] == [vmid]
    assert peer.access.permissions.get()[f"/vms/{vmid}"]["VM.PowerMgmt"] == 1
    assert pve.access.users("peer@pve").token.get() == [
        {"tokenid": "t", "privsep": 0, "expire": 0}
    ]
    pve.access.users("peer@pve").delete()
    with pytest.raises(ResourceException) as caught:
        peer.version.get()
    assert caught.value.status_code == 401


def test_a_login_with_a_second_factor(lab: Lab) -> None:
    url = urlsplit(lab.endpoints[0])
    settings = {"port": url.port, "verify_ssl": lab.ca, "user": "totp@pve", "password": PASSWORD}
    with pytest.raises(AuthenticationError):
        proxmoxer.ProxmoxAPI(url.hostname, **settings, otp="000000")
    pve = proxmoxer.ProxmoxAPI(url.hostname, **settings, otp="123456")
    assert pve.version.get()["release"]


def test_a_file_is_uploaded_attached_and_removed(lab: Lab, tmp_path: Path) -> None:
    pve = lab.token()
    node = pve.nodes.get()[0]["node"]
    stores = pve.nodes(node).storage.get(content="iso")
    if not stores:
        pytest.skip("the lab has no storage for ISO images")
    store = pve.nodes(node).storage(stores[0]["storage"])
    iso = tmp_path / "from proxmoxer.iso"
    iso.write_bytes(b"CD001" * 50_000)
    with iso.open("rb") as content:
        upid = store.upload.post(content="iso", filename=content)
    assert done(pve, upid) == "OK"
    volume = f"{stores[0]['storage']}:iso/from_proxmoxer.iso"
    row = next(row for row in store.content.get(content="iso") if row["volid"] == volume)
    assert (row["size"], row["format"]) == (250_000, "iso")
    vmid = int(pve.cluster.nextid.get())
    drive = f"{volume},media=cdrom"
    assert done(pve, pve.nodes(node).qemu.post(vmid=vmid, ide2=drive)) == "OK"
    assert pve.nodes(node).qemu(vmid).config.get()["ide2"].startswith(drive)
    assert done(pve, pve.nodes(node).qemu(vmid).delete()) == "OK"
    assert done(pve, store.content(volume).delete()) == "OK"
    assert volume not in [row["volid"] for row in store.content.get(content="iso")]
    bad = tmp_path / "text.txt"
    bad.write_text("x")
    with bad.open("rb") as content, pytest.raises(ResourceException) as caught:
        store.upload.post(content="iso", filename=content)
    assert caught.value.errors == {"filename": "wrong file extension"}


def test_plain_configuration_is_kept(lab: Lab) -> None:
    pve = lab.token()
    pve.pools.post(poolid="peers", comment="from proxmoxer")
    guest = a_guest(pve)
    pve.pools.put(poolid="peers", vms=guest["vmid"])
    assert [m["vmid"] for m in pve.pools("peers").get()["members"]] == [guest["vmid"]]
    pve.cluster.firewall.groups.post(group="web")
    pve.cluster.firewall.groups("web").post(type="in", action="ACCEPT", proto="tcp", dport="443")
    assert pve.cluster.firewall.groups("web").get()[0]["dport"] == "443"
    with pytest.raises(ResourceException) as caught:
        pve.cluster.firewall.groups("web").delete()
    assert caught.value.content == "Security group 'web' is not empty"
    with pytest.raises(ResourceException) as caught:
        pve.cluster.firewall.rules.post(type="in", action="ACCEPT", dport="22")
    assert caught.value.errors == {"proto": "missing property - 'dport' requires this property"}
    pve.cluster.sdn.zones.post(zone="zsim", type="simple")
    pve.cluster.sdn.vnets.post(vnet="vn1", zone="zsim")
    assert pve.cluster.sdn.vnets.get(running=1) == []
    assert done(pve, pve.cluster.sdn.put()) == "OK"
    assert [row["vnet"] for row in pve.cluster.sdn.vnets.get(running=1)] == ["vn1"]
