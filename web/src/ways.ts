// How calls are sent to a server: what to run or write, for some of the libraries of docs/instrumentation.md.

export const WAYS = {
  curl: "Try it",
  any: "Any OpenTelemetry SDK",
  claude: "Claude Code",
  codex: "Codex CLI",
  openai: "OpenAI",
  langchain: "LangChain",
  vercel: "Vercel AI SDK",
  own: "Your own Python",
} as const;
export type Way = keyof typeof WAYS;

/** Where calls go: a server's address, such as `http://127.0.0.1:8000`, the project unless it is the usual one, and
 * whether the server wants a key, which is never written down: `KEY` stands where it goes. */
export type Target = { server: string; project: string; keyed: boolean };

/** The text to copy. */
export function steps(way: Way, { server, project, keyed }: Target): string {
  const headers: [string, string][] = [];
  if (keyed) headers.push(["authorization", "Bearer KEY"]);
  if (project) headers.push(["x-usage-graph-project", project]);
  const listed = headers.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join(",");
  const table = headers.length ? `, headers = { ${headers.map(([name, value]) => `${name} = ${JSON.stringify(value)}`).join(", ")} }` : "";
  const variables = listed ? `export OTEL_EXPORTER_OTLP_HEADERS=${/^[\w%=,.~-]*$/.test(listed) ? listed : quoted(listed)}\n` : "";
  const endpoint = `${variables}export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nexport OTEL_EXPORTER_OTLP_ENDPOINT=${server}`;
  const named = [
    'service_name="my-app"',
    `endpoint="${server}"`,
    ...(project ? [`project=${JSON.stringify(project)}`] : []),
    ...(keyed ? ['headers={"authorization": "Bearer KEY"}'] : []),
  ].join(", ");
  const configure = `from usage_graph.instrument import configure\n\nconfigure(${named})`;
  switch (way) {
    case "curl":
      return [`curl -s ${server}/v1/traces -H 'content-type: application/json'`, ...headers.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`), `-d ${quoted(JSON.stringify(example()))}`].join(" \\\n  ");
    case "any":
      return endpoint;
    case "claude":
      return `export CLAUDE_CODE_ENABLE_TELEMETRY=1\nexport OTEL_LOGS_EXPORTER=otlp\n${endpoint}\nclaude`;
    case "codex":
      return `# ~/.codex/config.toml\n[otel]\nexporter = { otlp-http = { endpoint = "${server}/v1/logs", protocol = "binary"${table} } }`;
    case "openai":
      return `from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor\n${configure}\nOpenAIInstrumentor().instrument()`;
    case "langchain":
      return `from openinference.instrumentation.langchain import LangChainInstrumentor\n${configure}\nLangChainInstrumentor().instrument()`;
    case "vercel":
      return `// OTEL_EXPORTER_OTLP_ENDPOINT=${server}${listed ? `\n// OTEL_EXPORTER_OTLP_HEADERS=${listed}` : ""}
import { NodeSDK } from '@opentelemetry/sdk-node';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { registerTelemetry } from 'ai';
import { OpenTelemetry } from '@ai-sdk/otel';

new NodeSDK({ serviceName: 'my-app', traceExporter: new OTLPTraceExporter() }).start();
registerTelemetry(new OpenTelemetry({ usage: true }));`;
    case "own":
      return `from usage_graph.instrument import configure, record_call, usage

configure(${named})

with usage(source="chat", name="First question"):
    record_call(model="gpt-5-mini", provider="openai", input_tokens=1207, output_tokens=311, duration=1.4)`;
  }
}

/** As a POSIX shell takes it for one word. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** A call that has just ended, as anyone could send it by hand. */
function example(): object {
  const hex = (length: number) =>
    Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const whole = (key: string, intValue: number) => ({ key, value: { intValue } });
  const end = BigInt(Date.now()) * 1_000_000n;
  const span = {
    traceId: hex(16),
    spanId: hex(8),
    name: "chat gpt-5-mini",
    kind: 3,
    startTimeUnixNano: String(end - 1_400_000_000n),
    endTimeUnixNano: String(end),
    attributes: [
      text("gen_ai.operation.name", "chat"),
      text("gen_ai.provider.name", "openai"),
      text("gen_ai.request.model", "gpt-5-mini"),
      text("usage_graph.name", "First call"),
      whole("gen_ai.usage.input_tokens", 1207),
      whole("gen_ai.usage.output_tokens", 311),
    ],
  };
  return { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
}
