import assert from "node:assert/strict";
import { test } from "node:test";
import { createTask, getTask, isProblem, listTasks, ResponseError, type Task } from "tasks-client";

import { clientOf, newUser, startClient } from "./kit/api.ts";

test("a refused input names each member", async (t) => {
  const env = await startClient(t);
  const body = { title: " ", priority: "soon" };
  await assert.rejects(createTask({ client: env.client, body }), (error) => {
    assert.ok(isProblem(error, "validation_failed"));
    assert.equal(error.status, 422);
    assert.deepEqual(error.errors.map(({ pointer }) => pointer).sort(), ["/priority", "/title"]);
    assert.match(error.failure("/title") ?? "", /title/);
    assert.equal(error.failure("/due_date"), undefined);
    assert.equal(error.message, error.detail);
    assert.ok(error.requestId.length > 0);
    return true;
  });
});

test("another user's task is not found", async (t) => {
  const env = await startClient(t);
  const task = await createTask({ client: env.client, body: { title: "Mine" } });
  const request = getTask({ client: clientOf(await newUser()), path: { id: task.id } });
  await assert.rejects(request, (error) => isProblem(error, "task_not_found") && !isProblem(error, "conflict"));
});

test("a reused key names the task that it made", async (t) => {
  const env = await startClient(t);
  const headers = { "Idempotency-Key": "used twice" };
  const task: Task = await createTask({ client: env.client, body: { title: "First" }, headers });
  const request = createTask({ client: env.client, body: { title: "Second" }, headers });
  await assert.rejects(request, (error) => isProblem(error, "idempotency_key_reused") && error.taskId === task.id);
});

const PAGE = "<html>Sign in to the network</html>";

test("the page of a proxy is an error of its own", async (t) => {
  const env = await startClient(t);
  for (const status of [200, 403]) {
    env.proxy.inject([{ kind: "respond", status, headers: { "Content-Type": "text/html" }, body: PAGE }]);
    await assert.rejects(listTasks({ client: env.client }), (error) => {
      assert.ok(error instanceof ResponseError);
      assert.deepEqual([error.kind, error.status, error.body], ["response", status, PAGE]);
      return true;
    });
  }
});

test("JSON that is no problem document is an error of its own", async (t) => {
  const env = await startClient(t);
  const body = '{"message":"Forbidden"}';
  env.proxy.inject([{ kind: "respond", status: 403, headers: { "Content-Type": "application/json" }, body }]);
  await assert.rejects(listTasks({ client: env.client }), (error) => {
    return error instanceof ResponseError && error.body === body;
  });
});
