// The server of one front end. As the server of a Next.js application does, it answers for Better Auth at the origin of
// the page. The API is at another origin.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".mjs": "text/javascript" };

/** Serves the front end in the folder `name` on `port` of this machine. */
export async function serve(name, { port, apiUrl, authUrl }) {
  const folders = {
    "/app/": `./${name}/`,
    "/parts/": "./parts/",
    "/packages/": "./node_modules/",
    "/better-auth/": "../../better-auth/node_modules/",
  };
  const server = createServer(async (incoming, response) => {
    const { pathname } = new URL(incoming.url, "http://localhost");
    if (pathname.startsWith("/api/")) return forward(incoming, response, authUrl);
    if (pathname === "/parts/env.mjs") {
      return send(response, ".mjs", `export const API_URL = ${JSON.stringify(apiUrl)};`);
    }
    const prefix = Object.keys(folders).find((prefix) => pathname.startsWith(prefix));
    const path = prefix ? folders[prefix] + pathname.slice(prefix.length) : "./parts/index.html";
    try {
      send(response, extname(path), await readFile(fileURLToPath(new URL(path, import.meta.url))));
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function send(response, extension, body) {
  response.writeHead(200, { "content-type": TYPES[extension], "cache-control": "max-age=600" }).end(body);
}

/** Sends a request on to Better Auth, with all headers, and its response back. */
function forward(incoming, response, authUrl) {
  const { method, headers, url } = incoming;
  const outgoing = request(new URL(url, authUrl), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  outgoing.on("error", () => response.destroy());
  incoming.pipe(outgoing);
}
