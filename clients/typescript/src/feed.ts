import { type ChangeBatch, changeBatches } from "./changes.js";
import type { TasksClient } from "./client.js";
import type { Task } from "./generated/index.js";

type Id = Task["id"];

/** Where the changes go: a part of what TanStack DB passes to `sync`. */
export interface Target {
  begin(): void;
  write(message: { type: "insert" | "update"; value: Task } | { type: "delete"; key: Id }): void;
  commit(): unknown;
  markReady(): void;
}

/** Keeps the rows of a collection up to date. */
export interface Feed {
  /** Applies all changes up to now: of a request that begins after this call. */
  pull(): Promise<void>;
  /** Ends all requests. */
  stop(): void;
}

/** A feed of the changes of the user's tasks. It asks for none before the first `pull`. */
export function changeFeed(client: TasksClient, target: Target): Feed {
  const stopped = new AbortController();
  /** The ids of the rows. */
  const rows = new Set<Id>();
  let token: string | undefined;
  /** The ids that a load has brought so far. */
  let loaded = new Set<Id>();
  let last: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;

  function apply(batch: ChangeBatch): void {
    target.begin();
    if (batch.kind === "load" && batch.isFirst) loaded = new Set();
    for (const change of batch.changes) {
      if (change.op === "put") {
        const { task } = change;
        target.write({ type: rows.has(task.id) ? "update" : "insert", value: task });
        rows.add(task.id);
        loaded.add(task.id);
      } else {
        remove(change.id);
      }
    }
    if (batch.kind === "load" && batch.isLast) {
      for (const id of [...rows]) if (!loaded.has(id)) remove(id);
    }
    if (batch.isLast) loaded.clear();
    target.commit();
    token = batch.token;
    if (batch.isLast) target.markReady();
  }

  function remove(id: Id): void {
    if (rows.delete(id)) target.write({ type: "delete", key: id });
  }

  async function run(): Promise<void> {
    waiting = undefined;
    for await (const batch of changeBatches(client, { since: token, signal: stopped.signal })) {
      stopped.signal.throwIfAborted();
      apply(batch);
    }
  }

  return {
    pull: () => (waiting ??= last = last.then(run, run)),
    stop: () => stopped.abort(),
  };
}
