// The real Better Auth on loopback, for development and for tests from end to end. Never deployed.
//
// It creates the tables of Better Auth where they are missing. Ours reference its table of users, so in a new database
// this program comes first and `migrate` second.
//
// Environment; what has no default and is not marked optional is required:
//
//   DATABASE_URL               for another schema than public: ?options=-c%20search_path%3Dneon_auth
//   BETTER_AUTH_SECRET         signs session tokens and the tokens of /api/token, encrypts the private keys
//   PORT                       0: any free one, see the line on stdout
//   BETTER_AUTH_URL            http://127.0.0.1:<port>; its origin is issuer and audience of the tokens
//   CORS_ORIGINS               optional, comma list: the origins that may call from a browser
//   JWT_ALG                    EdDSA, ES256, ES512, PS256 or RS256; EdDSA. Without effect where there is a key already
//   JWT_EXPIRATION             15m; a span such as 5s or 1h
//   ROTATION_INTERVAL_SECONDS  optional: how long a key signs before another one is made
//   ID_FORMAT                  optional, uuid: ids, and the columns that hold them, are of type uuid, not text
//   USER_TABLE                 optional: name of the table of users, whose columns are then snake_case
//   COOKIE_CACHE               optional, jwt: the session also in a cookie, as a JWT signed with the secret
//   SESSIONS_ONLY              optional, 1: without the plugin jwt, and so without /api/auth/token
//   SIGN_IN_WINDOW             optional: the seconds within which there are three sign-ins; ten in production
//   UNTIL_STDIN_CLOSES         optional, 1: exit with the process at the other end of stdin, however that one ends

import { once } from "node:events";
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { fromNodeHeaders, toNodeHandler } from "better-auth/node";
import { bearer, jwt } from "better-auth/plugins";
import { SignJWT } from "jose";
import pg from "pg";

if (process.env.UNTIL_STDIN_CLOSES === "1") {
  // A pipe ends; a socket that is reset has an error and no end.
  process.stdin.on("end", stop).on("error", stop).resume();
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);

const secret = required("BETTER_AUTH_SECRET");
const corsOrigins = (process.env.CORS_ORIGINS ?? "").split(",").map((origin) => origin.trim()).filter(Boolean);

const pool = new pg.Pool({ connectionString: required("DATABASE_URL") });
// Without a listener, a database that restarts would end this process; the pool connects again by itself.
pool.on("error", (error) => console.error(`an idle connection was lost: ${error.message}`));

// Listens before Better Auth exists, because its base URL needs the port. Who calls too early waits.
const server = createServer(async (request, response) => {
  try {
    await answer(await ready, request, response);
  } catch (error) {
    console.error(error);
    if (!response.headersSent) sendJson(response, 500, { error: "internal error" });
    else response.destroy();
  }
});
server.listen(Number(required("PORT")), "127.0.0.1");
const ready = once(server, "listening").then(start);
await ready.catch((error) => refuse(`cannot start: ${error.message || error.code}`));
console.log(JSON.stringify({ url: ownUrl() }));

async function start() {
  const options = authOptions(process.env.BETTER_AUTH_URL || ownUrl());
  const { runMigrations } = await getMigrations(options);
  await runMigrations();
  return betterAuth(options);
}

function authOptions(baseURL) {
  const alg = oneOf("JWT_ALG", ["EdDSA", "ES256", "ES512", "PS256", "RS256"]);
  const idFormat = oneOf("ID_FORMAT", ["uuid"]);
  const cookieCache = oneOf("COOKIE_CACHE", ["jwt"]);
  const userTable = process.env.USER_TABLE;
  const sessionsOnly = oneOf("SESSIONS_ONLY", ["1"]);
  const rotation = process.env.ROTATION_INTERVAL_SECONDS;
  const signInWindow = process.env.SIGN_IN_WINDOW;

  return {
    baseURL,
    secret,
    database: pool,
    trustedOrigins: corsOrigins,
    emailAndPassword: { enabled: true },
    user: {
      deleteUser: { enabled: true },
      ...(userTable && {
        modelName: userTable,
        fields: { emailVerified: "email_verified", createdAt: "created_at", updatedAt: "updated_at" },
      }),
    },
    ...(cookieCache && { session: { cookieCache: { enabled: true, strategy: cookieCache } } }),
    ...(idFormat && { advanced: { database: { generateId: idFormat } } }),
    plugins: [
      ...(sessionsOnly ? [] : [jwt({
        jwks: {
          ...(alg && { keyPairConfig: { alg } }),
          ...(rotation && { rotationInterval: Number(rotation) }),
        },
        jwt: { expirationTime: process.env.JWT_EXPIRATION || "15m" },
      })]),
      bearer(),
    ],
    // All callers of a test have one address, and would share one limit.
    rateLimit: {
      enabled: Boolean(signInWindow),
      customRules: { "/sign-in/*": { window: Number(signInWindow), max: 3 } },
    },
    telemetry: { enabled: false },
  };
}

async function answer(auth, request, response) {
  if (allowOrigin(request, response)) return response.writeHead(204).end();

  const [path] = request.url.split("?");
  if (path.startsWith("/api/auth/")) return toNodeHandler(auth)(request, response);
  if (path === "/api/token" && request.method === "GET") return ownToken(auth, request, response);
  return sendJson(response, 404, { error: "no such route" });
}

/** Sets the CORS headers, which Better Auth leaves to its host. Returns whether the request is a preflight. */
function allowOrigin(request, response) {
  const { origin, "access-control-request-method": method } = request.headers;
  response.setHeader("vary", "origin");
  if (corsOrigins.includes(origin)) {
    response.setHeader("access-control-allow-origin", origin);
    response.setHeader("access-control-allow-credentials", "true");
    response.setHeader("access-control-allow-methods", "GET, POST");
    response.setHeader("access-control-allow-headers", "authorization, content-type");
  }
  return request.method === "OPTIONS" && method !== undefined;
}

/** `GET /api/token`: the token route that many applications write themselves instead of using the plugin `jwt`. */
async function ownToken(auth, request, response) {
  const session = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) });
  if (!session) return sendJson(response, 401, { error: "not signed in" });

  const token = await new SignJWT()
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(session.user.id)
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(secret));
  return sendJson(response, 200, { token });
}

function sendJson(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function ownUrl() {
  return `http://127.0.0.1:${server.address().port}`;
}

function required(name) {
  return process.env[name] || refuse(`${name} is not set`);
}

/** The value of an optional variable. A typing error must not test the default under another name. */
function oneOf(name, values) {
  const value = process.env[name] || undefined;
  if (value && !values.includes(value)) refuse(`${name} is ${value}, which is none of: ${values.join(", ")}`);
  return value;
}

function refuse(reason) {
  console.error(reason);
  process.exit(1);
}

function stop() {
  // Nothing is worth waiting for: callers see a closed connection, and PostgreSQL rolls back what was not committed.
  process.exit(0);
}
