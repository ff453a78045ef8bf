// Observes a lab and prints a report. Without --lab it observes the example lab, simulated.
//
//     npm install --prefix examples/node
//     node examples/node/report/report.mjs
//     node examples/node/report/report.mjs --lab homelab.yaml --format html --out lab.html
//
// With --lab, credentials come from the environment: HOMELAB_PROXMOX_TOKEN, TALOSCONFIG, ...
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { HomelabError, Lab, Simulator } from 'homelab-sdk'

const EXAMPLE_LAB = fileURLToPath(new URL('../../labs/ragas/homelab.yaml', import.meta.url))

async function main() {
  const { values: args } = parseArgs({
    options: {
      lab: { type: 'string' },
      format: { type: 'string', default: 'text' },
      out: { type: 'string' },
    },
  })

  const simulator = args.lab === undefined ? await Simulator.start(EXAMPLE_LAB) : undefined
  try {
    const lab = Lab.fromFile(args.lab ?? EXAMPLE_LAB)
    for (const { location, message } of lab.warnings) {
      console.error(`${location.file}:${location.line}: ${message}`)
    }
    const live = await lab.connect({ credentials: simulator?.env() })
    const seen = await live.observe()
    live.close()

    const report = seen.report(args.format)
    if (args.out === undefined) console.log(report)
    else await writeFile(args.out, report)
  } finally {
    await simulator?.stop()
  }
}

try {
  await main()
} catch (error) {
  if (!(error instanceof HomelabError || error.code?.startsWith('ERR_PARSE_ARGS'))) throw error
  console.error(`report: ${error.message}`)
  process.exitCode = 1
}
