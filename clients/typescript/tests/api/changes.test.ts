import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ChangeBatch,
  changeBatches,
  type ChangesOptions,
  createTask,
  deleteTask,
  type Task,
  type TasksClient,
  updateTask,
} from "tasks-client";

import { clientOf, startClient, startNewEpoch } from "./kit/api.ts";

/** A copy of the tasks that follows the changes, as the README describes it. */
function copy(client: TasksClient) {
  const tasks = new Map<Task["id"], Task>();
  let token: string | undefined;
  let loaded = new Set<Task["id"]>();
  return {
    titles: () => [...tasks.values()].map((task) => task.title).sort(),
    pull: async (options: ChangesOptions = {}): Promise<ChangeBatch[]> => {
      const batches = [];
      for await (const batch of changeBatches(client, { since: token, ...options })) {
        if (batch.isFirst) loaded = new Set();
        for (const change of batch.changes) {
          if (change.op === "delete") tasks.delete(change.id);
          else tasks.set(change.task.id, change.task);
          if (change.op === "put") loaded.add(change.task.id);
        }
        if (batch.kind === "load" && batch.isLast) {
          for (const id of tasks.keys()) if (!loaded.has(id)) tasks.delete(id);
        }
        token = batch.token;
        batches.push(batch);
      }
      return batches;
    },
  };
}

test("a copy follows creations, changes and deletions", async (t) => {
  const env = await startClient(t);
  const { client } = env;
  const [first, second] = [
    await createTask({ client, body: { title: "A" } }),
    await createTask({ client, body: { title: "B" } }),
  ];
  const local = copy(client);
  const load = await local.pull({ limit: 1 });
  assert.deepEqual(
    load.map(({ kind }) => kind),
    load.map(() => "load"),
  );
  assert.deepEqual(
    load.map(({ token }) => token === undefined),
    load.map(({ isLast }) => !isLast),
  );
  assert.ok(load.length >= 2 && load[0]!.isFirst && load.at(-1)!.isLast);
  assert.deepEqual(local.titles(), ["A", "B"]);
  await updateTask({ client, path: { id: first.id }, body: { title: "A2" } });
  await deleteTask({ client, path: { id: second.id } });
  await createTask({ client, body: { title: "C" } });
  const update = await local.pull();
  assert.ok(update.every(({ kind }) => kind === "update"));
  assert.deepEqual(local.titles(), ["A2", "C"]);
});

test("a new epoch loads all tasks again", async (t) => {
  const env = await startClient(t);
  const { client, user } = env;
  const gone = await createTask({ client, body: { title: "Gone" } });
  await createTask({ client, body: { title: "Kept" } });
  const local = copy(client);
  await local.pull();
  await deleteTask({ client: clientOf(user), path: { id: gone.id } });
  await startNewEpoch();
  const batches = await local.pull();
  assert.ok(batches.length > 0 && batches.every(({ kind }) => kind === "load"));
  assert.deepEqual(local.titles(), ["Kept"]);
});

test("a failed request leaves the copy as it is", async (t) => {
  const env = await startClient(t, { retry: { limit: 0 } });
  await createTask({ client: env.client, body: { title: "Kept" } });
  const local = copy(env.client);
  await local.pull();
  const html = { "Content-Type": "text/html" };
  env.proxy.inject([
    { kind: "respond", status: 200, headers: html, body: "" },
    { kind: "reset" },
    { kind: "cut-body" },
  ]);
  for (const attempt of [1, 2, 3]) await assert.rejects(local.pull(), `${attempt}`);
  assert.deepEqual(local.titles(), ["Kept"]);
  assert.ok(env.proxy.isDone());
});

test("a load that is interrupted starts again", async (t) => {
  const env = await startClient(t, { retry: { limit: 0 } });
  const { client } = env;
  for (const title of ["A", "B", "C"]) await createTask({ client, body: { title } });
  const local = copy(client);
  env.proxy.inject([{ kind: "reset" }], (request) => request.path.includes("since="));
  await assert.rejects(local.pull({ limit: 1 }));
  const [batch] = await local.pull();
  assert.ok(batch!.kind === "load" && batch!.isFirst);
  assert.deepEqual(local.titles(), ["A", "B", "C"]);
});

test("an abort ends the loop over changes", async (t) => {
  const env = await startClient(t);
  for (const title of ["A", "B"]) await createTask({ client: env.client, body: { title } });
  const controller = new AbortController();
  const loop = async (): Promise<void> => {
    for await (const batch of changeBatches(env.client, { limit: 1, signal: controller.signal })) {
      assert.equal(batch.changes.length, 1);
      controller.abort();
    }
  };
  await assert.rejects(loop(), { name: "AbortError" });
});
