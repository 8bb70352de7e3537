/** Entry of filter.wasm: says what the plugin is, and exports the callbacks it uses and no others. */
import { register, RootContext } from "proxy-wasm-as";
import { Plugin } from "./plugin";

export {
  proxy_abi_version_0_2_1,
  proxy_on_configure,
  proxy_on_context_create,
  proxy_on_delete,
  proxy_on_http_call_response,
  proxy_on_memory_allocate,
  proxy_on_request_headers,
  proxy_on_tick,
} from "proxy-wasm-as";

register((id: u32): RootContext => new Plugin(id));
