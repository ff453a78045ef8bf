"""Makes a Talos guest on Proxmox VE, from the look at one's rights to its first boot, and takes it away again.

    python examples/python/talos_guest/talos_guest.py
    python examples/python/talos_guest/talos_guest.py metal-amd64.iso pve1 local local-lvm

Without arguments it does so in the simulated lab. Otherwise they are an installer's disc, a node, the storage
for files and the one for disks, and credentials come from HOMELAB_PROXMOX_ENDPOINTS, HOMELAB_PROXMOX_TOKEN
and HOMELAB_PROXMOX_CA.
"""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from homelab_sdk import HomelabError, ProxmoxClient, Simulator

LAB = Path(__file__).resolve().parents[2] / "labs/ragas/homelab.yaml"


def make(pve: ProxmoxClient, iso: Path, node_name: str, files: str, disks: str) -> None:
    node = pve.node(node_name)

    # 1. What would be refused later is known now.
    for name in ("CreateQemu", "StartQemu"):
        for missing in pve.preflight_by_name(name, params={"node": node_name, "vmid": 100}).missing:
            print("missing:", " or ".join(missing.one_of), "on", missing.path)

    # 2. The disc, from here to the node; the server verifies its checksum.
    disc = node.upload(
        files,
        iso,
        verify=True,
        overwrite="accepted",  # what is there under that name is lost
        on_progress=lambda p: print(p.step, p.fraction),
    )

    # 3. The guest, in one call; safe to repeat.
    made = pve.talos_guest_from_iso(
        node_name,
        "talos-example",
        disks,
        disc.volume,
        memory_bytes=4 << 30,
        cores=2,
        on_progress=lambda p: print(p.step, p.message),
    )
    print("guest", made.vmid, "with MAC", ", ".join(made.macs))

    # 4. Any action becomes a task, which tells how far it has come.
    guest = node.qemu(made.vmid)
    guest.stop().wait(on_progress=lambda p: print(p.message))
    guest.destroy("everything").wait()
    print("gone")


def client(variables: Mapping[str, str]) -> ProxmoxClient:
    token_id, _, secret = variables["HOMELAB_PROXMOX_TOKEN"].partition("=")
    return ProxmoxClient.connect(
        variables["HOMELAB_PROXMOX_ENDPOINTS"].split(","),
        token_id=token_id,
        token_secret=secret,
        ca_file=variables["HOMELAB_PROXMOX_CA"],
    )


def simulated() -> None:
    with (
        Simulator.start(LAB) as sim,
        client(sim.env()) as pve,
        tempfile.TemporaryDirectory() as folder,
    ):
        iso = Path(folder) / "talos-example.iso"
        iso.write_text("not really a disc")
        make(pve, iso, "pve1", "local", "vm-storage")


def main() -> None:
    match sys.argv[1:]:
        case []:
            simulated()
        case [iso, node, files, disks]:
            with client(os.environ) as pve:
                make(pve, Path(iso), node, files, disks)
        case _:
            sys.exit("talos_guest.py [ISO NODE STORAGE_FOR_FILES STORAGE_FOR_DISKS]")


if __name__ == "__main__":
    try:
        main()
    except KeyError as variable:
        sys.exit(f"talos_guest: {variable.args[0]} is not set")
    except HomelabError as error:
        sys.exit(f"talos_guest: {error}")
