import type { Failure, Location, Sent } from '../index.js'

/** Any JSON value: what the raw calls take and give. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** The version of this package. */
export const version: string

/** The fields of a {@link HomelabError}, for making one in a test. */
export interface HomelabErrorFields {
  code?: string
  sent?: Sent
  retryable?: boolean
  operation?: string | null
  target?: string | null
  requestRef?: string | null
  status?: string | null
  location?: Location | null
  failures?: readonly Failure[]
  cause?: Error
}

/**
 * What every call of this package throws or rejects with when it fails.
 *
 * Each kind of failure has a subclass (`NotFoundError`) and a stable `code`
 * (`'NotFound'`), the same in every language.
 */
export class HomelabError extends Error {
  constructor(message?: string, fields?: HomelabErrorFields)
  /** The kind's stable name. */
  readonly code: string
  /** Whether the request may have reached the server. */
  readonly sent: Sent
  /** Whether the same call may sensibly be tried again. */
  readonly retryable: boolean
  /** What was being done, in the protocol's words. */
  readonly operation: string | null
  /** Whom it was asked of: a host, a node, a guest. */
  readonly target: string | null
  /** The server's own reference of the request or job. */
  readonly requestRef: string | null
  /** The protocol's status, as text. */
  readonly status: string | null
  /** The place in the user's file, for bad input. */
  readonly location: Location | null
  /** What failed, by target, for `PartialFailureError`. */
  readonly failures: readonly Failure[]
}

/**
 * Items as they arrive: `for await (const item of stream)`.
 *
 * The request behind it ends with the stream: at its end, on `break`, `return`
 * or `throw` out of the loop, on `close()`, or when its `AbortSignal` fires.
 */
export class Stream<T> implements AsyncIterableIterator<T> {
  private constructor()
  /** The next item. */
  next(): Promise<IteratorResult<T, undefined>>
  /** Ends the stream; `for await` calls it when it is left early. */
  return(): Promise<IteratorResult<T, undefined>>
  /** Ends the stream now, on the wire too. */
  close(): void
  [Symbol.asyncIterator](): this
}

/** One node's answer or error; the other is `null`. */
export type NodeResult<T> =
  | {
      /** The node, as it was named in the call. */
      readonly node: string
      /** The answer. */
      readonly value: T
      readonly error: null
    }
  | {
      /** The node, as it was named in the call. */
      readonly node: string
      readonly value: null
      /** Why there is no answer. */
      readonly error: HomelabError
    }

/** One answer or one error for each node asked, in the order asked. */
export class PerNode<T> implements Iterable<NodeResult<T>> {
  private constructor()
  /** Every node with its result. */
  readonly results: readonly NodeResult<T>[]
  /** How many nodes were asked. */
  readonly length: number
  /** The nodes that answered. */
  answers(): Map<string, T>
  /** The nodes that did not. */
  failures(): Map<string, HomelabError>
  /** The result of one node, `null` if it was not asked. */
  get(node: string): NodeResult<T> | null
  [Symbol.iterator](): IterableIterator<NodeResult<T>>
}
