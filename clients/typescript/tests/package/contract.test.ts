import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { takesKey } from "../../src/idempotency.ts";

const read = (name: string): Promise<string> =>
  readFile(new URL(`../../src/generated/${name}.gen.ts`, import.meta.url), "utf8");

test("the operations with a key are those of the contract", async () => {
  const [sdk, types] = await Promise.all([read("sdk"), read("types")]);
  const operations = [...sdk.matchAll(/client\.(\w+)<(\w+)Responses,[^]*?url: '([^']+)'/g)];
  assert.ok(operations.length > 20);
  for (const [, method, name, url] of operations) {
    const data = new RegExp(`export type ${name}Data = {[^]*?^};`, "m").exec(types)?.[0];
    const path = url!.replaceAll(/{\w+}/g, "42");
    assert.equal(takesKey(method!.toUpperCase(), path), data!.includes("'Idempotency-Key'"), `${method} ${path}`);
    assert.equal(takesKey(method!.toUpperCase(), `/stage${path}`), takesKey(method!.toUpperCase(), path));
  }
});
