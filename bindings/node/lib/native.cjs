// Loads the Rust side, which `build.mjs` put beside this file on `npm install`.
// Where npm was told to run no install scripts, the first import builds it.
'use strict'
const { spawnSync } = require('node:child_process')
const { existsSync } = require('node:fs')
const { join } = require('node:path')

const file = join(__dirname, 'homelab_sdk.node')
if (!existsSync(file)) {
  const build = join(__dirname, '..', 'build.mjs')
  console.error('homelab-sdk: building its native module, once')
  const { status } = spawnSync(process.execPath, [build], { stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) throw new Error(`homelab-sdk is not built; try again with: node ${build}`)
}
module.exports = require(file)
