import assert from "node:assert/strict";
import { test } from "node:test";
import { changeTask, createTask, deleteTask, ifUnchanged, isProblem, TaskChangedError, updateTask } from "tasks-client";

import { startClient } from "./kit/api.ts";

test("a change of a task that has changed can be merged", async (t) => {
  const env = await startClient(t);
  const { client } = env;
  const task = await createTask({ client, body: { title: "Buy milk" } });
  const other = await updateTask({ client, path: { id: task.id }, body: { priority: "high" } });
  const error = await changeTask(client, task, { title: "Buy oat milk" }).catch((error: unknown) => error);
  assert.ok(error instanceof TaskChangedError && isProblem(error, "precondition_failed"));
  assert.equal(error.base, task);
  const current = await error.load();
  assert.equal(current.version, other.version);
  const merged = await changeTask(client, current, error.change);
  assert.deepEqual([merged.title, merged.priority], ["Buy oat milk", "high"]);
});

test("a conditional change with a lost response is done once", async (t) => {
  const env = await startClient(t);
  const task = await createTask({ client: env.client, body: { title: "Buy milk" } });
  env.proxy.inject([{ kind: "lose-response" }]);
  const changed = await changeTask(env.client, task, { title: "Buy oat milk" });
  assert.equal(changed.version, task.version + 1);
  await assert.rejects(deleteTask({ client: env.client, path: { id: task.id }, headers: ifUnchanged(task) }), (error) =>
    isProblem(error, "precondition_failed"),
  );
  await deleteTask({ client: env.client, path: { id: task.id }, headers: ifUnchanged(changed) });
});
