import { createTasksClient, ProblemError } from "tasks-client";
import { authClient } from "./auth-client";

/** A client of the API for this user. */
export function createApi(baseUrl: string, userId: string) {
  async function token() {
    const result = await authClient.token();
    if (result.error?.status === 401) return leaveFor("/sign-in");
    // Somebody else has signed in, in another tab. Nothing on this page may be sent for them.
    if (result.data && userOf(result.data.token) !== userId) return leaveFor("/");
    return result;
  }
  // The default of 30 seconds is long for somebody who waits for an answer.
  return createTasksClient({ baseUrl, token, retry: { limit: 10_000 } });
}

/** Loads another page. Never resolves, so that nothing is sent any more. */
function leaveFor(path: string): Promise<never> {
  location.assign(path);
  return new Promise(() => {});
}

/** Why a request failed, for the user. */
export function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether the API does not accept the token, or there is none. This says nothing about the request. */
export function isUnauthorized(error: unknown): boolean {
  return error instanceof ProblemError && error.status === 401;
}

/** The claim `sub` of a JWT. */
function userOf(token: string): unknown {
  const claims = token.split(".")[1] ?? "";
  return JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))).sub;
}
