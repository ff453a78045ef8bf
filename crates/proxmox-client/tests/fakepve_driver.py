"""Serves fakepve and does to it what the test asks on standard input, one order a line.

A program of its own, as fakepve's licence is not ours: the tests speak HTTPS with it.
"""

import asyncio
import json
import shutil
import sys
import tempfile

from fakepve import FakePve
from fakepve.certs import make_cert


def obey(pve, order):
    word, *rest = order.split()
    if word == "quorum":
        (pve.regain_quorum if rest == ["back"] else pve.lose_quorum)()
    elif word == "offline":
        pve.set_node_offline(rest[0])
    elif word == "online":
        pve.set_node_offline(rest[0], offline=False)
    elif word == "token":
        pve.apitokens[rest[0]] = rest[1]
    else:
        raise ValueError(order)


async def main(guests):
    pve = FakePve(user="root@pam", password="secret", host="127.0.0.1", port=0)
    pve.time_scale = 0
    for guest in json.loads(guests):
        add = pve.add_ct if guest.pop("type") == "lxc" else pve.add_vm
        add(guest.pop("vmid"), guest.pop("name"), **guest)
    folder = tempfile.mkdtemp(prefix="fakepve-")
    try:
        certificate, key, _ = make_cert(folder, hosts=("127.0.0.1",))
        await pve.start(certificate, key)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("ready", pve.port, flush=True)
    loop = asyncio.get_running_loop()
    # Ends with the test, which holds the other end of the pipe.
    while order := await loop.run_in_executor(None, sys.stdin.readline):
        obey(pve, order)
        print("done", flush=True)


asyncio.run(main(sys.argv[1]))
