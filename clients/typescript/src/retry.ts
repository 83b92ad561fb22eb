import { NetworkError, ResponseError } from "./errors.js";
import { retryAfter } from "./retry-after.js";
import { abortable, sleep } from "./sleep.js";
import type { TokenCache } from "./token.js";
import { newKey, takesKey } from "./idempotency.js";

/** How requests are repeated. All times are in milliseconds. */
export interface RetryOptions {
  /** How long a request may take with all its repetitions. The default is 30,000. With 0 nothing is repeated. */
  limit?: number;
  /** The longest wait before the first repetition, which is random. It doubles each time. The default is 250. */
  baseDelay?: number;
  /** The longest wait, unless the API asks for more. The default is 8,000. */
  maxDelay?: number;
}

/** What {@link resilientFetch} needs. */
export interface FetchOptions {
  token?: TokenCache | undefined;
  retry?: RetryOptions | undefined;
  fetch?: typeof fetch | undefined;
}

/**
 * A `fetch` that adds the token and an idempotency key, and repeats what is safe to repeat.
 *
 * It reads the whole body, so that a connection which is lost in the middle of a response counts as one without.
 */
export function resilientFetch(options: FetchOptions): (input: Request) => Promise<Response> {
  const { token, fetch: send = (request) => globalThis.fetch(request) } = options;
  const { limit = 30_000, baseDelay = 250, maxDelay = 8_000 } = options.retry ?? {};

  return async (input) => {
    const request = new Request(input);
    const isWrite = request.method !== "GET" && request.method !== "HEAD";
    const hasKey = isWrite && takesKey(request.method, new URL(request.url).pathname);
    if (hasKey && !request.headers.has("Idempotency-Key")) request.headers.set("Idempotency-Key", newKey());
    const end = Date.now() + limit;
    const signal = limit > 0 ? AbortSignal.any([request.signal, AbortSignal.timeout(limit)]) : request.signal;

    let refused: { bearer: string; response: Response } | undefined;
    for (let attempts = 0; ;) {
      let outcome: Response | NetworkError;
      let bearer: string | undefined;
      let isSent = false;
      try {
        bearer = token && (await abortable(token(), signal));
        if (refused && refused.bearer === bearer) return refused.response;
        const attempt = new Request(request.clone(), { signal });
        if (bearer) attempt.headers.set("Authorization", `Bearer ${bearer}`);
        isSent = true;
        outcome = await withBody(await send(attempt));
      } catch (error) {
        // The caller's own signal, unlike that of the limit, ends the request with its reason.
        if (request.signal.aborted) throw request.signal.reason;
        outcome = error instanceof NetworkError ? error : new NetworkError(error);
      }
      if (outcome instanceof Response && outcome.status === 401 && bearer && !refused) {
        token?.reject(bearer);
        refused = { bearer, response: outcome };
        continue;
      }
      const wait = (askedWait(outcome) ?? 0) + Math.random() * Math.min(maxDelay, baseDelay * 2 ** attempts);
      attempts += 1;
      const isSafe = !isWrite || hasKey || !isSent || wasNotDone(outcome);
      if (isSafe && isTemporary(outcome) && Date.now() + wait < end) {
        await sleep(wait, request.signal);
        continue;
      }
      if (outcome instanceof Error) throw outcome;
      return await checked(outcome);
    }
  };
}

function askedWait(outcome: Response | NetworkError): number | undefined {
  return outcome instanceof Response ? retryAfter(outcome.headers) : undefined;
}

/** Whether the same request may have another outcome later. */
function isTemporary(outcome: Response | NetworkError): boolean {
  if (outcome instanceof Error) return true;
  const { status, headers } = outcome;
  // Of 409, only the one that another request with the same key is in progress has this header.
  if (status === 409) return headers.has("Retry-After");
  // The API itself does not repeat what it has failed at. The gateway responds so to a function that ended too early.
  if (status === 500) return !isType(outcome, "application/problem+json");
  return [408, 425, 429, 502, 503, 504].includes(status);
}

/** Whether the API has not even begun. */
function wasNotDone(outcome: Response | NetworkError): boolean {
  return outcome instanceof Response && (outcome.status === 429 || outcome.status === 425);
}

/** The response with its whole body in memory. */
async function withBody(response: Response): Promise<Response> {
  const { status, statusText, headers } = response;
  const body = await response.arrayBuffer();
  return new Response(body.byteLength > 0 ? body : null, { status, statusText, headers });
}

/** Refuses a success that is not JSON: the page of a network that wants its user to sign in. */
async function checked(response: Response): Promise<Response> {
  if (response.ok && response.status !== 204 && !(response.body && isType(response, "application/json"))) {
    throw new ResponseError(response.status, await response.text());
  }
  return response;
}

function isType(response: Response, type: string): boolean {
  return response.headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase() === type;
}
