// Rows: what the raw answer says, as plain objects.
import assert from 'node:assert/strict'
import test from 'node:test'
import { fileURLToPath } from 'node:url'

import { Lab } from 'homelab-sdk'
import { startSimulator } from 'homelab-sdk/testing'

const LAB = fileURLToPath(new URL('../../../examples/labs/ragas/homelab.yaml', import.meta.url))

test('a row says what the server said', async (t) => {
  const sim = await startSimulator(t, LAB)
  const live = await Lab.fromFile(LAB).connect({ credentials: sim.env() })
  const pve = live.proxmox()
  const raw = await pve.request('GET', '/cluster/resources')
  const rows = new Map((await pve.clusterResources()).map((row) => [row.id, row]))
  assert.equal(rows.size, raw.length)
  assert(raw.length > 10)
  for (const seen of raw) {
    const row = rows.get(seen.id)
    assert.equal(Object.getPrototypeOf(row), Object.prototype)
    assert.equal(row.kind, seen.type)
    assert.equal(row.vmid, seen.vmid ?? null)
    assert.equal(row.node, seen.node ?? null)
    assert.equal(row.memoryBytes, seen.maxmem ?? null)
    assert.equal(row.cpuFraction, seen.cpu ?? null)
    assert.equal(row.template, seen.template === undefined ? null : Boolean(seen.template))
    assert.deepEqual(row.tags, (seen.tags ?? '').split(';').filter(Boolean))
  }
})
