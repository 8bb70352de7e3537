/** What no schema sees of the manifests: that their parts fit each other, and the services. Each fault is a line. */
import { type Container, type Handler, isWorkload, type Labels, type Manifest, type Selector, type Variable, type Workload } from "./manifests.ts";

/** `runUntilSignal` ends a process so long after its SIGTERM, s. */
const STOP_SECONDS = 10;

/** @param secrets `name/key` of those that there are */
export function faults(all: readonly Manifest[], secrets: ReadonlySet<string>): string[] {
  const workloads = all.filter(isWorkload);
  return [...selectors(all, workloads), ...workloads.flatMap(hardening), ...workloads.flatMap(timing), ...workloads.flatMap(references), ...workloads.flatMap((each) => mounted(each, secrets)), ...traffic(all, workloads), ...workloads.flatMap((each) => leftOut(each, workloads))];
}

const called = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.name}`;
const labelsOf = ({ spec }: Workload): Labels => spec.template.metadata.labels;
const containersOf = ({ spec }: Workload): readonly Container[] => [...(spec.template.spec.initContainers ?? []), ...spec.template.spec.containers];
const variablesOf = (workload: Workload): readonly Variable[] => containersOf(workload).flatMap(({ env }) => env);

function matches({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) && matchExpressions.every(({ key, operator, values }) => operator === "In" && values.includes(labels[key] ?? ""));
}

/** What a Service, a PodDisruptionBudget or a NetworkPolicy is about. */
function selected(manifest: Manifest, workloads: readonly Workload[]): readonly Workload[] {
  const { kind, spec } = manifest;
  const selector = kind === "Service" ? { matchLabels: spec.selector as Labels } : (spec.podSelector ?? spec.selector ?? {});
  return workloads.filter((each) => matches(selector, labelsOf(each)));
}

function selectors(all: readonly Manifest[], workloads: readonly Workload[]): string[] {
  const found: string[] = [];
  for (const each of workloads) {
    const { selector, template, serviceName } = each.spec;
    const own = workloads.filter((other) => matches(selector, labelsOf(other)));
    if (!own.includes(each)) found.push(`${called(each)}: its selector does not match its template's labels`);
    for (const other of own) if (other !== each) found.push(`${called(each)}: its selector matches the pods of ${called(other)}`);
    for (const { labelSelector } of template.spec.topologySpreadConstraints ?? []) {
      if (!matches(labelSelector, labelsOf(each))) found.push(`${called(each)}: it spreads other pods than its own`);
    }
    const headless = all.some((other) => other.kind === "Service" && other.metadata.name === serviceName && other.spec.clusterIP === "None");
    if (each.kind === "StatefulSet" && !headless) found.push(`${called(each)}: there is no headless Service ${serviceName}`);
    const budgets = all.filter((other) => other.kind === "PodDisruptionBudget" && selected(other, [each]).length > 0);
    if (budgets.length !== 1) found.push(`${called(each)}: it has ${budgets.length} PodDisruptionBudgets`);
  }
  for (const each of all.filter(({ kind }) => ["Service", "PodDisruptionBudget", "NetworkPolicy"].includes(kind))) {
    const about = selected(each, workloads);
    if (about.length === 0) found.push(`${called(each)}: it selects nothing`);
    for (const port of [...(each.spec.ports ?? []).map(({ targetPort }) => targetPort), ...(each.spec.ingress ?? []).flatMap(({ ports }) => ports.map(({ port }) => port))]) {
      for (const pods of about) if (portOf(pods, port) === undefined) found.push(`${called(each)}: ${called(pods)} has no port ${port}`);
    }
    for (const { podSelector, namespaceSelector } of (each.spec.ingress ?? []).flatMap(({ from = [] }) => from)) {
      if (namespaceSelector === undefined && !workloads.some((pods) => matches(podSelector ?? {}, labelsOf(pods)))) found.push(`${called(each)}: it lets nobody in by ${JSON.stringify(podSelector)}`);
    }
  }
  return found;
}

const portOf = (workload: Workload, name: string): number | undefined => containersOf(workload).flatMap(({ ports }) => ports).find((port) => port.name === name)?.containerPort;

