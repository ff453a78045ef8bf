"""A round of the chores that a Talos node needs.

Reads its logs, watches its cluster, takes a snapshot of etcd that is verified, and
shows what a change of its configuration would do, without doing it. Without arguments
it starts the simulated lab and upgrades the node there at the end.

    python examples/python/talos/talos.py
    python examples/python/talos/talos.py --node 172.16.1.50       # of ~/.talos/config; changes nothing
    python examples/python/talos/talos.py --node 172.16.1.50 --upgrade ghcr.io/siderolabs/installer:v1.13.9
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from homelab_sdk import HomelabError, Simulator, TalosConfig, TalosNode

EXAMPLE_LAB = Path(__file__).resolve().parents[2] / "labs/ragas/homelab.yaml"

PATCH = "machine: {sysctls: {vm.nr_hugepages: '1024'}}"


def main() -> None:
    parser = argparse.ArgumentParser(description="A round of the chores that a Talos node needs.")
    parser.add_argument("--node", metavar="ADDRESS", help="a node of the cluster in your talosconfig")
    parser.add_argument("--upgrade", metavar="IMAGE", help="upgrade it to this installer image")
    parser.add_argument("--out", metavar="FOLDER", default=tempfile.gettempdir(), help="where the snapshot goes")
    args = parser.parse_args()

    with ExitStack() as until_done:
        if args.node is None:
            sim = until_done.enter_context(Simulator.start(EXAMPLE_LAB))
            config = TalosConfig.parse("simulated", sim.talosconfig())
            address, image, poll = "172.16.1.50", "ghcr.io/siderolabs/installer:v1.12.4", 0.1
        else:
            config = TalosConfig.search()
            address, image, poll = args.node, args.upgrade, 2.0
        talos = until_done.enter_context(config.connect())
        chores(talos.node(address), Path(args.out))
        if image is not None:
            done = talos.node(address).upgrade_and_wait(
                image, poll_seconds=poll, on_progress=lambda p: print(f"  {p.message}")
            )
            print(f"upgraded: {done.from_} -> {done.to}")


def chores(node: TalosNode, out: Path) -> None:
    for line in node.logs("etcd", tail=3):
        print(f"etcd: {line}")

    for change in node.watch_members():  # one who went on would see each change
        if change.kind == "bootstrapped":
            break
        if change.spec is not None:
            print(f"member: {change.spec.hostname} {change.spec.operating_system}")

    snapshot = node.etcd_snapshot(out / "etcd.db")
    print(f"snapshot: {snapshot.path}, revision {snapshot.database.revision}, verified")

    config = node.machine_config().patch("hugepages.yaml", PATCH)
    for planned in node.plan_configuration(config.to_yaml()).changes:
        print(f"would change: {planned.path} {planned.old} {planned.new}")


if __name__ == "__main__":
    try:
        main()
    except HomelabError as error:
        sys.exit(f"talos: {error}")
