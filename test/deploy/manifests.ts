/** The manifests of `envoy/examples/kubernetes/`, as far as the tests look into them. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { documents, root } from "../filter/yaml.ts";

export const folder = "envoy/examples/kubernetes";

export type Labels = Readonly<Record<string, string>>;
export interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values: readonly string[] }[];
}
export interface Handler {
  readonly exec?: { readonly command: string[] };
  readonly httpGet?: { port: string | number };
  readonly sleep?: { seconds: number };
}
export interface Variable {
  readonly name: string;
  value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}
export interface Container {
  readonly name: string;
  image: string;
  args?: string[];
  env: Variable[];
  readonly ports: { name: string; readonly containerPort: number }[];
  readonly startupProbe?: Handler;
  readinessProbe?: Handler;
  livenessProbe?: Handler;
  readonly lifecycle: { readonly preStop: Handler };
  readonly resources: { readonly requests?: Labels; limits?: Labels };
  readonly securityContext: { allowPrivilegeEscalation?: boolean; readOnlyRootFilesystem?: boolean; readonly capabilities?: { drop?: string[] } };
  readonly volumeMounts: { readonly name: string; mountPath: string; readonly readOnly?: boolean }[];
}
export interface Volume {
  readonly name: string;
  readonly emptyDir?: object;
  readonly projected?: { readonly sources: readonly { readonly secret: { readonly name: string; readonly items: { key: string; readonly path: string }[] } }[] };
}
export interface Pod {
  readonly automountServiceAccountToken?: boolean;
  terminationGracePeriodSeconds: number;
  readonly securityContext: { runAsNonRoot?: boolean; runAsUser?: number; readonly seccompProfile?: { readonly type: string } };
  nodeSelector?: Record<string, string>;
  readonly topologySpreadConstraints?: readonly { readonly labelSelector: Selector }[];
  readonly initContainers?: Container[];
  readonly containers: Container[];
  readonly volumes: Volume[];
}
export interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
}
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Labels };
  readonly spec: {
    readonly replicas?: number;
    readonly serviceName?: string;
    clusterIP?: string;
    readonly selector?: Selector & Record<string, string>;
    readonly podSelector?: Selector;
    readonly ingress?: { readonly ports: { port: string }[]; readonly from?: Peer[] }[];
    readonly template?: { readonly metadata: { labels: Record<string, string> }; readonly spec: Pod };
    readonly ports?: { readonly port: number; targetPort: string }[];
  };
}
export type Workload = Manifest & { readonly spec: { readonly selector: Selector; readonly template: NonNullable<Manifest["spec"]["template"]> } };

export const isWorkload = (manifest: Manifest): manifest is Workload => manifest.kind === "Deployment" || manifest.kind === "StatefulSet";

/** Its files but the kustomization, sorted. */
export async function files(): Promise<string[]> {
  return (await readdir(join(root, folder))).filter((file) => file.endsWith(".yaml") && file !== "kustomization.yaml").sort();
}

export async function manifests(): Promise<Manifest[]> {
  const read = await Promise.all((await files()).map((file) => documents(`${folder}/${file}`)));
  return read.flat() as unknown as Manifest[];
}

/** The secrets that README.md tells to make: `name/key`. */
export async function secretsOf(): Promise<ReadonlySet<string>> {
  const text = await readFile(join(root, folder, "README.md"), "utf8");
  return new Set([...text.matchAll(/create secret generic (\S+) --from-literal=(\w+)=/g)].map(([, name, key]) => `${name}/${key}`));
}
