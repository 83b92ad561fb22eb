import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const LIMIT = 6000;

async function size(source: string, external: string[] = []): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: "esm",
    external,
    write: false,
    logLevel: "silent",
  });
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).byteLength;
}

test("a front end gets less than 6 kB", async (t) => {
  const app =
    'export { createTasksClient, listTasks, createTask, updateTask, deleteTask, isProblem } from "tasks-client";';
  const bytes = await size(app);
  t.diagnostic(`client with four operations: ${bytes} bytes`);
  assert.ok(bytes < LIMIT, `${bytes}`);
});

test("the whole layer by hand is less than 6 kB", async (t) => {
  const external = [join(import.meta.dirname, "../../dist/generated/*"), "@tanstack/*"];
  const all = 'export * from "tasks-client"; export * from "tasks-client/db"; export * from "tasks-client/query";';
  const bytes = await size(all, external);
  t.diagnostic(`everything but what is generated: ${bytes} bytes`);
  assert.ok(bytes < LIMIT, `${bytes}`);
});

test("what is not used is left out", async () => {
  assert.ok((await size('import "tasks-client"; import "tasks-client/db";')) < 100);
  const [one, all] = [
    await size('export { newKey } from "tasks-client";'),
    await size('export * from "tasks-client";'),
  ];
  assert.ok(one < 300 && all > 10 * one, `${one} ${all}`);
});
