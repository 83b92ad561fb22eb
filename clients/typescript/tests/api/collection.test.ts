import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createCollection } from "@tanstack/db";
import { createTask, deleteTask, isProblem, listTasks, type Task, updateTask } from "tasks-client";
import { newTask, tasksCollectionOptions } from "tasks-client/db";

import { clientOf, startClient, startNewEpoch } from "./kit/api.ts";
import type { Fault } from "./kit/proxy.ts";

const REFUSED: Fault = { kind: "respond", status: 503, headers: { "Retry-After": "0" } };

/** Whether the ids of the API are text, so that clients can choose them. */
const CLIENT_IDS = Boolean(process.env["CLIENT_IDS"]);

async function startCollection(t: TestContext, clientIds = false) {
  const env = await startClient(t, { retry: { limit: 0 } });
  const errors: unknown[] = [];
  const options = tasksCollectionOptions({ client: env.client, clientIds, onError: (error) => errors.push(error) });
  const collection = createCollection(options);
  t.after(() => collection.cleanup());
  const titles = (): string[] => collection.toArray.map((task) => task.title).sort();
  const stored = async () => (await listTasks({ client: clientOf(env.user) })) as Task[];
  return { ...env, collection, titles, stored, errors };
}

const isWrite = (request: { method: string }): boolean => request.method !== "GET";

test("the collection has all tasks when it is ready", async (t) => {
  const { user, collection, titles } = await startCollection(t);
  for (const title of ["A", "B"]) await createTask({ client: clientOf(user), body: { title } });
  await collection.preload();
  assert.deepEqual(titles(), ["A", "B"]);
});

test("an inserted task is shown at once and gets its id", async (t) => {
  const { collection, titles, stored } = await startCollection(t);
  await collection.preload();
  const task = newTask({ title: "New" });
  const transaction = collection.insert(task);
  assert.deepEqual(titles(), ["New"]);
  // At no time there are two of them, or none.
  const counts: number[] = [];
  collection.subscribeChanges(() => counts.push(collection.size));
  await transaction.isPersisted.promise;
  const [only] = await stored();
  assert.deepEqual([...collection.keys()], [only!.id]);
  assert.notEqual(only!.id, task.id);
  assert.equal(collection.get(only!.id)?.version, 1);
  assert.ok(
    counts.every((count) => count === 1),
    `${counts}`,
  );
});

test("a task keeps the id of the client", { skip: !CLIENT_IDS && "ids are numbers" }, async (t) => {
  const { collection, proxy, stored } = await startCollection(t, true);
  await collection.preload();
  const [first, second, third] = ["A", "B", "C"].map((title) => newTask({ title }));
  proxy.inject([{ kind: "lose-response" }], isWrite);
  await collection.insert(first!).isPersisted.promise;
  await collection.insert([second!, third!]).isPersisted.promise;
  const ids = [first!, second!, third!].map((task) => task.id).sort();
  assert.deepEqual([...collection.keys()].sort(), ids);
  assert.deepEqual((await stored()).map((task) => task.id).sort(), ids);
});

test("a write with lost responses is done once", async (t) => {
  const { collection, proxy, titles, stored } = await startCollection(t);
  await collection.preload();
  proxy.inject([{ kind: "lose-response" }, REFUSED, { kind: "reset" }], isWrite);
  const insert = collection.insert(newTask({ title: "Once" }));
  await insert.isPersisted.promise;
  assert.ok(proxy.isDone());
  assert.equal((await stored()).length, 1);
  const keys = proxy.seen.filter(isWrite).map((request) => request.headers["idempotency-key"]);
  assert.deepEqual(keys, Array(4).fill(insert.mutations[0]!.mutationId));
  const [id] = collection.keys();
  proxy.inject([{ kind: "lose-response" }], isWrite);
  await collection.update(id!, (draft) => void (draft.title = "Changed")).isPersisted.promise;
  assert.deepEqual([titles(), (await stored())[0]!.version], [["Changed"], 2]);
  proxy.inject([{ kind: "lose-response" }], isWrite);
  await collection.delete(id!).isPersisted.promise;
  assert.deepEqual([titles(), await stored()], [[], []]);
});

test("a refused write is undone", async (t) => {
  const { collection, proxy, titles } = await startCollection(t);
  await collection.preload();
  await assert.rejects(collection.insert(newTask({ title: " " })).isPersisted.promise, (error) =>
    isProblem(error, "validation_failed"),
  );
  assert.deepEqual(titles(), []);
  assert.equal(proxy.seen.filter(isWrite).length, 1);
  // The writes after it are sent nevertheless.
  await collection.insert(newTask({ title: "Next" })).isPersisted.promise;
  assert.deepEqual(titles(), ["Next"]);
});

