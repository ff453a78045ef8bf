// The handwritten ground under the generated classes: calls, streams, results
// per node. Nothing here knows a method or a value type.

import { HomelabError } from './error.js'
import { CancelledError, decodeError } from './errors.js'
import native from './native.cjs'

export const version = native.version()
export const ROOT = native.Handle.root()

/** The error of a failed call, with a stack that begins in the user's code. */
function failed(failure, signal) {
  const error = decodeError(JSON.parse(failure.json))
  if (error instanceof CancelledError && signal?.aborted) error.cause = signal.reason
  Error.captureStackTrace?.(error, failed)
  return error
}

/** Runs `start(cancel)` so that `signal` cancels it. */
async function withSignal(signal, start) {
  if (signal === undefined || signal === null) return start(undefined)
  const cancel = new native.Cancel()
  const abort = () => cancel.cancel()
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await start(cancel)
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** Makes things of a class print as `ProxmoxTask { upid: '…' }`. */
export function shown(kind, attributes) {
  const value = function (depth, options, inspect) {
    const parts = []
    for (const name of attributes) {
      try {
        parts.push(`${name}: ${inspect(this[name], options)}`)
      } catch (error) {
        if (!(error instanceof HomelabError)) throw error
        parts.push('closed')
        break
      }
    }
    return parts.length > 0 ? `${kind.name} { ${parts.join(', ')} }` : `${kind.name} {}`
  }
  Object.defineProperty(kind.prototype, Symbol.for('nodejs.util.inspect.custom'), { value })
}

/** Awaits a handle, a stream or JSON text. */
export async function open(handle, method, args, signal) {
  const reply = await withSignal(signal, (cancel) => handle.call(method, JSON.stringify(args), cancel))
  if (reply instanceof native.Failure) throw failed(reply, signal)
  return reply
}

/** Makes a handle or a stream, or reads JSON text, from what is there. */
export function openNow(handle, method, args) {
  const reply = handle.callNow(method, JSON.stringify(args))
  if (reply instanceof native.Failure) throw failed(reply)
  return reply
}

/** Awaits a value. */
export async function call(handle, method, args, signal) {
  return JSON.parse(await open(handle, method, args, signal))
}

/** Reads a value that is there. */
export function callNow(handle, method, args) {
  return JSON.parse(openNow(handle, method, args))
}

/** Awaits many rows; `build` makes them from their columns. */
export async function rows(handle, method, args, build, signal) {
  const reply = await open(handle, method, args, signal)
  const { length } = reply
  const columns = new Columns(length)
  for (const column of reply.columns()) columns.add(column)
  return build(length, columns)
}

const TRUTHS = [false, true, null]

/**
 * The columns of many rows, each in the form that its field's type has:
 * numbers, where NaN is null, or entries with an index.
 */
class Columns {
  #named = new Map()
  #noNumbers
  #noEntries
  #inOrder

  constructor(length) {
    this.length = length
  }

  add(column) {
    this.#named.set(column.name, column)
  }

  numbers(name) {
    return this.#named.get(name)?.numbers ?? (this.#noNumbers ??= new Float64Array(this.length).fill(NaN))
  }

  entries(name) {
    const { truths, index, words, lists, text, ends, absent } = this.#named.get(name) ?? {}
    if (truths) return { entries: TRUTHS, index: truths }
    if (index) return { entries: [null, ...(words ?? lists.map(Object.freeze))], index }
    if (ends) return { entries: texts(text, ends, absent), index: this.#order() }
    return (this.#noEntries ??= { entries: [null], index: new Uint32Array(this.length) })
  }

  #order() {
    return (this.#inOrder ??= Uint32Array.from({ length: this.length }, (_, i) => i))
  }
}

function texts(text, ends, absent) {
  const out = new Array(ends.length)
  for (let i = 0, start = 0; i < ends.length; start = ends[i++]) out[i] = text.slice(start, ends[i])
  for (const row of absent) out[row] = null
  return out
}

/** Awaits the result of a long call, reporting on the way. */
export async function run(steps, onProgress, decodeProgress, decodeResult, signal) {
  try {
    for (;;) {
      const step = await nextItem(steps, signal)
      if (step === null) throw new HomelabError('the call ended without a result')
      if ('result' in step) return decodeResult(step.result)
      onProgress?.(decodeProgress(step.progress))
    }
  } finally {
    steps.close()
  }
}

async function nextItem(stream, signal) {
  const item = await withSignal(signal, (cancel) => stream.next(cancel))
  if (item instanceof native.Failure) throw failed(item, signal)
  return item === null ? null : JSON.parse(item)
}

/** Items as they arrive. */
export class Stream {
  #native
  #decode
  #signal

  constructor(stream, decode, signal) {
    this.#native = stream
    this.#decode = decode
    this.#signal = signal
  }

  async next() {
    let item
    try {
      item = await nextItem(this.#native, this.#signal)
    } catch (error) {
      this.close()
      throw error
    }
    return item === null ? { done: true, value: undefined } : { done: false, value: this.#decode(item) }
  }

  /** Called by `for await` when it is left early. */
  async return(value) {
    this.close()
    return { done: true, value }
  }

  close() {
    this.#native.close()
  }

  [Symbol.asyncIterator]() {
    return this
  }
}

/** One answer or one error for each node asked, in the order asked. */
export class PerNode {
  constructor(results) {
    this.results = Object.freeze([...results])
    Object.freeze(this)
  }

  get length() {
    return this.results.length
  }

  answers() {
    return new Map(this.results.filter((r) => r.error === null).map((r) => [r.node, r.value]))
  }

  failures() {
    return new Map(this.results.filter((r) => r.error !== null).map((r) => [r.node, r.error]))
  }

  get(node) {
    return this.results.find((r) => r.node === node) ?? null
  }

  [Symbol.iterator]() {
    return this.results[Symbol.iterator]()
  }
}

export function perNode(data, decode) {
  return new PerNode(
    data.map(({ node, value, error }) =>
      error === null
        ? { node, value: decode(value), error: null }
        : { node, value: null, error: decodeError(error) },
    ),
  )
}
