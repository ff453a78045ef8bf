// The README is run, not believed.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { Simulator } from '../index.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const snippets = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map((match) => match[1])

test('the README has snippets', () => assert.ok(snippets.length > 0))

for (const [index, snippet] of snippets.entries()) {
  test(`README snippet ${index} runs`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'homelab-readme-'))
    const sim = await Simulator.start(join(root, 'examples/labs/ragas/homelab.yaml'))
    const before = process.cwd()
    try {
      cpSync(join(root, 'examples/labs/ragas'), folder, { recursive: true })
      mkdirSync(join(folder, 'backups'))
      Object.assign(process.env, sim.env())
      process.chdir(folder)
      const index = new URL('../index.js', import.meta.url).href
      const file = join(folder, 'snippet.mjs')
      writeFileSync(file, snippet.replace("'homelab-sdk'", `'${index}'`))
      await import(file)
    } finally {
      process.chdir(before)
      sim.stop()
      rmSync(folder, { recursive: true })
    }
  })
}

test('the guide to the simulator runs', () => {
  const guide = readFileSync(join(root, 'docs/simulator.md'), 'utf8')
  const part = (language) => guide.match(new RegExp('^```' + language + '\\n(.*?)^```$', 'ms'))[1]
  const folder = mkdtempSync(join(tmpdir(), 'homelab-guide-'))
  try {
    const testing = new URL('../testing.js', import.meta.url).href
    writeFileSync(join(folder, 'homelab.yaml'), part('yaml'))
    writeFileSync(join(folder, 'guide.test.mjs'), part('js').replace("'homelab-sdk/testing'", `'${testing}'`))
    // A test within a test would be one of its own otherwise.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const run = spawnSync(process.execPath, ['--test', 'guide.test.mjs'], { cwd: folder, env, encoding: 'utf8' })
    assert.equal(run.status, 0, run.stdout + run.stderr)
    assert.match(run.stdout, /a worker is gone/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
