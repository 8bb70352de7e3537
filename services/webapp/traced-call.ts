/** A call of the Web API as a span, where somebody collects them; what it asks of the mesh belongs to it. */
import type { IncomingHttpHeaders } from "node:http";
import { traceMarks, traceParent, type TraceMarks } from "../runtime/trace.ts";
import { within, type Tracer } from "../runtime/tracing.ts";
import { methods } from "./api/table.ts";
import type { ApiAnswer } from "./web-api.ts";

/** @param call is given what its log lines say of the request */
export async function tracedCall(tracer: Tracer | undefined, method: string, headers: IncomingHttpHeaders, call: (marks: () => TraceMarks) => Promise<ApiAnswer>): Promise<ApiAnswer> {
  if (tracer === undefined) {
    // Others may trace: theirs goes on through the mesh.
    const trace = traceParent(headers);
    const untraced = (): Promise<ApiAnswer> => call(() => traceMarks(headers));
    return trace === "" ? untraced() : within(trace, untraced);
  }
  // Names come from outside: those that there are.
  const span = tracer.begin(`api ${Object.hasOwn(methods, method) ? method : "unknown"}`, "server", traceParent(headers));
  try {
    const answer = await within(span.traceparent, () => call(() => traceMarks({ ...headers, traceparent: span.traceparent })));
    const { error } = answer.body as { error?: string };
    span.end({ "http.response.status_code": answer.status }, error);
    return answer;
  } catch (error) {
    span.end({}, (error as Error).name);
    throw error;
  }
}
