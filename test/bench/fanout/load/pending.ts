/** A promise that is settled from outside. Nobody need wait for it yet when it rejects: who opens a socket hears of its end in two ways. */
export function pending(): PromiseWithResolvers<void> {
  const resolvers = Promise.withResolvers<void>();
  resolvers.promise.catch(() => {});
  return resolvers;
}