function hardening(workload: Workload): string[] {
  const { securityContext: pod, automountServiceAccountToken } = workload.spec.template.spec;
  const asked: [boolean, string][] = [
    [pod.runAsNonRoot === true && (pod.runAsUser ?? 0) > 0, "may run as root"],
    [pod.seccompProfile?.type === "RuntimeDefault", "has no seccomp profile"],
    [automountServiceAccountToken === false, "is given a token of the cluster"],
  ];
  for (const { name, securityContext: own, resources, volumeMounts, readinessProbe, livenessProbe } of containersOf(workload)) {
    asked.push(
      [own.readOnlyRootFilesystem === true, `${name} may write to its root`],
      [own.allowPrivilegeEscalation === false, `${name} may gain privileges`],
      [own.capabilities?.drop?.includes("ALL") === true, `${name} keeps capabilities`],
      [volumeMounts.some(({ mountPath }) => mountPath === "/tmp"), `${name} has no /tmp`],
      [resources.requests?.["cpu"] !== undefined && resources.requests["memory"] !== undefined && resources.limits?.["memory"] !== undefined, `${name} has no resources`],
      [readinessProbe !== undefined && livenessProbe !== undefined, `${name} has no probes`],
    );
  }
  return asked.filter(([holds]) => !holds).map(([, fault]) => `${called(workload)}: ${fault}`);
}

/** How long a hook takes at most, s: what it sleeps, and what `timeout` gives each command. */
function lasts({ sleep, exec }: Handler): number {
  if (sleep !== undefined) return sleep.seconds;
  const script = exec?.command.at(-1) ?? "";
  const steps = script.split(";").map((step) => Number(/^\s*(?:timeout|sleep) (\d+)\b/.exec(step)?.[1] ?? Infinity));
  return steps.reduce((sum, seconds) => sum + seconds, 0);
}

function timing(workload: Workload): string[] {
  const grace = workload.spec.template.spec.terminationGracePeriodSeconds;
  return containersOf(workload).flatMap(({ name, lifecycle }) => {
    const needed = lasts(lifecycle.preStop) + STOP_SECONDS;
    return needed > grace ? [`${called(workload)}: ${name} may take ${needed} s to stop, and is given ${grace}`] : [];
  });
}

/** `$(NAME)` in arguments and values, and names of ports. */
function references(workload: Workload): string[] {
  const found: string[] = [];
  for (const container of containersOf(workload)) {
    const { name, args = [], env, ports, startupProbe, readinessProbe, livenessProbe } = container;
    const known = new Set<string>();
    const look = (text: string): void => {
      for (const [, variable] of text.matchAll(/\$\((\w+)\)/g)) if (!known.has(variable!)) found.push(`${called(workload)}: ${name} has no variable ${variable} for '${text}'`);
    };
    for (const variable of env) {
      look(variable.value ?? "");
      known.add(variable.name);
    }
    for (const arg of args) look(arg);
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      const port = probe?.httpGet?.port;
      if (port !== undefined && !ports.some((one) => one.name === port)) found.push(`${called(workload)}: ${name} has no port ${port} to be probed at`);
    }
  }
  return found;
}

/** Volumes, their secrets, and the files that variables name. */
function mounted(workload: Workload, secrets: ReadonlySet<string>): string[] {
  const { volumes } = workload.spec.template.spec;
  const found: string[] = [];
  const items = volumes.flatMap(({ name, projected }) => (projected?.sources ?? []).flatMap(({ secret }) => secret.items.map((item) => ({ ...item, volume: name, secret: secret.name }))));
  for (const { secret, key } of items) if (!secrets.has(`${secret}/${key}`)) found.push(`${called(workload)}: nobody makes the secret ${secret}/${key}`);
  for (const { name, env, volumeMounts } of containersOf(workload)) {
    for (const mount of volumeMounts) if (!volumes.some((volume) => volume.name === mount.name)) found.push(`${called(workload)}: ${name} mounts ${mount.name}, which is no volume`);
    const paths = volumeMounts.flatMap((mount) => items.filter(({ volume }) => volume === mount.name).map(({ path }) => `${mount.mountPath}/${path}`));
    const named = env.filter((variable) => variable.name.endsWith("_FILE")).map(({ value }) => value ?? "");
    for (const path of named) if (!paths.includes(path)) found.push(`${called(workload)}: ${name} finds no file ${path}`);
    for (const path of paths) if (!named.includes(path)) found.push(`${called(workload)}: ${name} is given ${path}, which it does not read`);
  }
  return found;
}

