// The tables of Better Auth as its generator writes them for Drizzle (`npx @better-auth/cli generate`): names in
// snake_case, times without a time zone. Only the features that the tests need.

import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { boolean, getTableConfig, integer, PgDialect, pgTable, serial, text, timestamp, uuid } from "drizzle-orm/pg-core";

/**
 * Creates the tables that are missing, and returns what the adapter needs.
 *
 * `authTables` are the tables as Better Auth describes them; `idFormat` is text, uuid or serial.
 */
export async function createDrizzle(pool, authTables, { idFormat, usePlural }) {
  const nameOf = (modelName) => (usePlural ? `${modelName}s` : modelName);
  const schema = {};
  // Better Auth lists the tables in an order in which references point backwards.
  for (const { modelName, fields } of Object.values(authTables)) {
    const columns = { id: idColumn(idFormat) };
    for (const [key, field] of Object.entries(fields)) {
      const { fieldName = key, references } = field;
      columns[fieldName] = column(snakeCase(fieldName), field, idFormat);
      if (references) columns[fieldName].references(() => schema[nameOf(references.model)].id, { onDelete: "cascade" });
    }
    const name = nameOf(modelName);
    schema[name] = pgTable(snakeCase(name), columns);
    await pool.query(createStatement(schema[name]));
  }
  return { database: drizzle(pool, { schema }), schema };
}

function idColumn(idFormat) {
  if (idFormat === "serial") return serial("id").primaryKey();
  if (idFormat === "uuid") return uuid("id").default(sql`gen_random_uuid()`).primaryKey();
  return text("id").primaryKey();
}

function column(name, field, idFormat) {
  let column = field.references ? referenceColumn(name, idFormat) : valueColumn(name, field);
  if (field.required) column = column.notNull();
  if (field.unique) column = column.unique();
  if (typeof field.defaultValue === "boolean") column = column.default(field.defaultValue);
  return column;
}

function referenceColumn(name, idFormat) {
  if (idFormat === "serial") return integer(name);
  return idFormat === "uuid" ? uuid(name) : text(name);
}

function valueColumn(name, { type }) {
  if (type === "date") return timestamp(name);
  if (type === "boolean") return boolean(name);
  return type === "number" ? integer(name) : text(name);
}

/** The statement of `drizzle-kit push`. */
function createStatement(table) {
  const { name, columns, foreignKeys } = getTableConfig(table);
  const definitions = columns.map((column) => {
    const parts = [`"${column.name}" ${column.getSQLType()}`];
    if (column.primary) parts.push("primary key");
    if (column.notNull) parts.push("not null");
    if (column.isUnique) parts.push("unique");
    if (column.default !== undefined) parts.push(`default ${literal(column.default)}`);
    return parts.join(" ");
  });
  const references = foreignKeys.map((key) => {
    const { columns: [column], foreignTable } = key.reference();
    return `foreign key ("${column.name}") references "${getTableConfig(foreignTable).name}" on delete ${key.onDelete}`;
  });
  return `create table if not exists "${name}" (${[...definitions, ...references].join(", ")})`;
}

function literal(value) {
  return typeof value === "object" ? new PgDialect().sqlToQuery(value).sql : String(value);
}

function snakeCase(name) {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
