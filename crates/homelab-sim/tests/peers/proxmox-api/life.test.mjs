// proxmox-api (npm), an independent client of the Proxmox VE API, drives the
// simulator in a process of its own.
//
//     cargo build -p homelab-sim
//     cargo xtask test peers
//
// `PROXMOX_API` names the folder in which the package is installed,
// `HOMELAB_SIM` the simulator, `HOMELAB_SIM_LAB` the inventory.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const root = resolve(here, '../../../../..')
const binary = process.env.HOMELAB_SIM ?? join(root, 'target/debug/homelab-sim')
const labFile = process.env.HOMELAB_SIM_LAB ?? join(root, 'examples/labs/ragas/homelab.yaml')
const installed = process.env.PROXMOX_API ?? join(root, 'target/peers/proxmox-api')
const packaged = join(installed, 'node_modules/proxmox-api')

// The client verifies certificates with the roots that Node was started with,
// and the lab's root is known only when the lab runs: so this runs twice.
if (process.env.SIM_PEER === undefined) {
  test('proxmox-api', { skip: missing() }, async () => {
    const lab = await start()
    try {
      const run = spawnSync(process.execPath, ['--test', fileURLToPath(import.meta.url)], {
        env: { ...environment(), ...lab.env, SIM_PEER: '1', NODE_EXTRA_CA_CERTS: lab.env.HOMELAB_PROXMOX_CA },
        encoding: 'utf8',
      })
      assert.equal(run.status, 0, run.stdout + run.stderr)
    } finally {
      lab.process.stdin.end()
      lab.process.kill()
    }
  })
} else {
  await stories()
}

function missing() {
  if (!existsSync(binary)) return `${binary} is not built`
  return existsSync(packaged) ? false : `${packaged} is not installed`
}

/** The environment without what tells a test that it runs in a test. */
function environment() {
  const { NODE_TEST_CONTEXT: _, ...rest } = process.env
  return rest
}

