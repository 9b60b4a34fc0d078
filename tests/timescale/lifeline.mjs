// A thread that hears what the tests say: it tells lines of stdin to the main thread, and ends the process when stdin
// ends. It is a thread of its own because a query keeps the main one from noticing anything.

import { Socket } from 'node:net'
import { parentPort } from 'node:worker_threads'

/** Milliseconds that the main thread has to go by itself. */
const GRACE = 1_000

const stdin = new Socket({ fd: 0 })
let unfinished = ''
stdin.setEncoding('utf8')
stdin.on('data', (text) => {
  const lines = (unfinished + text).split('\n')
  unfinished = lines.pop()
  for (const line of lines) parentPort.postMessage(line)
})
stdin.on('close', () => {
  parentPort.postMessage(null)
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE)
})
