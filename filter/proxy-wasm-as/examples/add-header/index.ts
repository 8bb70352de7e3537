/**
 * Adds a header to every response: the configuration is its value. Remembers nothing, so a stream costs one call.
 * In a project of your own import from "proxy-wasm-as".
 */
import {
  Action, BufferType, Bytes, getBuffer, MapType, register, replaceHeader, result, resultLen, RootContext, Status,
} from "../../index";

export {
  proxy_abi_version_0_2_1, proxy_on_configure, proxy_on_context_create, proxy_on_delete, proxy_on_memory_allocate,
  proxy_on_response_headers,
} from "../../index";

const NAME = Bytes.of("x-served-by");

class AddHeader extends RootContext {
  private value: Bytes = Bytes.of("");

  onConfigure(configurationSize: u32): bool {
    if (getBuffer(BufferType.PluginConfiguration, 0, configurationSize) != Status.Ok) return false;
    this.value = Bytes.copy(result(), resultLen());
    return this.value.len > 0;
  }

  onResponseHeaders(streamId: u32, headers: u32, endOfStream: bool): Action {
    replaceHeader(MapType.HttpResponseHeaders, NAME, this.value.ptr, this.value.len);
    return Action.Continue;
  }
}

register((id: u32): RootContext => new AddHeader(id));