async function start() {
  const child = spawn(binary, ['--lab', labFile], { stdio: ['pipe', 'pipe', 'inherit'] })
  const env = {}
  const wanted = ['HOMELAB_PROXMOX_ENDPOINTS', 'HOMELAB_PROXMOX_TOKEN', 'HOMELAB_PROXMOX_CA']
  for await (const line of createInterface({ input: child.stdout })) {
    const match = /^export (\w+)=(.*)$/.exec(line)
    if (match) env[match[1]] = match[2].trim().replace(/^['"]|['"]$/g, '')
    if (wanted.every((name) => name in env)) return { process: child, env }
  }
  throw new Error('the simulator ended')
}

async function stories() {
  const require = createRequire(join(installed, 'package.json'))
  const { default: proxmoxApi } = require('proxmox-api')
  const [host, port] = new URL(process.env.HOMELAB_PROXMOX_ENDPOINTS.split(',')[0]).host.split(':')
  const [tokenID, tokenSecret] = process.env.HOMELAB_PROXMOX_TOKEN.split('=')
  const pve = proxmoxApi({ host, port: Number(port), tokenID, tokenSecret })
  const byPassword = (username, password = 'homelab-sim') =>
    proxmoxApi({ host, port: Number(port), username, password })

  /** Waits for a task and returns how it ended. */
  async function ended(upid) {
    const node = upid.split(':')[1]
    for (;;) {
      const status = await pve.nodes.$(node).tasks.$(upid).status.$get()
      if (status.status === 'stopped') return status.exitstatus
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const done = async (upid) => assert.equal(await ended(upid), 'OK', upid)
  let node, storage

  before(async () => {
    node = (await pve.nodes.$get())[0].node
    const storages = await pve.nodes.$(node).storage.$get()
    storage = storages.find((row) => row.content.includes('images')).storage
  })
  after(() => readFileSync(process.env.HOMELAB_PROXMOX_CA))

  test('a guest from its making to its end', async () => {
    const vmid = Number(await pve.cluster.nextid.$get())
    const guests = pve.nodes.$(node).qemu
    await done(await guests.$post({ vmid, name: 'by-npm', memory: '1024', scsi0: `${storage}:4`, net0: 'virtio,bridge=vmbr0' }))
    const vm = guests.$(vmid)
    assert.equal((await vm.config.$get()).name, 'by-npm')
    await done(await vm.status.start.$post())
    assert.equal((await vm.status.current.$get()).status, 'running')
    await vm.config.$put({ memory: '2048' })
    const pending = await vm.pending.$get()
    assert.equal(pending.find((row) => row.key === 'memory').pending, '2048')
    await done(await vm.snapshot.$post({ snapname: 'before' }))
    await vm.config.$put({ description: 'after' })
    await done(await vm.snapshot.$('before').rollback.$post())
    assert.equal((await vm.config.$get()).description, undefined)
    await done(await vm.snapshot.$('before').$delete())
    await done(await vm.status.start.$post())
    const again = await ended(await vm.status.start.$post())
    assert.equal(again, `VM ${vmid} already running`)
    const copy = Number(await pve.cluster.nextid.$get())
    await done(await vm.clone.$post({ newid: copy, name: 'copy', full: true }))
    await done(await guests.$(copy).$delete())
    await assert.rejects(vm.$delete(), /VM \d+ is running - destroy failed/)
    await done(await vm.status.stop.$post())
    await done(await vm.$delete({ purge: true }))
    await assert.rejects(vm.config.$get(), /does not exist/)
  })

  test('tasks are listed with their logs', async () => {
    const vm = pve.nodes.$(node).qemu.$((await pve.nodes.$(node).qemu.$get())[0].vmid)
    const upid = await vm.status.shutdown.$post()
    await done(upid)
    const log = await pve.nodes.$(node).tasks.$(upid).log.$get()
    assert.equal(log.at(-1).t, 'TASK OK')
    const tasks = await pve.nodes.$(node).tasks.$get({ typefilter: 'qmshutdown' })
    assert.equal(tasks[0].upid, upid)
    await done(await vm.status.start.$post())
  })

  test('plain configuration is kept', async () => {
    await pve.pools.$post({ poolid: 'npm', comment: 'by proxmox-api' })
    assert.equal((await pve.pools.$('npm').$get()).comment, 'by proxmox-api')
    await pve.pools.$('npm').$delete()
    await pve.cluster.firewall.aliases.$post({ name: 'net', cidr: '192.0.2.0/24' })
    const alias = await pve.cluster.firewall.aliases.$('NET').$get()
    assert.deepEqual(alias, { name: 'net', cidr: '192.0.2.0/24', ipversion: 4 })
    await pve.cluster.firewall.rules.$post({ type: 'in', action: 'ACCEPT', source: 'net' })
    assert.equal((await pve.cluster.firewall.rules.$get())[0].source, 'net')
    await pve.cluster.mapping.dir.$post({ id: 'data', map: [`node=${node},path=/srv`] })
    assert.deepEqual((await pve.cluster.mapping.dir.$('data').$get()).map, [`node=${node},path=/srv`])
    await pve.cluster.mapping.dir.$('data').$delete()
    await assert.rejects(pve.cluster.mapping.dir.$('data').$get(), /mapping 'data' not found/)
  })

  test('errors name what is wrong', async () => {
    await assert.rejects(
      pve.nodes.$(node).qemu.$post({ vmid: 99999, net0: 'nonsense', bogus: 1 }),
      (error) => /"net0"/.test(error.message) && /"bogus"/.test(error.message),
    )
    await assert.rejects(pve.nodes.$(node).qemu.$(999999).config.$get(), /999999\.conf' does not exist/)
    // The client hides the server's answer in the error's cause.
    await assert.rejects(
      byPassword('root@pam', 'wrong').version.$get(),
      (error) => /login failed with 401/.test(error.cause?.message),
    )
  })

  test('a user sees what was granted', async () => {
    const vmid = (await pve.nodes.$(node).qemu.$get())[0].vmid
    await pve.access.users.$post({ userid: 'npm@pve', password: 'longenough1' })
    const user = byPassword('npm@pve', 'longenough1')
    assert.deepEqual(await user.cluster.resources.$get({ type: 'vm' }), [])
    await pve.access.acl.$put({ path: `/vms/${vmid}`, users: 'npm@pve', roles: 'PVEVMUser' })
    assert.deepEqual((await user.cluster.resources.$get({ type: 'vm' })).map((row) => row.vmid), [vmid])
    await assert.rejects(user.nodes.$(node).qemu.$(vmid).$delete(), /Permission check failed \(\/vms\/\d+, VM\.Allocate\)/)
    await pve.access.users.$('npm@pve').$delete()
  })
}
