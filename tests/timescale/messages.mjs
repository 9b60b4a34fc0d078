// PostgreSQL's wire protocol 3.0, as far as a front that hands messages on must read and write it.
// Source: "Message Formats" in PostgreSQL's manual. A message is a type byte, its length without that byte, a body.

/** The message types that are read here: what clients send, then what the backend answers. */
export const CLIENT = {
  parse: 'P', bind: 'B', describe: 'D', close: 'C', sync: 'S', flush: 'H',
  query: 'Q', copyData: 'd', copyDone: 'c', copyFail: 'f', terminate: 'X',
}
export const SERVER = { error: 'E', copyIn: 'G', ready: 'Z' }

/** What a connection may open with instead of a message. */
export const STARTUP = 196608
export const CANCEL = 80877102
export const ENCRYPTION = [80877103, 80877104]

/** One message; text becomes UTF-8 that ends in a zero byte. */
export function message(type, ...parts) {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)))
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

/** Yields [type, start, end] of each message of `bytes`. */
function* messages(bytes) {
  for (let start = 0; start < bytes.length; ) {
    const end = start + 1 + bytes.readInt32BE(start + 1)
    yield [String.fromCharCode(bytes[start]), start, end]
    start = end
  }
}

/** `bytes` cut between messages into pieces of at most `size`, where a message is not longer than that itself. */
export function* pieces(bytes, size) {
  let begin = 0
  let before = 0
  for (const [, start, end] of messages(bytes)) {
    if (end - begin > size && start > begin) {
      yield bytes.subarray(begin, start)
      begin = start
    }
    before = end
  }
  if (before > begin) yield bytes.subarray(begin, before)
}

/** `bytes` without the messages of one type. */
export function without(bytes, unwanted) {
  const kept = []
  for (const [type, start, end] of messages(bytes)) if (type !== unwanted) kept.push(bytes.subarray(start, end))
  return Buffer.concat(kept)
}

/** Whether one of the messages is of a type. */
export function has(bytes, wanted) {
  for (const [type] of messages(bytes)) if (type === wanted) return true
  return false
}

/** The text at `start` up to its zero byte, and where the rest begins. */
export function text(bytes, start = 0) {
  const end = bytes.indexOf(0, start)
  return [bytes.toString('utf8', start, end), end + 1]
}

/** The names and values of a startup message, whose head is the length and the protocol. */
export function parameters(startup) {
  const found = {}
  for (let at = 8; startup[at] !== 0; ) {
    const [name, middle] = text(startup, at)
    const [value, next] = text(startup, middle)
    found[name] = value
    at = next
  }
  return found
}

/** An error that ends the connection. */
export function fatal(code, reason) {
  const fields = Object.entries({ S: 'FATAL', V: 'FATAL', C: code, M: reason })
  return message(SERVER.error, ...fields.map(([letter, value]) => letter + value), Buffer.alloc(1))
}

/** The transaction status ("I", "T", "E") that a complete answer ends with. */
export function status(answer) {
  const ready = answer.length - 6
  if (answer[ready] !== SERVER.ready.charCodeAt(0)) throw new Error(`no end of an answer: ${answer.toString('latin1')}`)
  return String.fromCharCode(answer.at(-1))
}
