/** Programs that run in a database's memory: its own and the libraries that it has loaded. */
let programs = 0
WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
  construct(target, values) {
    programs += 1
    return Reflect.construct(target, values)
  },
})

/**
 * A database as it is at some moment: the memory that it computes in, and its files, which are in memory, too.
 *
 * To be made and restored between two statements only, when the backend has nothing on JavaScript's stack.
 */
export class Checkpoint {
  #module
  #programs = programs
  #memory
  #stackPointer
  #nodes
  #names
  #streams

  /** `module`: what Emscripten has made of the database. */
  constructor(module) {
    const { FS } = module
    this.#module = module
    this.#memory = module.HEAPU8.slice()
    this.#stackPointer = module.___stack_pointer.value
    this.#nodes = [...all(FS)].map((node) => ({ node, kept: stateOf(FS, node) }))
    this.#names = [...FS.nameTable]
    this.#streams = FS.streams.map((stream) => stream && { stream, shared: { ...stream.shared } })
  }

  /** Makes the database what it was, as often as one likes. */
  restore() {
    // The memory would not know of it, the runtime would not load it again.
    if (programs !== this.#programs) throw new Error('a library was loaded after the checkpoint')
    const { FS, HEAPU8 } = this.#module
    HEAPU8.set(this.#memory)
    // Memory never shrinks, and what the database has not asked for is 0.
    HEAPU8.fill(0, this.#memory.length)
    this.#module.___stack_pointer.value = this.#stackPointer
    for (const { node, kept } of this.#nodes) Object.assign(node, kept, contentsOf(FS, node, kept))
    refill(FS.nameTable, this.#names)
    refill(FS.streams, this.#streams.map((found, fd) => found && reopened(found, fd)))
  }
}

/** Every file, directory and device, also those that have no name any more but are open. */
function all(FS) {
  const found = new Set()
  const add = (node) => {
    if (!node || found.has(node)) return
    found.add(node)
    add(node.name_next)
    if (FS.isDir(node.mode)) Object.values(node.contents ?? {}).forEach(add)
  }
  add(FS.root)
  FS.nameTable.forEach(add)
  FS.streams.forEach((stream) => add(stream?.node))
  return found
}

function stateOf(FS, { mode, name, parent, name_next, contents, usedBytes, link, atime, mtime, ctime }) {
  const state = { mode, name, parent, name_next, atime, mtime, ctime }
  if (FS.isFile(mode)) return { ...state, usedBytes, contents: contents?.slice(0, usedBytes) ?? null }
  if (FS.isDir(mode)) return { ...state, contents: contents && { ...contents } }
  return FS.isLink(mode) ? { ...state, link } : state
}

/** What the database may change while `kept` stays. A file's memory is used again: there are 50 MB of them. */
function contentsOf(FS, node, kept) {
  if (!kept.contents) return {}
  if (FS.isDir(kept.mode)) return { contents: { ...kept.contents } }
  const { contents } = node
  if (!contents || contents.length < kept.contents.length) return { contents: kept.contents.slice() }
  contents.set(kept.contents)
  // A file that grows finds what is behind its end.
  contents.fill(0, kept.contents.length)
  return { contents }
}

function reopened({ stream, shared }, fd) {
  Object.assign(stream.shared, shared)
  stream.fd = fd
  return stream
}

function refill(array, values) {
  array.length = 0
  for (const value of values) array.push(value)
}
