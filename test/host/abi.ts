/** The constants of ABI 0.2.1 that the emulated host uses. */
export const Status = {
  ok: 0, notFound: 1, badArgument: 2, parseFailure: 4, invalidMemoryAccess: 6, empty: 7, casMismatch: 8, internalFailure: 10, unimplemented: 12,
} as const;

export const MapType = {
  requestHeaders: 0, requestTrailers: 1, responseHeaders: 2, responseTrailers: 3,
  grpcInitialMetadata: 4, grpcTrailingMetadata: 5, callResponseHeaders: 6, callResponseTrailers: 7,
} as const;

export const BufferType = {
  requestBody: 0, responseBody: 1, downstreamData: 2, upstreamData: 3, callResponseBody: 4,
  grpcMessage: 5, vmConfiguration: 6, pluginConfiguration: 7, foreignArguments: 8,
} as const;

export const StreamType = { request: 0, response: 1, downstream: 2, upstream: 3 } as const;

export const PeerType = { unknown: 0, local: 1, remote: 2 } as const;

/** An import of the module; its arguments are numbers, or bigints where the ABI has 64 bits. */
export type HostCall = (...args: never[]) => number;
export type HostCalls = Record<string, HostCall>;