test("a task can be changed before it is stored", async (t) => {
  const { collection, proxy, titles, stored } = await startCollection(t);
  await collection.preload();
  proxy.inject([{ kind: "lose-response" }], isWrite);
  const task = newTask({ title: "New" });
  const insert = collection.insert(task);
  const update = collection.update(task.id, (draft) => void (draft.title = "Changed"));
  assert.deepEqual(titles(), ["Changed"]);
  await Promise.all([insert.isPersisted.promise, update.isPersisted.promise]);
  assert.deepEqual([titles(), (await stored()).map((task) => task.title)], [["Changed"], ["Changed"]]);
  await collection.delete([...collection.keys()]).isPersisted.promise;
  assert.deepEqual(await stored(), []);
});

test("writes are sent in their order", async (t) => {
  const { collection, proxy, stored } = await startCollection(t);
  await collection.preload();
  await collection.insert(newTask({ title: "0" })).isPersisted.promise;
  const [id] = collection.keys();
  proxy.inject([{ kind: "reset" }], isWrite);
  const updates = ["1", "2", "3"].map((title) => collection.update(id!, (draft) => void (draft.title = title)));
  await Promise.all(updates.map((update) => update.isPersisted.promise));
  assert.deepEqual(
    (await stored()).map(({ title, version }) => [title, version]),
    [["3", 4]],
  );
});

test("several changes of a transaction are done all or none", async (t) => {
  const { collection, proxy, titles, stored } = await startCollection(t);
  await collection.preload();
  proxy.inject([{ kind: "lose-response" }], isWrite);
  await collection.insert([newTask({ title: "A" }), newTask({ title: "B" })]).isPersisted.promise;
  assert.deepEqual(titles(), ["A", "B"]);
  const refused = collection.insert([newTask({ title: "C" }), newTask({ title: " " })]);
  await assert.rejects(refused.isPersisted.promise, (error) => isProblem(error, "bulk_refused", "validation_failed"));
  assert.deepEqual([titles(), (await stored()).length], [["A", "B"], 2]);
});

test("a failed request deletes nothing", async (t) => {
  const { user, collection, proxy, titles, errors } = await startCollection(t);
  await createTask({ client: clientOf(user), body: { title: "Kept" } });
  await collection.preload();
  const json = { "Content-Type": "application/json" };
  const faults: Fault[] = [
    { kind: "respond", status: 200, headers: { "Content-Type": "text/html" }, body: "" },
    { kind: "respond", status: 200, headers: json, body: "" },
    { kind: "respond", status: 500, headers: json, body: "[]" },
    { kind: "cut-body" },
    { kind: "reset" },
  ];
  proxy.inject(faults);
  for (const fault of faults) await assert.rejects(collection.utils.refetch(), `${fault.kind}`);
  assert.deepEqual([titles(), collection.status], [["Kept"], "ready"]);
  assert.ok(proxy.isDone());
  assert.deepEqual(errors, []);
});

test("a failed first load is an error until one succeeds", async (t) => {
  const { collection, proxy, errors } = await startCollection(t);
  proxy.inject([{ kind: "reset" }]);
  await assert.rejects(collection.preload());
  assert.equal(errors.length, 1);
  assert.equal(collection.status, "error");
  await collection.utils.refetch();
  assert.equal(collection.status, "ready");
});

test("changes of others and a new epoch are followed", async (t) => {
  const { user, collection, titles } = await startCollection(t);
  const other = clientOf(user);
  const [a, b] = [
    await createTask({ client: other, body: { title: "A" } }),
    await createTask({ client: other, body: { title: "B" } }),
  ];
  await collection.preload();
  await updateTask({ client: other, path: { id: a.id }, body: { title: "A2" } });
  await collection.utils.refetch();
  assert.deepEqual(titles(), ["A2", "B"]);
  await deleteTask({ client: other, path: { id: b.id } });
  await startNewEpoch();
  await createTask({ client: other, body: { title: "C" } });
  await collection.utils.refetch();
  assert.deepEqual(titles(), ["A2", "C"]);
});

test("a late replay does not bring a deleted task back", async (t) => {
  const { user, collection, proxy, titles } = await startCollection(t);
  await collection.preload();
  proxy.inject([{ kind: "lose-response" }], isWrite);
  proxy.onRequest = async (request) => {
    // The task is stored, and another device deletes it before the second attempt.
    if (request.method !== "POST" || proxy.seen.filter(isWrite).length !== 2) return;
    const [task] = (await listTasks({ client: clientOf(user) })) as Task[];
    await deleteTask({ client: clientOf(user), path: { id: task!.id } });
  };
  await collection.insert(newTask({ title: "Deleted elsewhere" })).isPersisted.promise;
  assert.deepEqual(titles(), []);
});
