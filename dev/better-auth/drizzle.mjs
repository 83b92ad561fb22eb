// The tables of Better Auth in the forms that its generator writes for Drizzle: names in snake_case, times without a time
// zone. `drizzle/README.md` says how the files were made.

import { readFile } from "node:fs/promises";
import { drizzle } from "drizzle-orm/node-postgres";

/** Creates the tables if they are missing, and returns what the adapter needs. */
export async function createDrizzle(pool, form) {
  const folder = new URL(`./drizzle/${form}/`, import.meta.url);
  const schema = await import(new URL("schema.mjs", folder)).catch(() => {
    throw new Error(`there are no files of the generator in drizzle/${form}`);
  });
  const { rows: [{ found }] } = await pool.query("select coalesce(to_regclass('jwks'), to_regclass('jwkss')) as found");
  if (!found) await pool.query(await readFile(new URL("tables.sql", folder), "utf8"));
  return { database: drizzle(pool, { schema }), schema };
}
