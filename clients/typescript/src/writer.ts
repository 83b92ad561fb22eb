import type { TasksClient } from "./client.js";
import { isProblem, isRetryable, ProblemError, ResponseError } from "./errors.js";
import {
  bulkTasks,
  createTask,
  deleteTask,
  type NewTask,
  type Operation,
  type Task,
  type TaskChange,
  updateTask,
} from "./generated/index.js";
import { writable } from "./new-task.js";
import { pause } from "./sleep.js";

type Id = Task["id"];

/** A part of `PendingMutation` of TanStack DB. */
interface Mutation {
  type: "insert" | "update" | "delete";
  mutationId: string;
  key: unknown;
  modified: Task;
  changes: Partial<Task>;
}

/** A part of `Transaction` of TanStack DB. */
interface Transaction {
  id: string;
  mutations: readonly Mutation[];
}

/** The greatest number of operations in one request. */
const MAX_OPERATIONS = 100;
/** How often a write is sent that the API fails at with 500. */
const MAX_FAILURES = 5;

/** A function that sends transactions one after the other, each until the API has done or refused it. */
export function writer(client: TasksClient, clientIds: boolean): (transaction: Transaction) => Promise<void> {
  /** The ids that the API gave to tasks which were inserted with another one. */
  const storedIds = new Map<Id, Id>();
  let last: Promise<void> = Promise.resolve();

  const idOf = (mutation: Mutation): Id => storedIds.get(mutation.key as Id) ?? (mutation.key as Id);

  function bodyOf({ type, key, modified, changes }: Mutation): Record<string, unknown> {
    if (type === "update") return writable(changes);
    // A member that is absent gets the default of the deployment.
    const members = Object.entries(writable(modified)).filter(([, value]) => value !== null);
    return { ...Object.fromEntries(members), ...(clientIds && { id: key }) };
  }

  function keepId(mutation: Mutation, task: Task | undefined): void {
    if (mutation.type === "insert" && task && task.id !== mutation.key) storedIds.set(mutation.key as Id, task.id);
  }

  async function sendOne(mutation: Mutation): Promise<void> {
    const headers = { "Idempotency-Key": mutation.mutationId };
    const body = bodyOf(mutation);
    if (mutation.type === "insert") {
      keepId(mutation, await untilDefinite(() => createTask({ client, body: body as NewTask, headers })));
    } else if (mutation.type === "update") {
      const request = { client, path: { id: idOf(mutation) }, body: body as TaskChange, headers };
      await untilDefinite(() => updateTask(request));
    } else {
      try {
        await untilDefinite(() => deleteTask({ client, path: { id: idOf(mutation) }, headers }));
      } catch (error) {
        // Somebody else was faster.
        if (!isProblem(error, "task_not_found")) throw error;
      }
    }
  }

  async function sendSome(mutations: readonly Mutation[], key: string): Promise<void> {
    const operations = mutations.map((mutation): Operation => {
      if (mutation.type === "insert") return { op: "create", ...(bodyOf(mutation) as NewTask) };
      if (mutation.type === "update") return { op: "update", ...bodyOf(mutation), id: idOf(mutation) };
      return { op: "delete", id: idOf(mutation) };
    });
    const request = { client, body: { operations }, headers: { "Idempotency-Key": key } };
    const { results } = await untilDefinite(() => bulkTasks(request));
    mutations.forEach((mutation, index) => keepId(mutation, results[index]?.task));
  }

  async function send({ id, mutations }: Transaction): Promise<void> {
    const wanted = mutations.filter(
      ({ type, changes }) => type !== "update" || Object.keys(writable(changes)).length > 0,
    );
    const [first] = wanted;
    if (first && wanted.length === 1) return sendOne(first);
    for (let start = 0; start < wanted.length; start += MAX_OPERATIONS) {
      await sendSome(wanted.slice(start, start + MAX_OPERATIONS), `${id}-${start}`);
    }
  }

  return (transaction) => {
    const sent = last.then(() => send(transaction));
    last = sent.catch(() => {});
    return sent;
  };
}

/** Sends a write with its key until the API has done or refused it. */
async function untilDefinite<T>(send: () => Promise<T>): Promise<T> {
  for (let attempts = 0, failures = 0; ; attempts += 1) {
    try {
      return await send();
    } catch (error) {
      // What the API fails at again and again must not hold up the writes after it for ever.
      if (error instanceof ProblemError || error instanceof ResponseError) failures += Number(error.status === 500);
      if (!isRetryable(error) || failures === MAX_FAILURES) throw error;
      await pause(attempts);
    }
  }
}