interface Place {
  /** of the variable */
  readonly name: string;
  /** undefined where the Service may choose */
  readonly pod: string | undefined;
  /** the Service's name */
  readonly host: string;
  readonly port: string;
  readonly value: string;
}

/** What a variable names inside: `[http://][pod.]service:port`, several with commas. */
function placesIn({ name, value: list = "" }: Variable): Place[] {
  return list.split(",").flatMap((value) => {
    const [, pod, host, port] = /^(?:http:\/\/)?(?:([a-z][a-z-]*-\d+)\.)?([a-z][a-z0-9-]*):(\d+)$/.exec(value) ?? [];
    return host === undefined || port === undefined ? [] : [{ name, pod, host, port, value }];
  });
}

/** The pods of a StatefulSet that have names by its headless Service. */
function podsOf({ kind, metadata, spec }: Workload, service: string): string[] {
  return kind === "StatefulSet" && spec.serviceName === service ? Array.from({ length: spec.replicas ?? 1 }, (_, n) => `${metadata.name}-${n}`) : [];
}

/** A variable that names pods of a StatefulSet names all of them. */
function leftOut(asking: Workload, workloads: readonly Workload[]): string[] {
  return variablesOf(asking).flatMap((variable) => {
    const places = placesIn(variable).filter(({ pod }) => pod !== undefined);
    const pods = workloads.flatMap((asked) => podsOf(asked, places[0]?.host ?? ""));
    return pods.filter((pod) => !places.some((place) => place.pod === pod)).map((pod) => `${called(asking)}: ${variable.name} leaves out ${pod}`);
  });
}

/** Who asks whom by a Service's name, or a pod's: there is one, with that port, and its NetworkPolicy lets them. What has a zone is in it, and asks there. */
function traffic(all: readonly Manifest[], workloads: readonly Workload[]): string[] {
  const found: string[] = [];
  for (const asking of workloads) {
    const zone = labelsOf(asking)["ringway/zone"];
    if (zone !== undefined && asking.spec.template.spec.nodeSelector?.["topology.kubernetes.io/zone"] !== `zone-${zone}`) found.push(`${called(asking)}: it is not kept in its zone`);
    for (const { name, pod, host, port, value } of variablesOf(asking).flatMap(placesIn)) {
      const service = all.find((one) => one.kind === "Service" && one.metadata.name === host);
      const target = service?.spec.ports?.find((one) => one.port === Number(port))?.targetPort;
      if (service === undefined || target === undefined) {
        found.push(`${called(asking)}: there is no Service for ${name}, ${value}`);
        continue;
      }
      for (const asked of selected(service, workloads)) {
        if (pod !== undefined && !podsOf(asked, host).includes(pod)) found.push(`${called(asking)}: ${called(asked)} has no pod ${pod} for ${name}`);
        const there = labelsOf(asked)["ringway/zone"];
        if (name === "RINGWAY_MESH_URL" && zone !== undefined && there !== zone) found.push(`${called(asking)}: ${value} leads to ${called(asked)}, in another zone`);
        if (!isLetIn(all, asking, asked, target)) found.push(`${called(asking)}: no NetworkPolicy lets it ask ${called(asked)} for ${name}`);
      }
    }
  }
  return found;
}

function isLetIn(all: readonly Manifest[], asking: Workload, asked: Workload, port: string): boolean {
  const rules = all.filter((one) => one.kind === "NetworkPolicy" && selected(one, [asked]).length > 0).flatMap(({ spec }) => spec.ingress ?? []);
  return rules.some(({ ports, from }) => ports.some((one) => one.port === port) && (from === undefined || from.some(({ podSelector, namespaceSelector }) => namespaceSelector === undefined && matches(podSelector ?? {}, labelsOf(asking)))));
}
