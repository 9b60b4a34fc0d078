import { CLIENT, message, text } from './messages.mjs'

/** What follows the type of a Describe or Close that means a statement, not a portal. */
const STATEMENT = Buffer.from('S')

/**
 * The prepared statements of one session among those of all in the one backend, which knows them under names that tell
 * whose they are. The unnamed statement has such a name as well, and a new one each time, for a name can be given only
 * once: otherwise that of another session would replace it between its Parse and its Bind.
 */
export class Statements {
  #owner
  #all = new Set()
  #unnamed = 0
  #replaced = []

  constructor(owner) {
    this.#owner = owner
  }

  /** A client's message as the backend shall get it. */
  rename(type, whole) {
    if (type === CLIENT.parse) {
      const [name, rest] = text(whole, 5)
      return message(type, this.#add(name), whole.subarray(rest))
    }
    if (type === CLIENT.bind) {
      const [portal, middle] = text(whole, 5)
      const [name, rest] = text(whole, middle)
      return message(type, portal, this.#known(name), whole.subarray(rest))
    }
    if ((type === CLIENT.describe || type === CLIENT.close) && whole[5] === STATEMENT[0]) {
      return message(type, STATEMENT, this.#known(text(whole, 6)[0]))
    }
    return whole
  }

  /** Messages that close those which others have replaced; none where there are none. */
  closeReplaced() {
    return this.#close(this.#replaced.splice(0))
  }

  /** Messages that close all. */
  closeAll() {
    return this.#close([...this.#all])
  }

  #add(name) {
    if (name === '') {
      if (this.#unnamed > 0) this.#replaced.push(this.#known(name))
      this.#unnamed += 1
    }
    this.#all.add(this.#known(name))
    return this.#known(name)
  }

  #known(name) {
    return `${this.#owner}: ${name === '' ? `unnamed ${this.#unnamed}` : name}`
  }

  #close(names) {
    for (const name of names) this.#all.delete(name)
    const closings = names.map((name) => message(CLIENT.close, STATEMENT, name))
    return Buffer.concat(closings.length > 0 ? [...closings, message(CLIENT.sync)] : [])
  }
}
