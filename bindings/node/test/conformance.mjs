// The Node runner of `conformance/scenarios/*.json`; the format is described there.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import * as sdk from 'homelab-sdk'

const FOLDER = fileURLToPath(new URL('../../../conformance/', import.meta.url))
export const SCENARIOS = readdirSync(join(FOLDER, 'scenarios')).filter((f) => f.endsWith('.json')).sort()
const STEP = new Set([
  'call', 'get', 'read', 'cancel', 'write', 'files', 'args', 'options', 'save', 'expect', 'error',
  'progress', 'within_seconds', 'until_seconds', 'count', 'then', 'after_seconds', 'text',
])
const LIMIT_SECONDS = 60

const camel = (name) => name.replace(/_(\w)/g, (_, c) => c.toUpperCase())
// Keys of a map that begin with a capital are data, no names of ours.
const snake = (name) =>
  /^[a-z]/.test(name) ? name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`) : name

/** A value as the JSON that scenarios speak of. */
function plain(value) {
  if (value instanceof sdk.HomelabError) {
    const { message, code, sent, retryable, operation, target, requestRef, status, location, failures } = value
    return plain({ message, code, sent, retryable, operation, target, requestRef, status, location, failures })
  }
  if (value instanceof sdk.PerNode) return value.results.map(plain)
  if (Array.isArray(value)) return value.map(plain)
  if (value === undefined) return null
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [snake(k), plain(v)]))
}

/** Why `value` does not fit `pattern`, as in `conformance/src/pattern.rs`. */
function mismatch(pattern, value, at) {
  if (Array.isArray(pattern)) {
    if (!Array.isArray(value) || value.length !== pattern.length) {
      return `${at} should be ${pattern.length} items: ${JSON.stringify(value)}`
    }
    return first(pattern.map((p, i) => () => mismatch(p, value[i], `${at}[${i}]`)))
  }
  if (typeof pattern !== 'object' || pattern === null) {
    return pattern === value ? null : `${at} should be ${JSON.stringify(pattern)}: ${JSON.stringify(value)}`
  }
  return first(
    Object.entries(pattern).map(([key, wanted]) => () => {
      if (key.startsWith('$')) return special(key, wanted, value, at)
      if (value === null || typeof value !== 'object' || !(key in value)) {
        return `${at}.${key} is missing in ${JSON.stringify(value)}`
      }
      return mismatch(wanted, value[key], `${at}.${key}`)
    }),
  )
}

function first(checks) {
  for (const check of checks) {
    const why = check()
    if (why !== null) return why
  }
  return null
}

function special(key, wanted, value, at) {
  const rules = {
    $contains: () => value.includes(wanted),
    $ends: () => value.endsWith(wanted),
    $some: () => value.some((v) => mismatch(wanted, v, at) === null),
    $every: () => value.every((v) => mismatch(wanted, v, at) === null),
    $count: () => value.length === wanted,
    $at_least: () => value >= wanted,
    $one_of: () => wanted.includes(value),
  }
  return rules[key]() ? null : `${at} should fit ${key} ${JSON.stringify(wanted)}: ${JSON.stringify(value)}`
}

export class Runner {
  constructor(directory) {
    this.directory = directory
    this.saved = {}
  }

  async run(name) {
    const { about, steps } = JSON.parse(readFileSync(join(FOLDER, 'scenarios', name), 'utf8'))
    for (const [index, step] of steps.entries()) {
      for (const key of Object.keys(step)) assert(STEP.has(key), `step ${index + 1}: unknown ${key}`)
      const why = await this.step(step)
      assert(why === null, `step ${index + 1}: ${why}\n${about}`)
    }
  }

  async step(step) {
    const start = performance.now()
    for (;;) {
      const progress = []
      let value = null
      let error = null
      try {
        value = await limited(this.act(step, progress))
      } catch (e) {
        if (!(e instanceof sdk.HomelabError)) throw e
        error = e
      }
      const took = (performance.now() - start) / 1000
      const why = this.judge(step, value, error, progress)
      if (why === null) return took > (step.within_seconds ?? Infinity) ? `took ${took.toFixed(1)} s` : null
      if (took > (step.until_seconds ?? 0)) {
        if (error !== null && step.error === undefined) throw error
        return why
      }
      await sleep(50)
    }
  }

  judge(step, value, error, progress) {
    if ('progress' in step) {
      const why = mismatch(step.progress, plain(progress), 'progress')
      if (why !== null) return why
    }
    if ('error' in step) {
      if (error === null) return `no error, but expected ${JSON.stringify(step.error)}`
      return mismatch(step.error, plain(error), 'error')
    }
    if (error !== null) return String(error)
    if ('expect' in step) {
      const why = mismatch(this.expected(step.expect), plain(value), 'value')
      if (why !== null) return why
    }
    if ('save' in step) this.saved[step.save] = value
    return null
  }

  async act(step, progress) {
    if ('write' in step) return writeFileSync(join(this.directory, step.write), step.text)
    if ('files' in step) {
      const folder = join(this.directory, step.files)
      return existsSync(folder) ? readdirSync(folder).sort() : []
    }
    if ('get' in step) {
      const [name, attribute] = step.get.split('.')
      return this.saved[name][camel(attribute)]
    }
    if ('call' in step) {
      return await this.invoke(step.call, step, 'progress' in step ? { onProgress: (p) => progress.push(p) } : {})
    }
    if ('read' in step) return await this.read(step)
    if ('cancel' in step) {
      const abort = new AbortController()
      setTimeout(() => abort.abort(), step.after_seconds * 1000)
      return await this.invoke(step.cancel, step, { signal: abort.signal })
    }
    throw new Error('a step that does nothing')
  }

  invoke(target, step, more) {
    const [name, method] = target.split('.')
    const object = /^[A-Z]/.test(name) ? sdk[name] : this.saved[name]
    const args = Object.values(step.args ?? {}).map((v) => this.resolve(v))
    const options = Object.fromEntries(
      Object.entries(step.options ?? {}).map(([k, v]) => [camel(k), this.resolve(v)]),
    )
    return object[camel(method)](...args, { ...options, ...more })
  }

  resolve(value) {
    if (value?.$merge) return Object.assign({}, ...value.$merge.map((part) => this.resolve(part)))
    if (Array.isArray(value)) return value.map((item) => this.resolve(item))
    if (typeof value !== 'string' || !value.startsWith('$')) return value
    const [name, ...rest] = value.slice(1).split('/')
    const folders = { dir: this.directory, labs: join(FOLDER, '../examples/labs') }
    return name in folders ? join(folders[name], ...rest) : this.saved[name]
  }

  /** A pattern with what was saved in place of `$name`. */
  expected(pattern) {
    if (pattern === null || typeof pattern !== 'object' || Array.isArray(pattern)) return plain(this.resolve(pattern))
    return Object.fromEntries(Object.entries(pattern).map(([key, value]) => [key, this.expected(value)]))
  }

  async read(step) {
    const abort = new AbortController()
    const stream = this.invoke(step.read, step, { signal: abort.signal })
    const items = []
    const wanted = step.count ?? 0
    if (wanted > 0 || step.then === 'end') {
      for await (const item of stream) {
        items.push(item)
        // Left early, as a user's loop is: this closes the stream.
        if (items.length === wanted && step.then !== 'end' && step.then !== 'cancel') break
        if (items.length === wanted && step.then === 'cancel') {
          setTimeout(() => abort.abort(), 200)
          await assert.rejects(stream.next(), { code: 'Cancelled' })
          break
        }
      }
    }
    if (step.then === 'close') stream.close()
    return items
  }
}

/** Nothing takes longer, whatever the scenario says. */
async function limited(promise) {
  const timer = new AbortController()
  const late = sleep(LIMIT_SECONDS * 1000, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`not done after ${LIMIT_SECONDS} s`)
  })
  late.catch(() => {})
  try {
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
  }
}
