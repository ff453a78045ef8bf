import type { Simulator } from './index.js'

/**
 * Starts a simulated lab and stops it when the test ends.
 *
 * ```js
 * test('my report', async (t) => {
 *   const sim = await startSimulator(t, 'homelab.yaml')
 *   sim.hostDown('pve1')
 *   const lab = await Lab.fromFile('homelab.yaml').connect({ credentials: sim.env() })
 *   assert((await lab.observe()).failures.length > 0)
 * })
 * ```
 *
 * @param t - The context that `node:test` gives to a test.
 * @param path - The inventory.
 */
export function startSimulator(
  t: { after(fn: () => Promise<void>): void },
  path: string,
  options?: Parameters<typeof Simulator.start>[1],
): Promise<Simulator>
