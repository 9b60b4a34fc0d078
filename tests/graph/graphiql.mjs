// Runs the page's own script without a browser, and with its fetcher what the test says: one JSON document a line, on
// standard input, of what to subscribe to. What GraphiQL would show is printed, a JSON document a line; "stop" ends it.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const [script, url] = process.argv.slice(2)
let fetcher

globalThis.window = { location: { pathname: url } }
globalThis.document = { getElementById: () => ({ dataset: { tabs: '[]' } }) }
globalThis.GraphiQL = { createFetcher: () => () => 'asked as ever' }
globalThis.GraphiQLPluginExplorer = { explorerPlugin: () => ({}) }
globalThis.React = { createElement: (_, properties) => ({ fetcher } = properties) }
globalThis.ReactDOM = { createRoot: () => ({ render: () => {} }) }
new Function(readFileSync(script, 'utf8'))()

const say = (what) => console.log(JSON.stringify(what))
let running = null

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'stop') {
    running.unsubscribe()
    say('stopped')
    continue
  }
  const { asked, headers, definitions } = JSON.parse(line)
  const found = fetcher(asked, { headers, documentAST: { definitions } })
  if (typeof found === 'string') say(found)
  else {
    running = found.subscribe({
      next: (result) => say({ next: result }),
      error: (error) => say({ error: String(error) }),
      complete: () => say('complete'),
    })
  }
}
