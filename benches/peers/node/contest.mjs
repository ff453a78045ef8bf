// The Node contestants: `contest.mjs CONTEST WHO URL CA TIMES`.

const [what, who, url, ca, times] = process.argv.slice(2)
const count = Number(times)
const atOnce = what === 'small4' ? 4 : 1

async function measure(operation) {
  for (let i = 0; i < 3; i++) await operation()
  const used = process.cpuUsage()
  const start = process.hrtime.bigint()
  const lane = async () => {
    for (let i = 0; i < count / atOnce; i++) await operation()
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  const wall = Number(process.hrtime.bigint() - start) / 1000
  const { user, system } = process.cpuUsage(used)
  console.log(
    JSON.stringify({
      cpu_us: (user + system) / count,
      wall_us: wall / count,
      peak_kib: process.resourceUsage().maxRSS,
    }),
  )
}

function must(fine) {
  if (!fine) throw new Error('not the answer that was expected')
}

if (who === 'ours') {
  const { ProxmoxClient } = await import(process.env.HOMELAB_SDK)
  const pve = ProxmoxClient.connect([url], {
    tokenId: 'root@pam!bench',
    tokenSecret: 'secret',
    caFile: ca,
  })
  if (what === 'resources') {
    await measure(async () => must((await pve.clusterResources()).length === 10_000))
  } else {
    await measure(async () => must((await pve.version()).release === '9.2'))
  }
} else {
  // Trust comes from NODE_EXTRA_CA_CERTS; secrets that are no UUID are refused.
  const { default: proxmoxApi } = await import(process.env.PROXMOX_API)
  const { hostname, port } = new URL(url)
  const api = proxmoxApi({
    host: hostname,
    port: Number(port),
    tokenID: 'root@pam!bench',
    tokenSecret: '12345678-1234-1234-1234-1234567890ab',
  })
  if (what === 'resources') {
    await measure(async () => must((await api.cluster.resources.$get()).length === 10_000))
  } else {
    await measure(async () => must((await api.version.$get()).release === '9.2'))
  }
}
process.exit(0)
