// The generated surface and what is particular to Node.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import * as sdk from 'homelab-sdk'
import { startSimulator } from 'homelab-sdk/testing'

const { CancelledError, ConfigError, HomelabError, Lab } = sdk
const LAB = fileURLToPath(new URL('../../../examples/labs/ragas/homelab.yaml', import.meta.url))
const NODE = '172.16.1.50'

async function node(sim) {
  const live = await Lab.fromFile(LAB).connect({ credentials: sim.env() })
  return live.talos().node(NODE)
}

async function eventually(check) {
  const deadline = performance.now() + 5000
  while (!check() && performance.now() < deadline) await sleep(50)
  assert(check())
}

test('index.d.ts declares what index.js exports', () => {
  const declarations = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8')
  for (const name of Object.keys(sdk)) assert.match(declarations, new RegExp(`\\b${name}\\b`))
})

test('errors are typed and their stack begins in the caller', async (t) => {
  assert.throws(() => Lab.parse('lab.yaml', 'name: [\n'), (error) => {
    assert(error instanceof ConfigError && error instanceof HomelabError)
    assert.equal(error.name, 'ConfigError')
    assert.equal(error.code, 'Config')
    assert.equal(error.location.file, 'lab.yaml')
    assert.match(error.stack, /surface\.test\.mjs/)
    return true
  })
  const sim = await startSimulator(t, LAB)
  const talos = await node(sim)
  await assert.rejects(talos.getDynamic('network', 'HostnameStatuses.net.talos.dev', 'none'), (error) => {
    assert.equal(error.code, 'NotFound')
    assert.match(error.stack, /surface\.test\.mjs/)
    return true
  })
})

test('a signal cancels, before and during', async (t) => {
  const sim = await startSimulator(t, LAB)
  const talos = await node(sim)
  await assert.rejects(talos.version({ signal: AbortSignal.abort('not now') }), (error) => {
    assert(error instanceof CancelledError)
    assert.equal(error.cause, 'not now')
    return true
  })
  for (const name of ['talos-cp-1', 'talos-cp-2', 'talos-cp-3']) sim.fault(name, 'stall')
  const start = performance.now()
  const signal = AbortSignal.timeout(200)
  // One signal for several calls, as in a real program.
  const calls = [talos.version({ signal }), talos.memory({ signal })]
  for (const call of await Promise.allSettled(calls)) assert.equal(call.reason.code, 'Cancelled')
  assert(performance.now() - start < 1500)
})

test('leaving a loop ends the stream', async (t) => {
  const sim = await startSimulator(t, LAB)
  const talos = await node(sim)
  for await (const { kind } of talos.watchMachineStatus()) {
    assert.equal(kind, 'created')
    assert.equal(sim.stats().openStreams, 1)
    break
  }
  await eventually(() => sim.stats().openStreams === 0)
})

test('a signal ends a stream', async (t) => {
  const sim = await startSimulator(t, LAB)
  const talos = await node(sim)
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 200)
  await assert.rejects(async () => {
    for await (const _ of talos.events({ signal: abort.signal })) continue
  }, CancelledError)
  await eventually(() => sim.stats().openStreams === 0)
})

test('what onProgress throws ends the call', async (t) => {
  const sim = await startSimulator(t, LAB)
  const talos = await node(sim)
  const folder = mkdtempSync(join(tmpdir(), 'homelab-sdk-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const onProgress = () => {
    throw new RangeError('enough')
  }
  await assert.rejects(talos.etcdSnapshot(folder, { onProgress }), RangeError)
  await eventually(() => readdirSync(folder).length === 0 && sim.stats().openStreams === 0)
})

test('results per node', async (t) => {
  const sim = await startSimulator(t, LAB)
  sim.guestStop(104)
  const live = await Lab.fromFile(LAB).connect({ credentials: sim.env() })
  const asked = await live.talos().nodes([NODE, '172.16.1.53']).version()
  assert.equal(asked.length, 2)
  assert.deepEqual([...asked.answers().keys()], [NODE])
  assert.equal(asked.failures().get('172.16.1.53').code, 'Unavailable')
  assert.equal(asked.get('172.16.1.1'), null)
})
