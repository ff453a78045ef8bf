"""The Python contestants: `contest.py CONTEST WHO URL CA TIMES`."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

USER, TOKEN, SECRET = "root@pam", "bench", "secret"


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(times: int, lanes: list[Callable[[], object]]) -> None:
    for lane in lanes:
        for _ in range(3):
            lane()

    def run(lane: Callable[[], object]) -> None:
        for _ in range(times // len(lanes)):
            lane()

    used, start = cpu(), time.perf_counter()
    if len(lanes) == 1:
        run(lanes[0])
    else:
        with ThreadPoolExecutor(len(lanes)) as pool:
            list(pool.map(run, lanes))
    wall, used = time.perf_counter() - start, cpu() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"cpu_us": used * 1e6 / times, "wall_us": wall * 1e6 / times, "peak_kib": peak}))


def main() -> None:
    what, who, url, ca, times = sys.argv[1:]
    at_once = 4 if what == "small4" else 1
    if who.startswith("ours"):
        from homelab_sdk import ProxmoxClient

        pve = ProxmoxClient.connect([url], token_id=f"{USER}!{TOKEN}", token_secret=SECRET, ca_file=ca)

        def fetch() -> None:
            rows = pve.cluster_resources()
            assert len(rows) == 10_000
            if who == "ours-3-fields":
                # Three fields of every row, as a script that looks for something reads.
                assert sum(1 for r in rows if r.name and r.node and r.status) == 10_000
            elif who == "ours-dicts":
                assert len(rows.to_dicts()) == 10_000

        if what == "resources":
            measure(int(times), [fetch])
        else:
            measure(int(times), [pve.version] * at_once)
        return
    from proxmoxer import ProxmoxAPI

    address = urlsplit(url)

    def session() -> ProxmoxAPI:
        return ProxmoxAPI(
            address.hostname,
            port=address.port,
            user=USER,
            token_name=TOKEN,
            token_value=SECRET,
            verify_ssl=ca,
        )

    if what == "resources":
        api = session()

        def raw() -> None:
            rows = api.cluster.resources.get()
            assert len(rows) == 10_000
            if who == "proxmoxer-3-fields":
                assert sum(1 for r in rows if r["name"] and r["node"] and r["status"]) == 10_000

        measure(int(times), [raw])
    else:
        # Sessions are not shared between threads.
        measure(int(times), [session().version.get for _ in range(at_once)])


main()
