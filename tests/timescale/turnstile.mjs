import { message, pieces } from './messages.mjs'

/** What a server has unless it is told otherwise, where this build of PostgreSQL has something else. */
const USUAL = { enable_seqscan: 'on', client_min_messages: 'notice', search_path: '"$user", public, extensions' }

/** Bytes that the backend reads at once. It forgets the rest if a message ends there. */
const RECEIVED = 8192

/**
 * Lets several sessions take turns at the one backend that the database has.
 *
 * A session that is in a transaction keeps the backend until its end. Whoever waits longer than `patience`
 * milliseconds is turned away, so that a test which deadlocks on the one backend fails instead of hanging.
 */
export class Turnstile {
  #database
  #patience
  #turns = []
  #busy = false
  #holder = null
  #current = null

  constructor(database, { patience }) {
    this.#database = database
    this.#patience = patience
  }

  /** Runs `turn`, which resolves to the transaction status it leaves, when it is the session's turn. */
  submit(session, turn, { refusable = true } = {}) {
    const entry = { session, turn }
    if (refusable) entry.refusal = setTimeout(() => this.#refuse(entry), this.#patience)
    this.#turns.push(entry)
    void this.#rotate()
  }

  /** Sends messages to the backend; resolves to its answers. Only within a turn. */
  async exchange(bytes) {
    const answers = []
    for (const piece of pieces(bytes, RECEIVED)) answers.push(await this.hand(piece))
    return Buffer.concat(answers)
  }

  /** The same, at once. */
  async hand(bytes) {
    const { data } = await this.#database.execProtocol(new Uint8Array(bytes), { syncToFs: false, throwOnError: false })
    // The database reuses the memory of its answers.
    return Buffer.from(data)
  }

  /** Before a transaction of a session: makes its settings the backend's; resolves to the answer, null if none. */
  async adopt(session) {
    if (this.#current === session) return null
    this.#current = session
    const settings = Object.entries({ ...USUAL, ...session.settings })
    const calls = settings.map(([name, value]) => `set_config(${literal(name)}, ${literal(value)}, false)`)
    return this.exchange(message('Q', `RESET ALL; SELECT ${calls.join(', ')}`))
  }

  /** The backend's settings are no longer what `adopt` made them. */
  disown() {
    this.#current = null
  }

  #refuse(entry) {
    this.#turns.splice(this.#turns.indexOf(entry), 1)
    const occupation = this.#holder === null ? 'which is busy' : `which ${this.#holder.name} holds in a transaction`
    entry.session.refuse(`waited ${this.#patience / 1000} s for the one backend, ${occupation}`)
  }

  async #rotate() {
    if (this.#busy) return
    this.#busy = true
    for (let entry; (entry = this.#next()) !== undefined; ) {
      clearTimeout(entry.refusal)
      this.#holder = (await entry.turn()) === 'I' ? null : entry.session
    }
    this.#busy = false
  }

  #next() {
    const index = this.#turns.findIndex((entry) => this.#holder === null || entry.session === this.#holder)
    return index < 0 ? undefined : this.#turns.splice(index, 1)[0]
  }
}

function literal(value) {
  return `'${value.replaceAll("'", "''")}'`
}
