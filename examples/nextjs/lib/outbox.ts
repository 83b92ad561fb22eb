// New tasks that the API has not confirmed yet. They are kept in the storage of the browser, so they survive a reload,
// and each with the idempotency key that it is sent with: sent twice, it is stored once.

import { useMemo, useSyncExternalStore } from "react";
import { newKey } from "tasks-client";

/** A task that the user wants to create. */
export interface Intent {
  /** The value of `Idempotency-Key`. */
  key: string;
  title: string;
  /** Milliseconds since 1970. Intents are sent in this order. */
  time: number;
  /** Why the API does not accept it. Such an intent is not sent again. */
  problem?: string;
}

/** The intents of one user. Each is an item of its own in the storage, so that two tabs do not overwrite each other. */
export class Outbox {
  #prefix: string;
  #listeners = new Set<() => void>();

  constructor(userId: string) {
    this.#prefix = `outbox/${userId}/`;
  }

  add(title: string) {
    this.put({ key: newKey(), title, time: Date.now() });
  }

  put(intent: Intent) {
    localStorage.setItem(this.#prefix + intent.key, JSON.stringify(intent));
    this.#notify();
  }

  remove(intent: Intent) {
    localStorage.removeItem(this.#prefix + intent.key);
    this.#notify();
  }

  list(): Intent[] {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.#prefix));
    const intents = keys.map((key) => JSON.parse(localStorage.getItem(key) ?? "null") as Intent);
    return intents.sort((one, other) => one.time - other.time);
  }

  /**
   * Sends what is waiting, one after the other and in one tab at a time. Stops at an error of `send`, after which nobody
   * knows whether the task was stored: the next call repeats it with the same key.
   */
  flush(send: (intent: Intent) => Promise<void>) {
    return navigator.locks.request(this.#prefix, async () => {
      for (const intent of this.list()) if (!intent.problem) await send(intent);
    });
  }

  subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    addEventListener("storage", listener);
    return () => {
      this.#listeners.delete(listener);
      removeEventListener("storage", listener);
    };
  };

  #notify() {
    for (const listener of this.#listeners) listener();
  }
}

/** The intents. The component renders again when they change, in this tab or in another one. */
export function useIntents(outbox: Outbox): Intent[] {
  // A text, because React compares snapshots by identity.
  const json = useSyncExternalStore(outbox.subscribe, () => JSON.stringify(outbox.list()), () => "[]");
  return useMemo(() => JSON.parse(json) as Intent[], [json]);
}
