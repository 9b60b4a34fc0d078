import { render } from "preact";
import { App } from "./app.tsx";
import { listen } from "./live.ts";

render(<App />, document.body);
listen();
