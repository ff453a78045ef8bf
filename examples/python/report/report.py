"""Observes a lab and prints a report. Without --lab it observes the example lab, simulated.

    python examples/python/report/report.py
    python examples/python/report/report.py --lab homelab.yaml --format html --out lab.html

With --lab, credentials come from the environment: HOMELAB_PROXMOX_TOKEN, TALOSCONFIG, ...
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from homelab_sdk import HomelabError, Lab, Simulator

EXAMPLE_LAB = Path(__file__).resolve().parents[2] / "labs/ragas/homelab.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description="Observe a lab and print a report.")
    parser.add_argument("--lab", metavar="FILE", help="the inventory of a real lab")
    parser.add_argument("--format", default="text", choices=["text", "json", "mermaid", "html"])
    parser.add_argument("--out", metavar="FILE", help="write the report there")
    args = parser.parse_args()

    with ExitStack() as until_done:
        credentials = None
        if args.lab is None:
            credentials = until_done.enter_context(Simulator.start(EXAMPLE_LAB)).env()
        lab = Lab.from_file(args.lab or EXAMPLE_LAB)
        for warning in lab.warnings:
            print(f"{warning.location.file}:{warning.location.line}: {warning.message}", file=sys.stderr)
        live = until_done.enter_context(lab.connect(credentials=credentials))
        report = live.observe().report(args.format)

    if args.out is None:
        print(report)
    else:
        Path(args.out).write_text(report, encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except HomelabError as error:
        sys.exit(f"report: {error}")
