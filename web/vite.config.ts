import { defineConfig } from "vite";

export default defineConfig({
  // Relative, so that the page also works below a prefix of a proxy.
  base: "./",
  build: {
    outDir: "../src/usage_graph/page/static",
    emptyOutDir: true,
    // What all of today's browsers read, and no helper for others; the page asks for nothing older than two years.
    target: "es2022",
    modulePreload: { polyfill: false },
    // A picture within the style sheet would be one that the content security policy refuses.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    // What is built in keeps its authors' terms with it.
    license: { fileName: "licenses.md" },
  },
  // While the page is written: `npm run dev` beside a server on its usual port.
  server: { proxy: { "/graphql": { target: "http://127.0.0.1:8000", ws: true } } },
});
