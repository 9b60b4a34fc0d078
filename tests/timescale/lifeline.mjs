// A thread that ends the process when stdin ends. It is a thread of its own because a query keeps the main one from
// noticing anything.

import { Socket } from 'node:net'
import { parentPort } from 'node:worker_threads'

/** Milliseconds that the main thread has to go by itself. */
const GRACE = 1_000

const stdin = new Socket({ fd: 0 })
stdin.resume()
stdin.on('close', () => {
  parentPort.postMessage('end')
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE)
})
