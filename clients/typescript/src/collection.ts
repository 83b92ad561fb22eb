import type { CollectionConfig } from "@tanstack/db";

import type { TasksClient } from "./client.js";
import { changeFeed, type Feed } from "./feed.js";
import type { Task } from "./generated/index.js";
import { isRetryable } from "./errors.js";
import { pause } from "./sleep.js";
import { writer } from "./writer.js";

// `@tanstack/query-db-collection` would fetch the whole list each time, and delete the rows that a response lacks.

/** Options of {@link tasksCollectionOptions}. */
export interface TasksCollectionOptions {
  client: TasksClient;
  /** The id of the collection, which is `tasks` by default. */
  id?: string;
  /** Whether the API takes the ids that {@link newTask} makes: its ids are uuid or text, not numbers. */
  clientIds?: boolean;
  /** Gets the error of a request for changes that has failed. The tasks stay as they are. */
  onError?: (error: unknown) => void;
}

/** `collection.utils`. */
export interface TasksCollectionUtils extends Record<string, unknown> {
  /**
   * Applies all changes up to now, among them every write that has got its response. Call it after a write that did not
   * go through the collection. Nothing happens while nobody uses the collection.
   */
  refetch: () => Promise<void>;
}

/** What {@link tasksCollectionOptions} returns, for `createCollection`. */
export type TasksCollectionConfig = CollectionConfig<Task, Task["id"], never, TasksCollectionUtils> & {
  utils: TasksCollectionUtils;
};

/**
 * Options of a collection with all tasks of the user, for `createCollection` of TanStack DB.
 *
 * It follows the changes: when it is first used, after each write, when the page gets the focus and when the network is
 * back. A request that fails leaves the tasks as they are.
 *
 * Writes are shown at once and sent one after the other. While the outcome of a write is unknown, it is sent again with
 * the same key. It is undone only if the API refuses it. Up to 100 changes of one transaction are done all or none.
 */
export function tasksCollectionOptions(options: TasksCollectionOptions): TasksCollectionConfig {
  const { client, clientIds = false, onError = () => {} } = options;
  const write = writer(client, clientIds);
  let feed: Feed | undefined;

  // TanStack DB shows the optimistic state until the promise resolves, and then what the feed has brought.
  const onWrite: (parameters: { transaction: Parameters<typeof write>[0] }) => Promise<void> = async (parameters) => {
    await write(parameters.transaction);
    await caughtUp(feed);
  };

  return {
    id: options.id ?? "tasks",
    getKey: (task) => task.id,
    sync: {
      rowUpdateMode: "full",
      sync: ({ begin, write, commit, markReady, markError, collection }) => {
        const started = changeFeed(client, { begin, write, commit, markReady });
        feed = started;
        const pull = (): void => {
          started.pull().catch((error: unknown) => {
            if (feed !== started) return;
            if (collection.status === "loading") markError(error);
            onError(error);
          });
        };
        const stopListening = onReturn(pull);
        pull();
        return () => {
          stopListening();
          started.stop();
          if (feed === started) feed = undefined;
        };
      },
    },
    onInsert: onWrite,
    onUpdate: onWrite,
    onDelete: onWrite,
    utils: { refetch: async () => feed?.pull() },
  };
}

/** Calls `pull` when the page gets the focus or the network is back. Returns how to end that. */
function onReturn(pull: () => void): () => void {
  if (typeof window === "undefined") return () => {};
  const events = ["focus", "online"] as const;
  for (const event of events) window.addEventListener(event, pull);
  return () => {
    for (const event of events) window.removeEventListener(event, pull);
  };
}

/** Waits until the changes of all writes that have got their response are in the collection. */
async function caughtUp(feed: Feed | undefined): Promise<void> {
  for (let attempts = 0; feed; attempts += 1) {
    try {
      return await feed.pull();
    } catch (error) {
      if (!isRetryable(error)) return;
      await pause(attempts);
    }
  }
}
