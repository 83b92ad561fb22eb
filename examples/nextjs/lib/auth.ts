// Better Auth on the server. It shares the database with the API, which reads the public keys of the plugin jwt there.

import { betterAuth } from "better-auth";
import { jwt } from "better-auth/plugins";
import { Pool } from "pg";
import { required } from "./settings";

function createAuth() {
  return betterAuth({
    baseURL: required("BETTER_AUTH_URL"),
    secret: required("BETTER_AUTH_SECRET"),
    database: new Pool({ connectionString: required("DATABASE_URL") }),
    emailAndPassword: { enabled: true },
    plugins: [jwt()],
    telemetry: { enabled: false },
  });
}

let created: ReturnType<typeof createAuth> | undefined;

/** Better Auth, created at the first use: `next build` imports this module without the settings. */
export function auth() {
  return (created ??= createAuth());
}
