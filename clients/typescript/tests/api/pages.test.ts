import assert from "node:assert/strict";
import { test } from "node:test";
import { bulkTasks, eachTask, type TasksClient, taskPages } from "tasks-client";

import { startClient } from "./kit/api.ts";

async function createTasks(client: TasksClient, count: number): Promise<void> {
  const operations = Array.from({ length: count }, (_, index) => ({ op: "create" as const, title: `Task ${index}` }));
  await bulkTasks({ client, body: { operations } });
}

test("each task comes once, in order", async (t) => {
  const env = await startClient(t);
  await createTasks(env.client, 7);
  const titles = [];
  for await (const task of eachTask(env.client, { limit: 3, sort: "title", order: "desc", status: "pending" })) {
    titles.push(task.title);
  }
  assert.deepEqual(
    titles,
    [6, 5, 4, 3, 2, 1, 0].map((index) => `Task ${index}`),
  );
});

test("a loop that ends early loads no further page", async (t) => {
  const env = await startClient(t);
  await createTasks(env.client, 4);
  const before = env.proxy.seen.length;
  for await (const page of taskPages(env.client, { limit: 2 })) {
    assert.equal(page.tasks.length, 2);
    break;
  }
  assert.equal(env.proxy.seen.length, before + 1);
});

test("an abort ends the loop", async (t) => {
  const env = await startClient(t);
  await createTasks(env.client, 4);
  const controller = new AbortController();
  const loop = async (): Promise<void> => {
    for await (const page of taskPages(env.client, { limit: 2 }, { signal: controller.signal })) {
      assert.ok(page.next);
      controller.abort();
    }
  };
  await assert.rejects(loop(), { name: "AbortError" });
});

test("a lost response of a page is loaded again", async (t) => {
  const env = await startClient(t);
  await createTasks(env.client, 4);
  env.proxy.inject([{ kind: "cut-body" }], (request) => request.path.includes("cursor="));
  const pages = await Array.fromAsync(taskPages(env.client, { limit: 2 }));
  assert.deepEqual(
    pages.map((page) => page.tasks.length),
    [2, 2],
  );
  assert.ok(env.proxy.isDone());
});
