import { openMemoryLog } from "../../services/store/memory-log.ts";
import { logContract } from "./log.ts";

logContract("memory", openMemoryLog);
