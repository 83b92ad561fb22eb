// The real Better Auth on the loopback interface, for development and for end-to-end tests. Never deployed.
//
// It creates the tables of Better Auth if they are missing. Our tables reference its table of users, so in a new database
// this program must run before `migrate`.
//
// Environment variables. They are required unless they have a default or are marked as optional:
//
//   DATABASE_URL               the database of the API
//   BETTER_AUTH_SECRET         signs session tokens and the tokens of /api/token, and encrypts the private keys
//   PORT                       0 stands for a free port, which the line on stdout names
//   BETTER_AUTH_URL            default http://127.0.0.1:<port>; its origin is issuer and audience of the tokens
//   CORS_ORIGINS               optional, comma-separated: the origins that may send requests from a browser
//   BETTER_AUTH_VERSION        default 1.7; or 1.3, 1.4
//   BASE_PATH                  default /api/auth: where Better Auth is mounted
//   ADAPTER                    default kysely, the built-in one, with names in camelCase; or drizzle, in snake_case
//   AUTH_SCHEMA                optional: the schema of the tables, which is created if it is missing
//   USE_PLURAL                 optional, 1: the tables are users, sessions, jwkss; only with ADAPTER=drizzle
//   SECONDARY_STORAGE          optional: sessions are in the memory of this process, as if in Redis: only there, or also
//                              in the database (storeSessionInDatabase)
//   JWKS_PATH                  default /jwks, below BASE_PATH; not with 1.3
//   JWT_ALG                    default EdDSA; or ES256, ES512, PS256, RS256. No effect if there is a key already
//   JWT_EXPIRATION             default 15m; a duration such as 5s or 1h
//   ROTATION_INTERVAL_SECONDS  optional: how long a key is used for signing before a new one is made
//   ID_FORMAT                  default text; or uuid, or serial: the type of ids. uuid not with 1.3
//   USER_TABLE                 optional: the name of the table of users, whose columns are then in snake_case; only
//                              with ADAPTER=kysely
//   COOKIE_CACHE               optional, jwt: the session is also in a cookie, as a JWT signed with the secret
//   SESSIONS_ONLY              optional, 1: without the plugin jwt, so without /api/auth/token
//   SIGN_IN_WINDOW             optional: the seconds in which three sign-ins are allowed; ten in production
//   UNTIL_STDIN_CLOSES         optional, 1: exit when stdin ends, so also when the process that writes to it ends

import { once } from "node:events";
import { createServer } from "node:http";
import { SignJWT } from "jose";
import pg from "pg";
import { createDrizzle } from "./drizzle.mjs";

if (process.env.UNTIL_STDIN_CLOSES === "1") {
  // A pipe ends. A socket that is reset reports an error instead.
  process.stdin.on("end", stop).on("error", stop).resume();
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);

const secret = required("BETTER_AUTH_SECRET");
const corsOrigins = (process.env.CORS_ORIGINS ?? "").split(",").map((origin) => origin.trim()).filter(Boolean);

const version = oneOf("BETTER_AUTH_VERSION", ["1.3", "1.4", "1.7"]) ?? "1.7";
const { betterAuth, getMigrations, drizzleAdapter, fromNodeHeaders, toNodeHandler, bearer, jwt } =
  await importBetterAuth(version === "1.7" ? "better-auth" : `better-auth-${version.replace(".", "-")}`);

const basePath = process.env.BASE_PATH || "/api/auth";
const authSchema = process.env.AUTH_SCHEMA || "public";
const pool = new pg.Pool({ connectionString: required("DATABASE_URL"), options: `-c search_path=${authSchema}` });
// Without a listener, a restart of the database would end this process. The pool reconnects by itself.
pool.on("error", (error) => console.error(`an idle connection was lost: ${error.message}`));

// Listens before Better Auth is started, because its base URL contains the port. Early requests wait.
const server = createServer(async (request, response) => {
  try {
    await respond(await ready, request, response);
  } catch (error) {
    console.error(error);
    if (!response.headersSent) sendJson(response, 500, { error: "internal error" });
    else response.destroy();
  }
});
server.listen(Number(required("PORT")), "127.0.0.1");
const ready = once(server, "listening").then(start);
await ready.catch((error) => refuse(`cannot start: ${error.message || error.code}`));
console.log(JSON.stringify({ url: process.env.BASE_PATH ? ownUrl() + basePath : ownUrl() }));

