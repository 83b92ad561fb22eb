import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
const CLIENT = resolve(import.meta.dirname, "../..");

/** A project with nothing but the packed client. */
async function emptyProject(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tasks-client-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  // The test has built the client already. A script would do it again, while other tests use it.
  const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
  const [packed] = JSON.parse((await run("npm", pack, { cwd: CLIENT })).stdout) as {
    filename: string;
    files: { path: string }[];
  }[];
  const files = packed!.files.map(({ path }) => path);
  assert.ok(files.includes("README.md") && files.includes("dist/index.d.ts"));
  assert.deepEqual(
    files.filter((path) => !/^(dist|src)\/|^(package.json|README.md|LICENSE)$/.test(path)),
    [],
  );
  await writeFile(join(folder, "package.json"), '{ "name": "empty", "private": true, "type": "module" }');
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${packed!.filename}`], { cwd: folder });
  return folder;
}

async function check(folder: string, source: string): Promise<void> {
  await writeFile(join(folder, "app.ts"), source);
  const tsc = join(CLIENT, "node_modules/typescript/bin/tsc");
  for (const [module, moduleResolution] of [
    ["NodeNext", "NodeNext"],
    ["ESNext", "Bundler"],
  ] as const) {
    const compilerOptions = {
      module,
      moduleResolution,
      target: "ES2022",
      lib: ["ES2022", "DOM", "DOM.Iterable"],
      types: [],
      strict: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: true,
      noEmit: true,
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["app.ts"] }));
    await run(process.execPath, [tsc, "--project", folder]).catch((error: { stdout: string }) =>
      assert.fail(error.stdout),
    );
  }
  await run(process.execPath, ["app.ts"], { cwd: folder });
}

test("the packed client works in an empty project", async (t) => {
  const folder = await emptyProject(t);
  await check(
    folder,
    `import { createTasksClient, eachTask, isProblem, NetworkError, type Task } from "tasks-client";
    const client = createTasksClient({ baseUrl: "http://127.0.0.1:1", retry: { limit: 0 } });
    const titles: string[] = [];
    try {
      for await (const task of eachTask(client, { status: "pending" })) titles.push((task satisfies Task).title);
    } catch (error) {
      if (isProblem(error)) console.log(error.code satisfies string);
      if (!(error instanceof NetworkError)) throw error;
    }`,
  );
});

test("the collections work beside TanStack's packages", async (t) => {
  const folder = await emptyProject(t);
  await mkdir(join(folder, "node_modules/@tanstack"));
  for (const name of ["db", "react-query", "query-core"]) {
    await symlink(join(CLIENT, "node_modules/@tanstack", name), join(folder, "node_modules/@tanstack", name));
  }
  await check(
    folder,
    `import { createCollection } from "@tanstack/db";
    import { QueryClient } from "@tanstack/react-query";
    import { createTasksClient } from "tasks-client";
    import { newTask, tasksCollectionOptions } from "tasks-client/db";
    import { listTasksOptions, taskPagesOptions } from "tasks-client/query";
    const client = createTasksClient({ baseUrl: "http://127.0.0.1:1", retry: { limit: 0 } });
    const tasks = createCollection(tasksCollectionOptions({ client }));
    const title: string | undefined = tasks.get(newTask({ title: "New" }).id)?.title;
    if (title !== undefined) throw new Error(title);
    const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
    const failed = await queries.fetchInfiniteQuery(taskPagesOptions(client)).then(() => false, () => true);
    if (!failed || listTasksOptions({ client }).queryKey.length !== 1) throw new Error("no error");`,
  );
});
