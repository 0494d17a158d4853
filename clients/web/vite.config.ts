import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

/** Which file answers which address; the server has the same table for the built pages. */
const PAGES: [RegExp, string][] = [
  [/^\/r\/[^/]+\/?$/, "/viewer.html"],
  [/^\/studio\/[^/]+\/?$/, "/studio.html"],
  [/^\/desk\/[^/]+\/?$/, "/desk.html"],
  [/^\/api\/docs\/?$/, "/docs.html"],
  [/^\/platform\/?$/, "/platform.html"],
  [/^\/verify\/?$/, "/verify.html"],
  [/^\/replay\/[^/]+\/?$/, "/replay.html"],
];

function pageAddresses(): Plugin {
  return {
    name: "page-addresses",
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        const path = (request.url ?? "").split(/[?#]/)[0] ?? "";
        const page = PAGES.find(([pattern]) => pattern.test(path));
        if (page) request.url = page[1];
        next();
      });
    },
  };
}

const backend = process.env.DANMART_BACKEND ?? "http://127.0.0.1:8080";
const proxy = Object.fromEntries(
  ["/api/v1", "/api/openapi.json", "/api/asyncapi.json", "/whip", "/whep", "/hls", "/pictures", "/media", "/recordings"].map(
    (path) => [path, { target: backend }],
  ),
);

export default defineConfig({
  plugins: [pageAddresses()],
  server: { proxy: { ...proxy, "/socket.io": { target: backend, ws: true } } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // a data: address would need a wider content security policy
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: Object.fromEntries(
        ["index", "viewer", "studio", "desk", "docs", "platform", "verify", "replay"].map((page) => [
          page,
          resolve(import.meta.dirname, `${page}.html`),
        ]),
      ),
    },
  },
});
