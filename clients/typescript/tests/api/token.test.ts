import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cachedToken,
  changePassword,
  createTasksClient,
  createTask,
  isProblem,
  listTasks,
  NetworkError,
  ProblemError,
} from "tasks-client";

import { API_URL, clientOf, mint, newUser, startClient } from "./kit/api.ts";

test("concurrent requests get one token", async () => {
  const token = mint(await newUser());
  let calls = 0;
  const client = createTasksClient({ baseUrl: API_URL, token: () => (calls++, Promise.resolve(token)) });
  await Promise.all([listTasks({ client }), listTasks({ client }), listTasks({ client })]);
  await listTasks({ client });
  assert.equal(calls, 1);
});

test("an expired token is refreshed once for all requests", async (t) => {
  const user = await newUser();
  // The API refuses the first one. Its `exp` is over, so that the cache cannot know when to refresh it.
  const tokens = [mint(user, -60), mint(user)];
  let calls = 0;
  const env = await startClient(t, { token: () => tokens[calls++] });
  const { client, proxy } = env;
  await Promise.all([1, 2, 3].map((number) => createTask({ client, body: { title: `Task ${number}` } })));
  assert.equal(calls, 2);
  assert.equal(((await listTasks({ client: clientOf(user) })) as unknown[]).length, 3);
  // A request that is sent again after the refresh keeps its key.
  assert.equal(new Set(proxy.seen.map((seen) => seen.headers["idempotency-key"])).size, 3);
});

test("a token is refreshed before it expires", async () => {
  const user = await newUser();
  const lifetimes = [60, 3600];
  let calls = 0;
  // Of 60 seconds, 59.9 are the margin, but half of them are used.
  const token = cachedToken(() => mint(user, lifetimes[calls++]), { margin: 59_900 });
  const [first] = [await token(), await token()];
  assert.equal(calls, 1);
  const now = Date.now;
  try {
    Date.now = () => now() + 31_000;
    assert.notEqual(await token(), first);
    assert.equal(calls, 2);
    await token();
    assert.equal(calls, 2);
  } finally {
    Date.now = now;
  }
});

test("a token that is refused twice is an error", async (t) => {
  const user = await newUser();
  let calls = 0;
  const env = await startClient(t, { token: () => (calls++, mint(user, -60)) });
  await assert.rejects(listTasks({ client: env.client }), (error) => isProblem(error, "unauthenticated"));
  assert.equal(env.proxy.seen.length, 2);
  assert.equal(calls, 2);
});

test("the same refused token is not sent again", async (t) => {
  const env = await startClient(t, { token: () => "not a token of anybody" });
  await assert.rejects(listTasks({ client: env.client }), (error) => isProblem(error, "unauthenticated"));
  assert.equal(env.proxy.seen.length, 1);
});

test("the result of Better Auth's client is understood", async () => {
  const token = mint(await newUser());
  assert.equal(await cachedToken(() => ({ data: { token }, error: null }))(), token);
  assert.equal(await cachedToken(() => ({ data: null, error: { status: 401 } }))(), undefined);
  await assert.rejects(cachedToken(() => ({ data: null, error: { status: 500 } }))(), NetworkError);
});

test("a failed refresh is tried again", async () => {
  const token = mint(await newUser());
  let calls = 0;
  const cache = cachedToken(() => (calls++ ? token : Promise.reject(new Error("no network"))));
  await assert.rejects(cache(), /no network/);
  assert.equal(await cache(), token);
});

test("a request waits for a token that fails at first", async (t) => {
  const token = mint(await newUser());
  let calls = 0;
  const getToken = () => (calls++ ? token : Promise.reject(new TypeError("Failed to fetch")));
  const env = await startClient(t, { token: getToken });
  // It has no key, but the API has not seen the first attempt. Its users sign in elsewhere.
  const body = { current_password: "correct horse", new_password: "battery staple" };
  await assert.rejects(changePassword({ client: env.client, body }), ProblemError);
  assert.equal(env.proxy.seen.length, 1);
});

test("the limit holds for the token, too", async (t) => {
  const env = await startClient(t, { token: () => new Promise(() => {}), retry: { limit: 50 } });
  await assert.rejects(listTasks({ client: env.client }), NetworkError);
});

test("after sign-in the token is that of the new user", async () => {
  let user = await newUser();
  const token = cachedToken(() => mint(user));
  const client = createTasksClient({ baseUrl: API_URL, token });
  await createTask({ client, body: { title: "Of the first user" } });
  user = await newUser();
  token.clear();
  assert.deepEqual(await listTasks({ client }), []);
});
