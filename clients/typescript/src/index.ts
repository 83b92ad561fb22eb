export { changeBatches, type ChangeBatch, type ChangesOptions } from "./changes.js";
export { createTasksClient, type TasksClient, type TasksClientOptions } from "./client.js";
export {
  isProblem,
  isRetryable,
  isTasksError,
  NetworkError,
  type ProblemCode,
  ProblemError,
  ResponseError,
  type TasksError,
} from "./errors.js";
export * from "./generated/index.js";
export { newKey } from "./idempotency.js";
export { type Cancelable, eachTask, listPage, type ListQuery, type Page, taskPages } from "./pages.js";
export type { RetryOptions } from "./retry.js";
export { cachedToken, type GetToken, type TokenCache, type TokenOptions, type TokenResult } from "./token.js";
export { changeTask, type ChangeOptions, ifUnchanged, TaskChangedError } from "./version.js";
