// A helper for node:test: a simulated lab for tests of your own scripts.

import { Simulator } from './index.js'

export async function startSimulator(t, path, options) {
  const simulator = await Simulator.start(path, options)
  t.after(() => simulator.stop())
  return simulator
}
