/** The filter's fuzz targets. Each runs a number of cases from a seed, and throws with the least case that fails. */
import { configurations } from "./configurations.ts";
import { documents, sealedDocuments } from "./documents.ts";
import { headerMaps, requests } from "./requests.ts";
import type { Run } from "./run.ts";

export interface Target {
  readonly name: string;
  /** Cases that take about half a second. */
  readonly runs: number;
  readonly run: (run: Run) => void;
}

export const targets: readonly Target[] = [
  { name: "requests get the documented answer, the right hosts and no forged header", runs: 2_000, run: requests },
  { name: "header maps that no host should give do not trap", runs: 5_000, run: headerMaps },
  { name: "unsound topology documents are counted and dropped", runs: 600, run: documents },
  { name: "a sound seal over anything leads to no host outside the document", runs: 100, run: sealedDocuments },
  { name: "configurations are taken whole or refused by a field's path", runs: 1_000, run: configurations },
];