async function importBetterAuth(packageName) {
  // 1.7 has the migrations in a module of their own.
  const modules = ["", "/db", "/adapters/drizzle", "/node", "/plugins", ...(version === "1.7" ? ["/db/migration"] : [])];
  return Object.assign({}, ...(await Promise.all(modules.map((module) => import(packageName + module)))));
}

async function start() {
  await pool.query(`create schema if not exists "${authSchema}"`);
  const options = authOptions(process.env.BETTER_AUTH_URL || ownUrl());
  if (oneOf("ADAPTER", ["kysely", "drizzle"]) === "drizzle") {
    const usePlural = oneOf("USE_PLURAL", ["1"]) === "1";
    const form = [version, usePlural && "plural", process.env.ID_FORMAT].filter(Boolean).join("-");
    const { database, schema } = await createDrizzle(pool, form);
    return betterAuth({ ...options, database: drizzleAdapter(database, { provider: "pg", schema, usePlural }) });
  }
  const { runMigrations } = await getMigrations(options);
  await runMigrations();
  return betterAuth(options);
}

function authOptions(baseURL) {
  const alg = oneOf("JWT_ALG", ["EdDSA", "ES256", "ES512", "PS256", "RS256"]);
  const cookieCache = oneOf("COOKIE_CACHE", ["jwt"]);
  const userTable = process.env.USER_TABLE;
  const sessionsOnly = oneOf("SESSIONS_ONLY", ["1"]);
  const rotation = process.env.ROTATION_INTERVAL_SECONDS;
  const signInWindow = process.env.SIGN_IN_WINDOW;
  const jwksPath = process.env.JWKS_PATH;
  const secondaryStorage = oneOf("SECONDARY_STORAGE", ["only", "also"]);

  return {
    baseURL,
    basePath,
    secret,
    database: pool,
    ...(secondaryStorage && { secondaryStorage: memoryStorage() }),
    trustedOrigins: corsOrigins,
    emailAndPassword: { enabled: true },
    user: {
      deleteUser: { enabled: true },
      ...(userTable && {
        modelName: userTable,
        fields: { emailVerified: "email_verified", createdAt: "created_at", updatedAt: "updated_at" },
      }),
    },
    session: {
      ...(cookieCache && { cookieCache: { enabled: true, strategy: cookieCache } }),
      storeSessionInDatabase: secondaryStorage === "also",
    },
    advanced: { database: idOptions() },
    plugins: [
      ...(sessionsOnly ? [] : [jwt({
        jwks: {
          ...(alg && { keyPairConfig: { alg } }),
          ...(rotation && { rotationInterval: Number(rotation) }),
          ...(jwksPath && { jwksPath }),
        },
        jwt: { expirationTime: process.env.JWT_EXPIRATION || "15m" },
      })]),
      bearer(),
    ],
    // All clients in a test have the same address, and would share one limit.
    rateLimit: {
      enabled: Boolean(signInWindow),
      customRules: { "/sign-in/*": { window: Number(signInWindow), max: 3 } },
    },
    telemetry: { enabled: false },
  };
}

function idOptions() {
  const idFormat = oneOf("ID_FORMAT", ["text", "uuid", "serial"]);
  if (!idFormat || idFormat === "text") return {};
  return idFormat === "serial" && version === "1.3" ? { useNumberId: true } : { generateId: idFormat };
}

/** Stands for Redis. */
function memoryStorage() {
  const values = new Map();
  return {
    get: (key) => values.get(key) ?? null,
    set: (key, value) => void values.set(key, value),
    delete: (key) => void values.delete(key),
  };
}

async function respond(auth, request, response) {
  if (allowOrigin(request, response)) return response.writeHead(204).end();

  const [path] = request.url.split("?");
  if (path.startsWith(`${basePath}/`)) return toNodeHandler(auth)(request, response);
  if (path === "/api/token" && request.method === "GET") return issueToken(auth, request, response);
  return sendJson(response, 404, { error: "no such route" });
}

/** Sets the CORS headers, which Better Auth does not do. Returns whether this is a preflight request. */
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

/** `GET /api/token`: the token route that many applications have instead of the plugin `jwt`. */
async function issueToken(auth, request, response) {
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

/** The value of an optional variable. A mistyped value is an error, so that a test does not test the default. */
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
  // No clean-up is needed: clients see a closed connection, and PostgreSQL rolls back open transactions.
  process.exit(0);
}
