import { createTasksClient, ProblemError } from "tasks-client";
import { authClient } from "./auth-client";

/** A client of the API for the user who is signed in. */
export function createApi(baseUrl: string) {
  // The default of 30 seconds is long for somebody who waits for an answer.
  return createTasksClient({ baseUrl, token: () => authClient.token(), retry: { limit: 10_000 } });
}

/** Why a request failed, for the user. */
export function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether nobody is signed in any more. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof ProblemError && error.status === 401;
}
