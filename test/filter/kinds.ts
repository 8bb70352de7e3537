/**
 * What the examples use of the custom resources' published schemas (istio.io/api, gateway.envoyproxy.io v1alpha1, Gateway API v1): names, types and which
 * are required. A misspelt or misplaced field fails here as it would (or worse, would not) in a cluster.
 */
import type { Yaml } from "./yaml.ts";

/** A type name, a regular expression for strings, a list's element, or a mapping; "?" marks what may be left out. */
type Shape = "string" | "number" | "boolean" | "any" | RegExp | readonly [Shape] | { readonly [field: string]: Shape };

const DURATION = /^([0-9.]+(h|m|s|ms))+$/;
const labels: Shape = { istio: "string" };
const gatewayRef: Shape = { group: /^gateway\.networking\.k8s\.io$/, kind: /^(Gateway|HTTPRoute)$/, name: "string" };
const uri: Shape = { "prefix?": "string", "exact?": "string", "regex?": "string" };

const kinds: { readonly [kind: string]: { readonly apiVersion: string; readonly spec: Shape } } = {
  WasmPlugin: {
    apiVersion: "extensions.istio.io/v1alpha1",
    spec: {
      "selector?": { matchLabels: labels },
      url: /^(oci|https?|file):\/\//,
      "sha256?": /^[a-f0-9]{64}$/,
      "imagePullPolicy?": /^(IfNotPresent|Always)$/,
      "failStrategy?": /^FAIL_(CLOSE|OPEN|RELOAD)$/,
      "phase?": /^(AUTHN|AUTHZ|STATS)$/,
      "pluginConfig?": "any",
    },
  },
  EnvoyFilter: {
    apiVersion: "networking.istio.io/v1alpha3",
    spec: {
      "workloadSelector?": { labels },
      configPatches: [
        {
          applyTo: /^(CLUSTER|HTTP_ROUTE|HTTP_FILTER|VIRTUAL_HOST|ROUTE_CONFIGURATION|NETWORK_FILTER|LISTENER|BOOTSTRAP)$/,
          match: {
            context: /^(GATEWAY|SIDECAR_INBOUND|SIDECAR_OUTBOUND|ANY)$/,
            "cluster?": { "service?": "string", "portNumber?": "number", "name?": "string" },
            "routeConfiguration?": { "name?": "string", vhost: { "name?": "string", route: { name: "string" } } },
          },
          patch: { operation: /^(MERGE|ADD|REMOVE|INSERT_(BEFORE|AFTER|FIRST)|REPLACE)$/, value: "any" },
        },
      ],
    },
  },
  VirtualService: {
    apiVersion: "networking.istio.io/v1",
    spec: {
      hosts: ["string"],
      "gateways?": ["string"],
      http: [
        {
          "name?": "string",
          "match?": [{ uri, "ignoreUriCase?": "boolean" }],
          "route?": [{ destination: { host: "string", port: { number: "number" } } }],
          "directResponse?": { status: "number" },
          "timeout?": DURATION,
          "retries?": { attempts: "number", "retryOn?": "string", "perTryTimeout?": DURATION },
          "headers?": { response: { remove: ["string"] } },
        },
      ],
    },
  },
  DestinationRule: {
    apiVersion: "networking.istio.io/v1",
    spec: {
      host: "string",
      "trafficPolicy?": {
        "connectionPool?": {
          "tcp?": { "maxConnections?": "number", "connectTimeout?": DURATION },
          "http?": { "maxRetries?": "number", "idleTimeout?": DURATION },
        },
      },
    },
  },
  Gateway: {
    apiVersion: "gateway.networking.k8s.io/v1",
    spec: { gatewayClassName: "string", listeners: [{ name: "string", protocol: /^HTTPS?$/, port: "number" }] },
  },
  HTTPRoute: {
    apiVersion: "gateway.networking.k8s.io/v1",
    spec: {
      parentRefs: [{ name: "string" }],
      "hostnames?": ["string"],
      rules: [
        {
          "matches?": [{ path: { type: /^(PathPrefix|Exact|RegularExpression)$/, value: /^\// } }],
          "timeouts?": { "request?": DURATION, "backendRequest?": DURATION },
          "filters?": [
            {
              type: /^(ResponseHeaderModifier|ExtensionRef)$/,
              "responseHeaderModifier?": { remove: ["string"] },
              "extensionRef?": { group: /^gateway\.envoyproxy\.io$/, kind: /^HTTPRouteFilter$/, name: "string" },
            },
          ],
          "backendRefs?": [{ name: "string", port: "number" }],
        },
      ],
    },
  },
  HTTPRouteFilter: {
    apiVersion: "gateway.envoyproxy.io/v1alpha1",
    spec: { directResponse: { "statusCode?": "number", "contentType?": "string", "body?": { type: /^Inline$/, inline: "string" } } },
  },
  EnvoyExtensionPolicy: {
    apiVersion: "gateway.envoyproxy.io/v1alpha1",
    spec: {
      targetRefs: [gatewayRef],
      wasm: [
        {
          "name?": "string",
          "rootID?": "string",
          code: { type: /^Image$/, image: { url: "string", "pullSecretRef?": "any" }, "sha256?": /^[a-f0-9]{64}$/, "pullPolicy?": /^(IfNotPresent|Always)$/ },
          "failOpen?": "boolean",
          "config?": "any",
        },
      ],
    },
  },
  BackendTrafficPolicy: {
    apiVersion: "gateway.envoyproxy.io/v1alpha1",
    spec: {
      targetRefs: [gatewayRef],
      "loadBalancer?": { type: /^(ConsistentHash|LeastRequest|Random|RoundRobin)$/, "endpointOverride?": { extractFrom: [{ header: "string" }] } },
      "retry?": {
        "numRetries?": "number",
        "retryOn?": {
          "triggers?": [/^(5xx|gateway-error|reset|connect-failure|retriable-4xx|refused-stream|retriable-status-codes)$/],
          "httpStatusCodes?": ["number"],
        },
        "perRetry?": { "timeout?": DURATION, "backOff?": { "baseInterval?": DURATION, "maxInterval?": DURATION } },
      },
      "circuitBreaker?": { "maxConnections?": "number", "maxPendingRequests?": "number", "maxParallelRequests?": "number", "maxParallelRetries?": "number" },
      "timeout?": { "tcp?": { connectTimeout: DURATION }, "http?": { "connectionIdleTimeout?": DURATION, "maxConnectionDuration?": DURATION } },
    },
  },
  ClientTrafficPolicy: {
    apiVersion: "gateway.envoyproxy.io/v1alpha1",
    spec: {
      targetRefs: [gatewayRef],
      "path?": { "escapedSlashesAction?": /^(KeepUnchanged|RejectRequest|UnescapeAndForward|UnescapeAndRedirect)$/, "disableMergeSlashes?": "boolean" },
    },
  },
  EnvoyPatchPolicy: {
    apiVersion: "gateway.envoyproxy.io/v1alpha1",
    spec: {
      targetRef: gatewayRef,
      type: /^JSONPatch$/,
      jsonPatches: [
        {
          type: /^type\.googleapis\.com\/envoy\.config\.(listener\.v3\.Listener|route\.v3\.RouteConfiguration|cluster\.v3\.Cluster)$/,
          name: "string",
          operation: { op: /^(add|remove|replace|move|copy|test)$/, path: "string", value: "any" },
        },
      ],
    },
  },
};

/** What is wrong with a resource: one line for each fault, with its path; nothing if it is as it should be. */
export function faults(resource: Yaml): string[] {
  const { kind, apiVersion } = resource as { kind?: string; apiVersion?: string };
  const known = kinds[kind ?? ""];
  if (known === undefined) return [`kind ${kind} is not known here`];
  if (apiVersion !== known.apiVersion) return [`${kind}: apiVersion is ${apiVersion}, not ${known.apiVersion}`];
  const shape: Shape = { apiVersion: "string", kind: "string", metadata: { name: /^[a-z0-9-]{1,63}$/, namespace: /^[a-z0-9-]{1,63}$/ }, spec: known.spec };
  return compare(resource, shape, kind!);
}

function compare(value: Yaml, shape: Shape, path: string): string[] {
  if (shape === "any") return [];
  if (typeof shape === "string") return typeof value === shape ? [] : [`${path}: not a ${shape}`];
  if (shape instanceof RegExp) return typeof value === "string" && shape.test(value) ? [] : [`${path}: ${JSON.stringify(value)} does not match ${shape}`];
  if (isList(shape)) return Array.isArray(value) ? value.flatMap((item, i) => compare(item, shape[0], `${path}[${i}]`)) : [`${path}: not a list`];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${path}: not a mapping`];
  const found = Object.entries(value).flatMap(([field, item]) => {
    const is = shape[field] ?? shape[`${field}?`];
    return is === undefined ? [`${path}.${field}: no such field`] : compare(item, is, `${path}.${field}`);
  });
  const missing = Object.keys(shape).filter((field) => !field.endsWith("?") && !(field in value));
  return [...found, ...missing.map((field) => `${path}.${field}: missing`)];
}

function isList(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}
