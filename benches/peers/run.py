"""Measures the Proxmox client beside its peers: `python3 benches/peers/run.py`.

Needs Rust, Python, Node and curl; what else it takes is installed below `target/peers`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "peers"
VENV = WORK / "venv"
RUST = ROOT / "target" / "release" / "homelab-bench-peers"
CRATE = WORK / "rust" / "release" / "homelab-bench-proxmox-api"
GIB = 1 << 30


@dataclass(frozen=True)
class Contestant:
    name: str
    language: str
    who: str


CONTESTS: dict[str, tuple[str, int, list[Contestant]]] = {
    "resources": (
        "10,000 rows of /cluster/resources, fetched and decoded",
        20,
        [
            Contestant("bare reqwest + serde_json", "rust", "bare"),
            Contestant("homelab-sdk, Rust", "rust", "ours"),
            Contestant("crate proxmox-api", "crate", "proxmox-api"),
            Contestant("proxmoxer", "python", "proxmoxer"),
            Contestant("proxmoxer, 3 fields of each row", "python", "proxmoxer-3-fields"),
            Contestant("homelab-sdk, Python", "python", "ours"),
            Contestant("homelab-sdk, Python, 3 fields of each row", "python", "ours-3-fields"),
            Contestant("homelab-sdk, Python, to_dicts()", "python", "ours-dicts"),
            Contestant("npm proxmox-api", "node", "proxmox-api"),
            Contestant("homelab-sdk, Node", "node", "ours"),
        ],
    ),
    **{
        f"small{n}": (
            f"1,000 x GET /version, {n} at once",
            1000,
            [
                Contestant("bare reqwest", "rust", "bare"),
                Contestant("homelab-sdk, Rust", "rust", "ours"),
                Contestant("crate proxmox-api", "crate", "proxmox-api"),
                Contestant("proxmoxer", "python", "proxmoxer"),
                Contestant("homelab-sdk, Python", "python", "ours"),
                Contestant("npm proxmox-api", "node", "proxmox-api"),
                Contestant("homelab-sdk, Node", "node", "ours"),
            ],
        )
        for n in (1, 4)
    },
    "upload": (
        "an upload of 1 GiB",
        1,
        [Contestant("curl -F", "curl", "curl"), Contestant("homelab-sdk, Rust", "rust", "upload")],
    ),
}


def sh(*argv: object, cwd: Path = ROOT, **env: str) -> None:
    subprocess.run([str(a) for a in argv], cwd=cwd, env={**os.environ, **env}, check=True)


def install(languages: set[str]) -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    sh("cargo", "build", "--release", "-p", "homelab-bench-peers")
    if "crate" in languages:
        folder = HERE / "proxmox-api"
        sh("cargo", "build", "--release", "--locked", cwd=folder, CARGO_TARGET_DIR=str(WORK / "rust"))
    if "python" in languages:
        if not VENV.exists():
            sh(sys.executable, "-m", "venv", VENV)
        python = VENV / "bin/python"
        sh(python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt")
        develop = (python, "-m", "maturin", "develop", "--release", "--quiet")
        sh(*develop, cwd=ROOT / "bindings/python", VIRTUAL_ENV=str(VENV))
    if "node" in languages:
        folder = WORK / "node"
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_bytes((HERE / "node/package.json").read_bytes())
        sh("npm", "install", "--no-audit", "--no-fund", "--silent", cwd=folder)
        sh("npm", "install", "--no-audit", "--no-fund", "--silent", cwd=ROOT / "bindings/node")


class Server:
    """The server, and where it is."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen([RUST, "serve", self.folder.name])
        port = Path(self.folder.name, "port")
        for _ in range(200):
            if port.exists() and port.read_text():
                break
            time.sleep(0.05)
        self.url = f"https://127.0.0.1:{port.read_text()}"
        self.ca = str(Path(self.folder.name, "ca.pem"))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def run(contest: str, contestant: Contestant, server: Server, file: Path | None) -> dict[str, float]:
    times = str(CONTESTS[contest][1])
    env = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    # Python's requests takes a bundle named there, whatever certificate the caller names.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        env.pop(name, None)
    if contestant.language == "curl":
        return curl(server, file)
    if contest == "upload":
        argv = [RUST, contest, file, server.url, server.ca, times]
    elif contestant.language == "rust":
        argv = [RUST, contest, contestant.who, server.url, server.ca, times]
    elif contestant.language == "crate":
        argv = [CRATE, contest, contestant.who, server.url, server.ca, times]
    elif contestant.language == "python":
        argv = [VENV / "bin/python", HERE / "python/contest.py", contest, contestant.who, server.url]
        argv += [server.ca, times]
    else:
        argv = ["node", HERE / "node/contest.mjs", contest, contestant.who, server.url, server.ca, times]
        env["NODE_EXTRA_CA_CERTS"] = server.ca
        env["HOMELAB_SDK"] = str(ROOT / "bindings/node/index.js")
        env["PROXMOX_API"] = str(WORK / "node/node_modules/proxmox-api/esm/index.js")
    done = subprocess.run([str(a) for a in argv], env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{contestant.name}: {done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def curl(server: Server, file: Path | None) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    form = ["-F", "content=iso", "-F", f"filename=@{file};filename=big.iso"]
    header = ["-H", "Authorization: PVEAPIToken=root@pam!bench=secret"]
    url = f"{server.url}/api2/json/nodes/pve1/storage/local/upload"
    sh("curl", "-sS", "--noproxy", "*", "--cacert", server.ca, *header, *form, "-o", "/dev/null", url)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_us": used * 1e6, "wall_us": wall * 1e6, "peak_kib": float("nan")}


def table(contest: str, results: dict[Contestant, list[dict[str, float]]]) -> None:
    title, _, contestants = CONTESTS[contest]
    print(f"\n{title}: medians of {len(next(iter(results.values())))} rounds\n")
    print("| contestant | CPU | wall | x bare, CPU | x its peer, CPU | peak MiB |")
    print("|---|---|---|---|---|---|")

    def median(contestant: Contestant, key: str) -> float:
        return statistics.median(r[key] for r in results[contestant])

    bare = median(contestants[0], "cpu_us")
    peers: dict[str, Contestant] = {}
    for contestant in contestants:
        peers.setdefault(contestant.language, contestant)
    for contestant in contestants:
        cpu, wall = median(contestant, "cpu_us"), median(contestant, "wall_us")
        peer = median(peers[contestant.language], "cpu_us")
        peak = median(contestant, "peak_kib") / 1024
        print(
            f"| {contestant.name} | {shown(cpu)} | {shown(wall)} "
            f"| {cpu / bare:.2f} | {cpu / peer:.2f} | {peak:.1f} |"
        )


def shown(us: float) -> str:
    for limit, unit in ((1e6, "s"), (1e3, "ms")):
        if us >= limit:
            return f"{us / limit:.2f} {unit}"
    return f"{us:.0f} us"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["resources", "small", "upload"])
    parser.add_argument("--language", choices=["rust", "python", "node"], help="only its contestants")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="three rounds")
    parser.add_argument("--no-install", action="store_true", help="everything is built already")
    options = parser.parse_args()
    contests = [c for c in CONTESTS if options.only is None or c.startswith(options.only)]
    if options.language is not None:
        wanted = {options.language, "rust", "crate", "curl"}
        for contest in contests:
            title, times, everybody = CONTESTS[contest]
            CONTESTS[contest] = (title, times, [c for c in everybody if c.language in wanted])
    languages = {p.language for c in contests for p in CONTESTS[c][2]}
    if not options.no_install:
        install(languages)
    rounds = 3 if options.quick else options.rounds
    server = Server()
    file = None
    try:
        if "upload" in contests:
            file = WORK / "big.iso"
            with file.open("wb") as f:
                for _ in range(GIB // (1 << 20)):
                    f.write(random.randbytes(1 << 20))
        for contest in contests:
            contestants = CONTESTS[contest][2]
            results: dict[Contestant, list[dict[str, float]]] = {c: [] for c in contestants}
            for _ in range(rounds):
                for contestant in random.sample(contestants, len(contestants)):
                    results[contestant].append(run(contest, contestant, server, file))
            table(contest, results)
    finally:
        server.close()
        if file is not None:
            file.unlink()


main()
