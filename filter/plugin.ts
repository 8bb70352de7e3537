/** The plugin: its configuration, its feed, and its router. */
import {
  Action, BufferType, Bytes, getBuffer, getProperty, log, LogLevel, requestCollect, result, resultLen, RootContext,
  setTickPeriod, Status,
} from "proxy-wasm-as";
import { Config, parseConfig } from "./config";
import { Feed } from "./feed";
import { defineMetrics, flush } from "./metrics";
import { routeRequest } from "./route";

const ENVOY_ZONE = Bytes.of("xds\0node\0locality\0zone");

export class Plugin extends RootContext {
  private config: Config | null = null;
  private feed: Feed | null = null;
  private zone: Bytes = Bytes.of("");

  onConfigure(configurationSize: u32): bool {
    requestCollect();
    if (getBuffer(BufferType.PluginConfiguration, 0, configurationSize) != Status.Ok) {
      log(LogLevel.Error, "plugin configuration: missing");
      return false;
    }
    const config = parseConfig(result(), resultLen());
    if (config.error != "") {
      log(LogLevel.Error, "plugin configuration: " + config.error);
      return false;
    }
    defineMetrics();
    this.config = config;
    this.zone = zoneOf(config);
    this.feed = new Feed(config);
    this.feed!.sync(); // a VM that starts late, or again, has a ring at once
    setTickPeriod(config.tickMs);
    return true;
  }

  onTick(): void {
    const feed = this.feed;
    if (feed != null) feed.tick();
    flush();
  }

  onHttpCallResponse(callId: u32, headers: u32, bodySize: u32): void {
    const feed = this.feed;
    if (feed != null) feed.onResponse(callId, headers, bodySize);
    flush();
  }

  onRequestHeaders(streamId: u32, headers: u32, endOfStream: bool): Action {
    const config = this.config;
    const feed = this.feed;
    if (config == null || feed == null) return Action.Continue;
    return routeRequest(config, feed.topology, this.zone);
  }
}

function zoneOf(config: Config): Bytes {
  const configured = config.zone;
  if (configured != null) return Bytes.of(configured);
  return getProperty(ENVOY_ZONE) == Status.Ok ? Bytes.copy(result(), resultLen()) : Bytes.of("");
}
