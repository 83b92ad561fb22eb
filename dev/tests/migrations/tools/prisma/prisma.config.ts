// Runs the schema engine that is in the package as WebAssembly. The native one would be downloaded.
import { PrismaPg } from "@prisma/adapter-pg";
import pg from "pg";

// The adapter knows the types of applications, and not those of the catalog that the engine reads: "char", name, name[].
const CHAR = 18;
const TYPES = new Map([[CHAR, 25], [19, 25], [1003, 1009]]);
const CHARACTER = 6;

const { addFields } = pg.Result.prototype;
pg.Result.prototype.addFields = function (fields) {
  this.catalogTypes = fields.map((field) => field.dataTypeID);
  for (const field of fields) field.dataTypeID = TYPES.get(field.dataTypeID) ?? field.dataTypeID;
  return addFields.call(this, fields);
};

class Adapter extends PrismaPg {
  async connect() {
    const connection = await super.connect();
    const { performIO, queryRaw } = connection;
    let result;
    connection.performIO = async (query) => (result = await performIO.call(connection, query));
    connection.queryRaw = async (query) => {
      const rows = await queryRaw.call(connection, query);
      result.catalogTypes.forEach((type, column) => {
        if (type === CHAR) rows.columnTypes[column] = CHARACTER;
      });
      return rows;
    };
    return connection;
  }
}

export default {
  experimental: { adapter: true },
  engine: "js",
  schema: "schema.prisma",
  // Otherwise the process waits ten seconds for its idle connections.
  adapter: async () => new Adapter({ connectionString: process.env.URL, allowExitOnIdle: true }),
};
