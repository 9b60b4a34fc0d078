// Starts GraphiQL on this page's own address. The example operations come in the page, each with its variables'
// defaults, so every tab runs as it is.
const root = document.getElementById("graphiql");

ReactDOM.createRoot(root).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: window.location.pathname }),
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    defaultTabs: JSON.parse(root.dataset.tabs),
    defaultEditorToolsVisibility: false,
    shouldPersistHeaders: false,
  }),
);
