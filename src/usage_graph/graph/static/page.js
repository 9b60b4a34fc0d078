// Starts GraphiQL on this page's own address. The example operations come in the page, each with its variables'
// defaults, so every tab runs as it is.
const root = document.getElementById("graphiql");
const url = window.location.pathname;
const ask = GraphiQL.createFetcher({ url });

const isSubscription = (asked, document) =>
  (document?.definitions ?? []).some(
    (one) => one.operation === "subscription" && (!asked.operationName || one.name?.value === asked.operationName),
  );

// Subscriptions are answered as server-sent events: `next` with an answer, until `complete`.
async function follow(asked, headers, sink, signal) {
  const response = await fetch(url, {
    method: "POST",
    headers: { ...headers, accept: "text/event-stream", "content-type": "application/json" },
    body: JSON.stringify(asked),
    signal,
  });
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return sink.next(await response.json());
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let received = "", part = {}; !part.done; ) {
    part = await reader.read();
    const events = (received + (part.value ?? "")).split("\n\n");
    received = events.pop();
    for (const event of events) {
      const [name, data] = event.split("\n", 2);
      if (name === "event: next") sink.next(JSON.parse(data.slice("data: ".length)));
    }
  }
}

const fetcher = (asked, options) => {
  if (!isSubscription(asked, options?.documentAST)) return ask(asked, options);
  return {
    subscribe(sink) {
      const stop = new AbortController();
      follow(asked, options.headers, sink, stop.signal).then(
        () => sink.complete(),
        (error) => stop.signal.aborted || sink.error(error),
      );
      return { unsubscribe: () => stop.abort() };
    },
  };
};

ReactDOM.createRoot(root).render(
  React.createElement(GraphiQL, {
    fetcher,
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    defaultTabs: JSON.parse(root.dataset.tabs),
    defaultEditorToolsVisibility: false,
    shouldPersistHeaders: false,
  }),
);
