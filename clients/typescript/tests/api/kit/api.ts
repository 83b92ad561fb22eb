/** The API that the tests use, and its users. */
import { execFile } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import postgres from "postgres";
import { createTasksClient, type TasksClient, type TasksClientOptions } from "tasks-client";

import { type Proxy, startProxy } from "./proxy.ts";

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run \`cargo test -p dev --test typescript_client\``);
  return value;
}

/** The address of the API. */
export const API_URL = setting("API_URL");

/** Short waits, so that tests end soon. */
export const RETRY = { baseDelay: 20, maxDelay: 100 };

/** Stores a new user, and returns the id. */
export async function newUser(): Promise<string> {
  const id = `user-${randomUUID()}`;
  const sql = postgres(setting("DATABASE_URL"), { max: 1 });
  await sql.unsafe(setting("NEW_USER"), [id]);
  await sql.end();
  return id;
}

/** A token of a user that expires in so many seconds, which may be over. */
export function mint(user: string, lifetime = 3600): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: user, iat: Math.min(now, now + lifetime - 1), exp: now + lifetime, jti: randomUUID() };
  const message = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${message}.${createHmac("sha256", setting("SECRET")).update(message).digest("base64url")}`;
}

/** A client behind a proxy, of a new user. */
export interface TestClient {
  client: TasksClient;
  proxy: Proxy;
  user: string;
}

/** Starts one that ends with the test. */
export async function startClient(t: TestContext, options: Partial<TasksClientOptions> = {}): Promise<TestClient> {
  const user = await newUser();
  const proxy = await startProxy(API_URL);
  t.after(() => proxy.close());
  const token = mint(user);
  const client = createTasksClient({ baseUrl: proxy.url, token: () => token, retry: RETRY, ...options });
  return { client, proxy, user };
}

/** A client of a user without a proxy: another device. */
export function clientOf(user: string): TasksClient {
  return createTasksClient({ baseUrl: API_URL, token: () => mint(user), retry: RETRY });
}

/** Makes all tokens of changes invalid, as after a restore of the database. */
export async function startNewEpoch(): Promise<void> {
  await promisify(execFile)(setting("MIGRATE"), ["new-epoch"], { env: { DATABASE_URL: setting("DATABASE_URL") } });
}
