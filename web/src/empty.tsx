// Nothing came yet: how to send the first call.

import { useSignal } from "@preact/signals";
import { Choice } from "./choice.tsx";

const HERE = location.origin;

const WAYS = {
  curl: "Try it",
  any: "Any OpenTelemetry SDK",
  claude: "Claude Code",
  openai: "OpenAI in Python",
  vercel: "Vercel AI SDK",
  own: "Your own Python",
} as const;

function steps(way: keyof typeof WAYS): string {
  const endpoint = `export OTEL_EXPORTER_OTLP_ENDPOINT=${HERE}\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`;
  switch (way) {
    case "curl":
      return first();
    case "any":
      return endpoint;
    case "claude":
      return `export CLAUDE_CODE_ENABLE_TELEMETRY=1\nexport OTEL_LOGS_EXPORTER=otlp\n${endpoint}\nclaude`;
    case "openai":
      return `${endpoint}\npip install opentelemetry-distro opentelemetry-exporter-otlp opentelemetry-instrumentation-genai-openai\nopentelemetry-instrument python your_program.py`;
    case "vercel":
      return `${endpoint}\n# then in each call: generateText({ ..., experimental_telemetry: { isEnabled: true } })`;
    case "own":
      return `from usage_graph.instrument import configure, record_call, usage\n\nconfigure(service_name="my-app", endpoint="${HERE}")\n\nwith usage(source="chat", name="First question"):\n    record_call(model="gpt-5-mini", provider="openai", input_tokens=1207, output_tokens=311, duration=1.4)`;
  }
}

/** A call of now, as anyone could send it by hand. */
function first(): string {
  const hex = (length: number) =>
    Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const whole = (key: string, intValue: number) => ({ key, value: { intValue } });
  const end = BigInt(Date.now()) * 1_000_000n;
  const body = {
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              {
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
              },
            ],
          },
        ],
      },
    ],
  };
  return `curl -s ${HERE}/v1/traces -H 'content-type: application/json' \\\n  -d '${JSON.stringify(body)}'`;
}

export function Empty() {
  const way = useSignal<keyof typeof WAYS>("curl");
  const copied = useSignal("");
  const text = steps(way.value);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      copied.value = "Copied.";
    } catch {
      copied.value = "The browser does not let it be copied; mark it and copy it by hand.";
    }
  };
  return (
    <section class="panel empty wide" aria-labelledby="empty">
      <h2 id="empty">No calls yet: send the first one</h2>
      <p>This page shows it as soon as it is there. Anything that speaks OpenTelemetry (OTLP) can send to this address.</p>
      <Choice
        label="From"
        options={WAYS}
        value={way.value}
        choose={(chosen) => {
          way.value = chosen;
          copied.value = "";
        }}
      />
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
      <p>
        <button type="button" onClick={copy}>
          Copy
        </button>{" "}
        <span role="status">{copied.value}</span>
      </p>
      <p class="note">
        Where the server wants a key: <code>export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20KEY</code>. More libraries are in{" "}
        <code>docs/instrumentation.md</code>; usage that was written down before comes in by <code>usage-graph import</code>.
      </p>
    </section>
  );
}
