// Makes a Talos guest on Proxmox VE, from the look at one's rights to its first boot, and takes it away again.
//
//     npm install --prefix examples/node
//     node examples/node/talos_guest/talos_guest.mjs
//     node examples/node/talos_guest/talos_guest.mjs metal-amd64.iso pve1 local local-lvm
//
// Without arguments it does so in the simulated lab. Otherwise they are an installer's disc, a node, the storage
// for files and the one for disks, and credentials come from HOMELAB_PROXMOX_ENDPOINTS, HOMELAB_PROXMOX_TOKEN
// and HOMELAB_PROXMOX_CA.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { HomelabError, ProxmoxClient, Simulator } from 'homelab-sdk'

const LAB = fileURLToPath(new URL('../../labs/ragas/homelab.yaml', import.meta.url))

async function make(pve, iso, nodeName, files, disks) {
  const node = pve.node(nodeName)

  // 1. What would be refused later is known now.
  for (const name of ['CreateQemu', 'StartQemu']) {
    const { missing } = await pve.preflightByName(name, { params: { node: nodeName, vmid: 100 } })
    for (const { oneOf, path } of missing) console.log(`missing: ${oneOf.join(' or ')} on ${path}`)
  }

  // 2. The disc, from here to the node; the server verifies its checksum.
  const disc = await node.upload(files, iso, {
    verify: true,
    overwrite: 'accepted', // what is there under that name is lost
    onProgress: (p) => console.log(p.step, p.fraction),
  })

  // 3. The guest, in one call; safe to repeat.
  const made = await pve.talosGuestFromIso(nodeName, 'talos-example', disks, disc.volume, {
    memoryBytes: 4 * 2 ** 30,
    cores: 2,
    onProgress: (p) => console.log(p.step, p.message),
  })
  console.log(`guest ${made.vmid} with MAC ${made.macs.join(', ')}`)

  // 4. Any action becomes a task, which tells how far it has come.
  const guest = node.qemu(made.vmid)
  const stop = await guest.stop()
  await stop.wait({ onProgress: (p) => console.log(p.message) })
  const end = await guest.destroy('everything')
  await end.wait()
  console.log('gone')
}

function client(variables) {
  const needed = (name) => {
    if (!variables[name]) throw new Error(`${name} is not set`)
    return variables[name]
  }
  const [tokenId, tokenSecret] = needed('HOMELAB_PROXMOX_TOKEN').split('=')
  return ProxmoxClient.connect(needed('HOMELAB_PROXMOX_ENDPOINTS').split(','), {
    tokenId,
    tokenSecret,
    caFile: needed('HOMELAB_PROXMOX_CA'),
  })
}

async function simulated() {
  const sim = await Simulator.start(LAB)
  const pve = client(sim.env())
  const folder = await mkdtemp(join(tmpdir(), 'talos-example-'))
  try {
    const iso = join(folder, 'talos-example.iso')
    await writeFile(iso, 'not really a disc')
    await make(pve, iso, 'pve1', 'local', 'vm-storage')
  } finally {
    pve.close()
    await sim.stop()
    await rm(folder, { recursive: true })
  }
}

const args = process.argv.slice(2)
try {
  if (args.length === 0) await simulated()
  else if (args.length === 4) {
    const pve = client(process.env)
    await make(pve, ...args)
    pve.close()
  } else throw new Error('talos_guest.mjs [ISO NODE STORAGE_FOR_FILES STORAGE_FOR_DISKS]')
} catch (error) {
  console.error(`talos_guest: ${error instanceof HomelabError ? error.message : error}`)
  process.exitCode = 1
}
