/** Official clients, unmodified, against the running plane. */
import { clientSuite } from "./clients/suite.ts";
import { goProgram, noGo, nodeProgram, pythonProgram } from "./clients/programs.ts";
import { people } from "./people.ts";
import { usePlane } from "./plane.ts";

// Each client sees a user go: it need not wait as long for that as people would want it.
const plane = usePlane({ env: { RINGWAY_PRESENCE_GRACE_MS: "1000" } });

clientSuite({ name: "@slack/rtm-api and @slack/web-api (Node)", program: nodeProgram, person: people.ada }, plane);
clientSuite({ name: "slack_sdk (Python)", program: pythonProgram, person: people.grace }, plane);

const missing = noGo();
if (missing !== undefined) process.stderr.write(`slack-go is not tested: ${missing}\n`);
clientSuite({ name: "slack-go (Go)", program: goProgram, person: people.robot, missing }, plane);
