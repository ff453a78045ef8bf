// What the declarations promise, checked by `npm run check`; nothing here runs.
import {
  HomelabError,
  Lab,
  NotFoundError,
  ProxmoxClient,
  Simulator,
  TalosConfig,
  type Finding,
  type Json,
  type PerNode,
  type Snapshot,
  type TalosVersion,
} from 'homelab-sdk'
import { startSimulator } from 'homelab-sdk/testing'
import test from 'node:test'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <T extends true>(_?: T): void => {}

export async function lab(signal: AbortSignal): Promise<readonly Finding[]> {
  const live = await Lab.fromFile('homelab.yaml').connect({ credentials: process.env, signal })
  const seen = await live.observe({ signal })
  const snapshot = await live.cluster('kubernetes').etcdSnapshot('backups', {
    onProgress: ({ bytes }) => console.log(bytes.toFixed()),
  })
  is<Equal<typeof snapshot, Snapshot>>()
  const page: string = seen.report('html')
  // @ts-expect-error: there is no such format
  seen.report('pdf')
  // @ts-expect-error: classes are made by their constructors' functions
  new Lab()
  // @ts-expect-error: values cannot be changed
  seen.topology.hosts[0]!.name = page
  live.close()
  return seen.findings
}

export async function talos(): Promise<void> {
  const client = await TalosConfig.search().connect({ context: 'lab', connectTimeoutSeconds: 2 })
  const versions = await client.nodes(['172.16.1.50']).version()
  is<Equal<typeof versions, PerNode<TalosVersion>>>()
  for (const { node, value, error } of versions) {
    if (error === null) console.log(node, value.tag)
    else console.log(node, error.code)
  }
  for await (const { kind, spec } of client.node('172.16.1.50').watchMachineStatus()) {
    is<Equal<typeof kind, 'created' | 'updated' | 'destroyed' | 'bootstrapped' | 'noop' | 'restarted'>>()
    if (spec !== null) console.log(spec.ready)
  }
}

export async function proxmox(): Promise<Json> {
  const pve = ProxmoxClient.connect(['https://pve1:8006'], { tokenId: 'a@pve!b', tokenSecret: 'c' })
  const task = await pve.node('pve1').qemu(100).start()
  await task.wait({ timeoutSeconds: 60, onProgress: (p) => console.log(p.message) })
  return await pve.request('GET', '/nodes', { params: { full: true } })
}

export function errors(error: unknown): string | null {
  if (error instanceof NotFoundError) {
    is<Equal<typeof error.code, 'NotFound'>>()
    return error.target
  }
  return error instanceof HomelabError ? (error.location?.file ?? null) : null
}

test('a simulated lab', async (t) => {
  const sim: Simulator = await startSimulator(t, 'homelab.yaml', { seed: 7 })
  sim.hostDown('pve1', { how: 'blackhole' })
})
