/** The plain status page at `/`, or at `/status` where the chat page is served. */
import { createHash } from "node:crypto";
import { pools, type Topology } from "../protocol/topology.ts";

const style = "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left}pre{background:#f3f3f3;padding:1rem;overflow:auto}";

/** Nothing but this page's own style may load or run. */
export const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
} as const;

export interface PageView {
  /** as the reader's browser reached it, e.g. `http://127.0.0.1:8080` */
  readonly url: string;
  readonly dev: boolean;
  /** undefined where charm does not answer */
  readonly topology: Topology | undefined;
}

export function renderPage({ url, dev, topology }: PageView): string {
  const token = dev ? "xoxp-dev-ada" : "$TOKEN";
  const tokenNote = dev ? "This plane runs in development mode; its tokens are known to everybody." : "Get a token with <code>ringway token</code>.";
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Ringway</title><style>${style}</style></head>
<body><h1>Ringway</h1>
<p>Real-time messaging as a plugin for Envoy: a filter in the proxy hashes channels onto a ring and routes each one to the server that owns it.
It implements a subset of the publicly documented RTM and Web API and is not affiliated with Slack.</p>
<h2>The ring</h2>
${topology === undefined ? "<p>The ring manager does not answer; the last ring stays in use.</p>" : ring(topology)}
<h2>Send a first message</h2>
<p>${tokenNote}</p>
<pre>curl ${escape(url)}/api/chat.postMessage -H 'Authorization: Bearer ${token}' -d channel='#general' -d text=hello</pre>
</body></html>
`;
}

function ring(topology: Topology): string {
  const rows = pools.flatMap((pool) => topology.pools[pool].servers.map((server) => [pool, server.id, server.zone, server.weight, server.state]));
  const cells = rows.map((row) => `<tr>${row.map((cell) => `<td>${escape(String(cell))}</td>`).join("")}</tr>`).join("\n");
  return `<p>Epoch ${escape(String(topology.epoch))}</p>
<table><tr><th>pool</th><th>server</th><th>zone</th><th>weight</th><th>state</th></tr>
${cells}</table>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
