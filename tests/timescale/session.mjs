import {
  CANCEL, CLIENT, ENCRYPTION, SERVER, STARTUP, fatal, has, message, parameters, status, text, without,
} from './messages.mjs'
import { Statements } from './statements.mjs'

/** The settings that a server tells a client when it connects. */
const REPORTED = [
  'server_version', 'server_encoding', 'client_encoding', 'DateStyle', 'IntervalStyle', 'TimeZone', 'integer_datetimes',
  'standard_conforming_strings', 'application_name', 'is_superuser', 'session_authorization', 'in_hot_standby',
  'default_transaction_read_only',
]
const SYNC = message(CLIENT.sync)
const COPY_IN = message(SERVER.copyIn, Buffer.alloc(3))
/** Where a client waits for an answer. */
const TURNS = [CLIENT.query, CLIENT.sync, CLIENT.flush]
/** What loses nothing when a Sync and other sessions come after it. */
const PREPARING = [CLIENT.parse, CLIENT.describe, CLIENT.close, CLIENT.flush]
const COPYING = /^\s*copy\b.*\bfrom\s+stdin\b/is
const RESETTING = /\b(reset|discard)\s+all\b/i

let sessions = 0

/** One client of the turnstile: collects its messages up to where it waits, and takes a turn with them. */
export class Session {
  settings = {}
  #id = `session ${++sessions}`
  #statements = new Statements(this.#id)
  #socket
  #turnstile
  #database
  #received = Buffer.alloc(0)
  #started = false
  #turn = new Turn()

  constructor(socket, { turnstile, database }) {
    this.#socket = socket
    this.#turnstile = turnstile
    this.#database = database
    socket.setNoDelay(true)
    socket.on('data', (data) => this.#receive(data))
    // A client that vanishes is no failure here; 'close' follows.
    socket.on('error', () => {})
    socket.on('close', () => this.#leave())
  }

  /** How errors call this client. */
  get name() {
    return `${this.settings.application_name ?? 'a client'} (${this.#id})`
  }

  /** Ends the connection with a reason. */
  refuse(reason) {
    this.#socket.end(fatal('53300', reason))
  }

  #receive(data) {
    this.#received = Buffer.concat([this.#received, data])
    for (;;) {
      const head = this.#started ? 1 : 0
      if (this.#received.length < head + 4) return
      const end = head + this.#received.readInt32BE(head)
      if (this.#received.length < end) return
      const whole = this.#received.subarray(0, end)
      this.#received = this.#received.subarray(end)
      if (this.#started) this.#accept(String.fromCharCode(whole[0]), whole)
      else this.#greet(whole)
    }
  }

  #greet(whole) {
    const code = whole.readInt32BE(4)
    if (ENCRYPTION.includes(code)) this.#socket.write('N')
    // A statement cannot be cancelled: it runs in the thread that would have to do it.
    else if (code === CANCEL) this.#socket.end()
    else if (code === STARTUP) this.#start(parameters(whole))
    else this.refuse('only protocol 3.0 is spoken here')
  }

  #start({ user, database, ...settings }) {
    this.#started = true
    this.settings = settings
    this.#turnstile.submit(this, async () => {
      const answer = await this.#turnstile.adopt(this)
      if (has(answer, SERVER.error)) this.#socket.end(without(answer, SERVER.ready))
      else this.#socket.write(await this.#welcome())
      return 'I'
    })
  }

  async #welcome() {
    const found = await this.#database.query(
      'SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name', [REPORTED],
    )
    return Buffer.concat([
      message('R', Buffer.alloc(4)),
      ...found.rows.map(({ name, value }) => message('S', name, value)),
      message('K', Buffer.alloc(8)),
      message(SERVER.ready, Buffer.from('I')),
    ])
  }

  #accept(type, whole) {
    if (type === CLIENT.terminate) return void this.#socket.end()
    const turn = this.#turn
    const ends = turn.copies ? type === CLIENT.copyDone || type === CLIENT.copyFail : TURNS.includes(type)
    turn.add(type, this.#statements.rename(type, whole))
    if (type === CLIENT.query && COPYING.test(text(whole, 5)[0])) {
      // The backend reads the rows on from the bytes of the statement, and cannot wait for them.
      turn.copies = true
      this.#socket.write(COPY_IN)
      return
    }
    if (!ends) return
    if (turn.flushes && !turn.prepares) return void this.refuse('a Flush is understood after Parse and Describe only')
    this.#turn = new Turn()
    this.#turnstile.submit(this, () => this.#take(turn))
  }

  async #take(turn) {
    await this.#turnstile.adopt(this)
    const send = (bytes) => (turn.copies ? this.#turnstile.hand(bytes) : this.#turnstile.exchange(bytes))
    // After a Flush the backend would stay with this session; a Sync of our own lets others in.
    let answer = await send(turn.flushes ? Buffer.concat([turn.bytes, SYNC]) : turn.bytes)
    const left = status(answer)
    if (turn.flushes) answer = without(answer, SERVER.ready)
    if (turn.copies) answer = without(answer, SERVER.copyIn)
    this.#socket.write(answer)
    if (turn.resets) this.#turnstile.disown()
    await this.#turnstile.exchange(this.#statements.closeReplaced())
    return left
  }

  /** The client has gone: what it began is undone. */
  #leave() {
    if (!this.#started) return
    this.#turnstile.submit(this, async () => {
      await this.#turnstile.exchange(message(CLIENT.query, 'ROLLBACK'))
      await this.#turnstile.exchange(this.#statements.closeAll())
      return 'I'
    }, { refusable: false })
  }
}

/** What a client says between two answers. */
class Turn {
  copies = false
  resets = false
  #messages = []
  #types = new Set()

  add(type, whole) {
    this.#messages.push(whole)
    this.#types.add(type)
    if (type === CLIENT.query || type === CLIENT.parse) this.resets ||= RESETTING.test(whole.toString())
  }

  get bytes() {
    return Buffer.concat(this.#messages)
  }

  get flushes() {
    return this.#types.has(CLIENT.flush)
  }

  get prepares() {
    return [...this.#types].every((type) => PREPARING.includes(type))
  }
}
