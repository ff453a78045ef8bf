// A round of the chores that a Talos node needs.
//
// Reads its logs, watches its cluster, takes a snapshot of etcd that is verified, and
// shows what a change of its configuration would do, without doing it. Without arguments
// it starts the simulated lab and upgrades the node there at the end.
//
//     npm install --prefix examples/node
//     node examples/node/talos/talos.mjs
//     node examples/node/talos/talos.mjs --node 172.16.1.50       # of ~/.talos/config; changes nothing
//     node examples/node/talos/talos.mjs --node 172.16.1.50 --upgrade ghcr.io/siderolabs/installer:v1.13.9
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { HomelabError, Simulator, TalosConfig } from 'homelab-sdk'

const EXAMPLE_LAB = fileURLToPath(new URL('../../labs/ragas/homelab.yaml', import.meta.url))

const PATCH = "machine: {sysctls: {vm.nr_hugepages: '1024'}}"

async function main() {
  const { values: args } = parseArgs({
    options: {
      node: { type: 'string' },
      upgrade: { type: 'string' },
      out: { type: 'string', default: tmpdir() },
    },
  })

  const simulator = args.node === undefined ? await Simulator.start(EXAMPLE_LAB) : undefined
  const config = simulator ? TalosConfig.parse('simulated', simulator.talosconfig()) : TalosConfig.search()
  const talos = await config.connect()
  try {
    const node = talos.node(args.node ?? '172.16.1.50')
    await chores(node, args.out)

    const image = simulator ? 'ghcr.io/siderolabs/installer:v1.12.4' : args.upgrade
    if (image !== undefined) {
      const done = await node.upgradeAndWait(image, {
        pollSeconds: simulator ? 0.1 : 2,
        onProgress: ({ message }) => console.log(`  ${message}`),
      })
      console.log(`upgraded: ${done.from} -> ${done.to}`)
    }
  } finally {
    talos.close()
    await simulator?.stop()
  }
}

async function chores(node, out) {
  for await (const line of node.logs('etcd', { tail: 3 })) console.log(`etcd: ${line}`)

  // One who went on would see each change.
  for await (const { kind, spec } of node.watchMembers()) {
    if (kind === 'bootstrapped') break
    console.log(`member: ${spec.hostname} ${spec.operatingSystem}`)
  }

  const snapshot = await node.etcdSnapshot(join(out, 'etcd.db'))
  console.log(`snapshot: ${snapshot.path}, revision ${snapshot.database.revision}, verified`)

  const config = (await node.machineConfig()).patch('hugepages.yaml', PATCH)
  const plan = await node.planConfiguration(config.toYaml())
  for (const { path, old, new: value } of plan.changes) console.log(`would change: ${path} ${old} ${value}`)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof HomelabError || error.code?.startsWith('ERR_PARSE_ARGS'))) throw error
  console.error(`talos: ${error.message}`)
  process.exitCode = 1
}
