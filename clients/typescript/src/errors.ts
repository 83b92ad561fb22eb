import type { Failure, Problem } from "./generated/index.js";
import { retryAfter } from "./retry-after.js";

/** Every `code` of the contract. */
export type ProblemCode = Problem["code"];

/**
 * The API has refused a request, and says why: a problem document (RFC 9457).
 *
 * Compare `code`, or use {@link isProblem}; show `detail` to the user.
 */
export class ProblemError<Code extends ProblemCode = ProblemCode> extends Error {
  override readonly name = "ProblemError";
  /** Tells this error from the others of {@link TasksError}. */
  readonly kind = "problem";
  readonly code: Code;
  readonly status: number;
  /** One sentence that can be shown to the user. */
  readonly detail: string;
  /** Every failure of the input, with a JSON pointer to the member: `/title`. Empty unless `status` is 422. */
  readonly errors: readonly Failure[];
  /** Identifies the request in the log of the API. */
  readonly requestId: string;
  /** In how many milliseconds the same request may succeed, if the API has said so. */
  readonly retryAfter: number | undefined;
  /** With `idempotency_key_reused`: the id of the task that the request with this key created or changed. */
  readonly taskId: number | string | undefined;

  constructor(problem: Problem & { code: Code }, retryAfter?: number) {
    super(problem.detail);
    this.code = problem.code;
    this.status = problem.status;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id;
    this.retryAfter = retryAfter;
    this.taskId = problem.id;
  }

  /** What is wrong with a member of the input: `failure("/title")`. */
  failure(pointer: string): string | undefined {
    return this.errors.find((error) => error.pointer === pointer)?.detail;
  }
}

/** A response that the API did not make, such as the HTML page of a proxy, or a time-out of the gateway. */
export class ResponseError extends Error {
  override readonly name = "ResponseError";
  readonly kind = "response";
  readonly status: number;
  /** The beginning of the body. */
  readonly body: string;

  constructor(status: number, body: string) {
    super(`The response with status ${status} is not one of the API.`);
    this.status = status;
    this.body = body.slice(0, 1000);
  }
}

/** There was no response: no network, a lost connection, or none in time. Whether a write was done is not known. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly kind = "network";

  constructor(cause: unknown) {
    super("The API could not be reached.", { cause });
  }
}

/**
 * What an operation throws, to be told apart by `kind`. Only if its signal aborts, it throws the reason of the signal
 * instead.
 */
export type TasksError = ProblemError | ResponseError | NetworkError;

/** Whether an error is one of this client. */
export function isTasksError(error: unknown): error is TasksError {
  return error instanceof ProblemError || error instanceof ResponseError || error instanceof NetworkError;
}

/** Whether an error is a problem document, with one of these codes if there are any. */
export function isProblem<Code extends ProblemCode = ProblemCode>(
  error: unknown,
  ...codes: Code[]
): error is ProblemError<Code> {
  return error instanceof ProblemError && (codes.length === 0 || (codes as ProblemCode[]).includes(error.code));
}

/**
 * Whether the same request, with the same idempotency key, may have another outcome later. All other errors are final.
 */
export function isRetryable(error: unknown): boolean {
  if (error instanceof NetworkError) return true;
  if (error instanceof ResponseError) {
    // Below 400 it is a page that came instead, as that of a network which wants its user to sign in.
    return error.status < 400 || error.status >= 500 || isTemporaryStatus(error.status);
  }
  if (!(error instanceof ProblemError)) return false;
  return error.status >= 500 || isTemporaryStatus(error.status) || error.code === "idempotency_in_progress";
}

function isTemporaryStatus(status: number): boolean {
  return [408, 425, 429].includes(status);
}

/** The error for a response that is none of a success. */
export function responseError(response: Response, body: unknown): TasksError {
  if (isProblemDocument(body)) return new ProblemError(body, retryAfter(response.headers));
  return new ResponseError(response.status, typeof body === "string" ? body : JSON.stringify(body ?? ""));
}

function isProblemDocument(body: unknown): body is Problem {
  if (typeof body !== "object" || body === null) return false;
  const { code, status, detail } = body as Partial<Problem>;
  return typeof code === "string" && typeof status === "number" && typeof detail === "string";
}
