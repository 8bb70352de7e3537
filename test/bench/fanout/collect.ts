/** Loaded before a Node server (`--import`): collects garbage on SIGUSR2, so that memory is that of what is held. Needs `--expose-gc`. */
process.on("SIGUSR2", () => globalThis.gc?.());
