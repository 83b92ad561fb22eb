/**
 * A new key for an intent of the user. Every write gets one by itself. Make one, store it with the intent and pass it
 * as the header `Idempotency-Key`, if the same write is to be sent again after the page was loaded anew.
 */
export function newKey(): string {
  // `crypto.randomUUID` exists only on pages with HTTPS.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether the API does this request once for each `Idempotency-Key`. */
export function takesKey(method: string, path: string): boolean {
  const isOfTasks = /\/tasks(\/bulk|\/[^/]+(\/complete|\/skip|\/stop-recurrence|\/tags(\/[^/]+)?)?)?$/.test(path);
  const isOfTags = /\/tags(\/[^/]+)?$/.test(path);
  return (isOfTasks || isOfTags) && ["POST", "PUT", "PATCH", "DELETE"].includes(method);
}
