import type { TasksClient } from "./client.js";
import { isProblem, ProblemError } from "./errors.js";
import { getTask, type Task, type TaskChange, updateTask } from "./generated/index.js";
import type { Cancelable } from "./pages.js";

/**
 * Headers that make a change conditional: it is done only if the task is still as it was read.
 *
 * @example
 * await deleteTask({ client, path: { id: task.id }, headers: ifUnchanged(task) });
 */
export function ifUnchanged(task: Pick<Task, "version">): { "If-Match": string } {
  return { "If-Match": `"${task.version}"` };
}

/** The task has changed since it was read, so {@link changeTask} did nothing. */
export class TaskChangedError extends ProblemError<"precondition_failed"> {
  /** The task as the caller has read it. */
  readonly base: Task;
  /** What was to be changed. */
  readonly change: TaskChange;
  /** Loads the task as it is now, to merge the change into it. */
  readonly load: (options?: Cancelable) => Promise<Task>;

  constructor(error: ProblemError<"precondition_failed">, client: TasksClient, base: Task, change: TaskChange) {
    const { code, status, detail, requestId: request_id } = error;
    super({ type: "", title: "", code, status: status as 412, detail, request_id });
    this.base = base;
    this.change = change;
    this.load = ({ signal } = {}) => getTask({ client, path: { id: base.id }, ...(signal && { signal }) });
  }
}

/** Options of {@link changeTask}. */
export interface ChangeOptions extends Cancelable {
  /** The key of this intent, if it was stored: see {@link newKey}. */
  idempotencyKey?: string | undefined;
}

/**
 * Changes a task, unless it has changed since it was read.
 *
 * @throws {@link TaskChangedError} if it has, and any other {@link TasksError}.
 */
export async function changeTask(
  client: TasksClient,
  task: Task,
  change: TaskChange,
  { signal, idempotencyKey }: ChangeOptions = {},
): Promise<Task> {
  try {
    return await updateTask({
      client,
      path: { id: task.id },
      body: change,
      headers: { ...ifUnchanged(task), ...(idempotencyKey && { "Idempotency-Key": idempotencyKey }) },
      ...(signal && { signal }),
    });
  } catch (error) {
    throw isProblem(error, "precondition_failed") ? new TaskChangedError(error, client, task, change) : error;
  }
}
