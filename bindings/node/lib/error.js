// The base of every error of this package. The classes are in errors.js.

export class HomelabError extends Error {
  constructor(message = '', fields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.name = new.target.name
    this.code = fields.code ?? new.target.code ?? 'Unknown'
    this.sent = fields.sent ?? 'no'
    this.retryable = fields.retryable ?? false
    this.operation = fields.operation ?? null
    this.target = fields.target ?? null
    this.requestRef = fields.requestRef ?? null
    this.status = fields.status ?? null
    this.location = fields.location ?? null
    this.failures = fields.failures ?? []
  }
}
