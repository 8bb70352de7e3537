/** A channel server as `ringway channel` starts it. Arguments: registry's URL, lmdb's folder. */
import { readConfig } from "../../../services/channel/config.ts";
import { start } from "../../../services/channel/server.ts";
import { DEV_KEY } from "../../../services/ring/key.ts";
import { createLog } from "../../../services/runtime/log.ts";
import { answerMeasures } from "./memory.ts";

const [registry, folder] = process.argv.slice(2) as [string, string];
const config = readConfig(["--id", "cs-0", "--listen", "127.0.0.1:0", "--registry-url", registry, "--ring-key", DEV_KEY, "--data", folder]);
const { address } = await start(config, createLog("bench", "channel", "error"));
answerMeasures();
process.send!(address);
