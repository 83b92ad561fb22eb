import assert from "node:assert/strict";
import { test } from "node:test";
import {
  changePassword,
  createTask,
  isProblem,
  listTasks,
  NetworkError,
  newKey,
  ProblemError,
  type Task,
} from "tasks-client";

import { clientOf, startClient, type TestClient } from "./kit/api.ts";
import type { Fault } from "./kit/proxy.ts";

const UNAVAILABLE: Fault = { kind: "respond", status: 503, headers: { "Retry-After": "0" } };

async function titles({ user }: TestClient): Promise<string[]> {
  return ((await listTasks({ client: clientOf(user) })) as Task[]).map((task) => task.title);
}

const FAULTS: Record<string, Fault[]> = {
  "a reset connection": [{ kind: "reset" }],
  "a response that is lost after the commit": [{ kind: "lose-response" }],
  "a response that ends in the middle": [{ kind: "cut-body" }],
  "the API being unavailable": [
    UNAVAILABLE,
    { kind: "respond", status: 503, body: '{"message":"Service Unavailable"}' },
  ],
  "a function that ended too early": [{ kind: "respond", status: 500, body: '{"message":"Internal Server Error"}' }],
  "too many requests": [{ kind: "respond", status: 429, headers: { "Retry-After": "0" } }],
  "an attempt that is still in progress": [{ kind: "respond", status: 409, headers: { "Retry-After": "0" } }],
  "one fault after the other": [{ kind: "lose-response" }, UNAVAILABLE, { kind: "reset" }, { kind: "cut-body" }],
};

for (const [name, faults] of Object.entries(FAULTS)) {
  test(`${name} makes no second task`, async (t) => {
    const env = await startClient(t);
    env.proxy.inject(faults);
    const task = await createTask({ client: env.client, body: { title: "Once" } });
    assert.equal(task.title, "Once");
    assert.ok(env.proxy.isDone());
    assert.deepEqual(await titles(env), ["Once"]);
    assert.equal(env.proxy.seen.length, faults.length + 1);
    assert.equal(new Set(env.proxy.seen.map((seen) => seen.headers["idempotency-key"])).size, 1);
  });
}

test("two intents have two keys", async (t) => {
  const env = await startClient(t);
  for (const title of ["Same", "Same"]) await createTask({ client: env.client, body: { title } });
  assert.deepEqual(await titles(env), ["Same", "Same"]);
});

test("a stored key makes one task after a reload", async (t) => {
  const env = await startClient(t, { retry: { limit: 0 } });
  const intent = { body: { title: "Kept" }, headers: { "Idempotency-Key": newKey() } };
  env.proxy.inject([{ kind: "lose-response" }]);
  await assert.rejects(createTask({ client: env.client, ...intent }), NetworkError);
  await createTask({ client: env.client, ...intent });
  assert.deepEqual(await titles(env), ["Kept"]);
});

test("Retry-After is waited for", async (t) => {
  const env = await startClient(t);
  env.proxy.inject([{ kind: "respond", status: 503, headers: { "Retry-After": "1" } }]);
  await listTasks({ client: env.client });
  const [first, second] = env.proxy.seen;
  // Timers of Node can be a millisecond early.
  assert.ok(second!.time - first!.time >= 999, `${second!.time - first!.time}`);
});

test("Retry-After beyond the limit ends the request", async (t) => {
  const env = await startClient(t);
  const date = new Date(Date.now() + 3_600_000).toUTCString();
  const problem = { type: "", title: "", status: 429, detail: "Later", code: "too_many_attempts", request_id: "1" };
  const headers = { "Retry-After": date, "Content-Type": "application/problem+json" };
  env.proxy.inject([{ kind: "respond", status: 429, headers, body: JSON.stringify(problem) }]);
  await assert.rejects(listTasks({ client: env.client }), (error) => {
    assert.ok(isProblem(error, "too_many_attempts"));
    assert.ok(error.retryAfter! > 3_500_000);
    return true;
  });
  assert.equal(env.proxy.seen.length, 1);
});

test("the limit ends a request without a response", async (t) => {
  const env = await startClient(t, { retry: { limit: 50 } });
  env.proxy.inject([{ kind: "hold" }]);
  await assert.rejects(listTasks({ client: env.client }), NetworkError);
});

test("a refused request is sent once", async (t) => {
  const env = await startClient(t);
  await assert.rejects(createTask({ client: env.client, body: { title: "" } }), ProblemError);
  assert.equal(env.proxy.seen.length, 1);
});

test("a write without a key is not sent again", async (t) => {
  const env = await startClient(t);
  env.proxy.inject([{ kind: "lose-response" }]);
  const body = { current_password: "correct horse", new_password: "battery staple" };
  await assert.rejects(changePassword({ client: env.client, body }), NetworkError);
  assert.equal(env.proxy.seen.length, 1);
  assert.equal(env.proxy.seen[0]!.headers["idempotency-key"], undefined);
});

for (const [name, retry] of Object.entries({ "a slow request": {}, "a request without retries": { limit: 0 } })) {
  test(`an abort ends ${name} with its reason`, async (t) => {
    const env = await startClient(t, { retry });
    env.proxy.inject([{ kind: "hold" }]);
    const controller = new AbortController();
    const reason = new Error("the page was left");
    const request = listTasks({ client: env.client, signal: controller.signal });
    await Promise.all([
      assert.rejects(request, (error) => error === reason),
      env.proxy.held().then(() => controller.abort(reason)),
    ]);
    assert.equal(env.proxy.seen.length, 1);
  });
}

// Without an end of its own, the wait would be longer than this test may be.
test("an abort ends the wait for another attempt", { timeout: 60_000 }, async (t) => {
  const controller = new AbortController();
  const env = await startClient(t, {
    retry: { limit: 600_000 },
    fetch: async (request) => {
      const response = await fetch(request);
      const body = await response.text();
      setImmediate(() => controller.abort());
      return new Response(body, response);
    },
  });
  env.proxy.inject([{ kind: "respond", status: 503, headers: { "Retry-After": "300" } }]);
  await assert.rejects(listTasks({ client: env.client, signal: controller.signal }), { name: "AbortError" });
  assert.equal(env.proxy.seen.length, 1);
});
