// Every scenario of `conformance/scenarios`.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'

import { Runner, SCENARIOS } from './conformance.mjs'

test('there are scenarios', () => assert(SCENARIOS.length >= 14))

for (const name of SCENARIOS) {
  test(name.replace('.json', ''), async () => {
    const directory = mkdtempSync(join(tmpdir(), 'homelab-sdk-'))
    try {
      await new Runner(directory).run(name)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
}
