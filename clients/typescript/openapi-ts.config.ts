import { defineConfig } from "@hey-api/openapi-ts";

const METHODS = ["get", "post", "put", "patch", "delete"] as const;

export default defineConfig({
  input: "../../openapi.yaml",
  output: {
    // A test sets the variable, and compares the output with that in version control.
    path: process.env["OUTPUT"] ?? "src/generated",
    module: { extension: ".js" },
  },
  parser: {
    patch: {
      input: (spec) => {
        // Further routes of an operation are for front ends that were written for another API.
        for (const [path, item] of Object.entries(spec.paths ?? {})) {
          for (const method of METHODS) {
            const operation = item?.[method];
            if (operation && (path.includes("{user_id}") || "x-function" in operation)) {
              delete item[method];
            }
          }
        }
        if (!("components" in spec) || !spec.components) return;
        // The id of a task goes into a path as it is.
        const id = spec.components.parameters?.["TaskId"];
        if (id && "schema" in id) id.schema = { oneOf: [{ type: "integer" }, { type: "string" }] };
      },
    },
  },
  plugins: [
    "@hey-api/typescript",
    { name: "@hey-api/client-fetch", throwOnError: true },
    { name: "@hey-api/sdk", client: false, responseStyle: "data" },
    { name: "@tanstack/react-query", queryOptions: true, infiniteQueryOptions: false, mutationOptions: true },
  ],
});
