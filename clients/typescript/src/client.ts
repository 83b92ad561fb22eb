import { isTasksError, responseError, ResponseError } from "./errors.js";
import { type Client, createClient } from "./generated/client/index.js";
import { resilientFetch, type RetryOptions } from "./retry.js";
import { cachedToken, type GetToken, isTokenCache, type TokenCache } from "./token.js";

/** Options of {@link createTasksClient}. */
export interface TasksClientOptions {
  /** The address of the API, without `/api`. */
  baseUrl: string;
  /**
   * Gets a token of the user who is signed in: `() => authClient.token()` with Better Auth. Pass what
   * {@link cachedToken} returns if users can change while the page stays, and call its `clear()` then.
   */
  token?: GetToken | TokenCache;
  /** How requests are repeated. */
  retry?: RetryOptions;
  /** Used instead of the global `fetch`. */
  fetch?: typeof fetch;
}

/** What every operation takes as its `client`. */
export type TasksClient = Client;

/** A client for the operations, such as `listTasks({ client })`. They throw a {@link TasksError}. */
export function createTasksClient(options: TasksClientOptions): TasksClient {
  const { baseUrl, token, retry, fetch } = options;
  const cache = token && (isTokenCache(token) ? token : cachedToken(token));
  const send = resilientFetch({ token: cache, retry, fetch });
  const client = createClient({
    baseUrl: baseUrl.replace(/\/+$/, ""),
    fetch: (input) => send(input as Request),
    throwOnError: true,
  });
  client.interceptors.error.use((error, response) => {
    // Without a response the error is one of this client, or the reason of a signal.
    if (!response || isTasksError(error)) return error;
    return response.ok ? new ResponseError(response.status, String(error)) : responseError(response, error);
  });
  return client;
}
