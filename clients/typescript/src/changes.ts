import type { TasksClient } from "./client.js";
import { isProblem } from "./errors.js";
import { type Change, listChanges } from "./generated/index.js";
import type { Cancelable } from "./pages.js";

/** Some changes, to be stored together with their token in one transaction. */
export interface ChangeBatch {
  /**
   * A `load` has every task: without a token, or with one that is not known any more. Its batches are to be merged into
   * the tasks that are there; only after the last one, tasks that were in none of them are deleted. An `update` has what
   * has changed since the token.
   */
  kind: "load" | "update";
  /** Whether this is the first batch of a load or an update. */
  isFirst: boolean;
  /** Whether this is the last one, so that the tasks are now those of the API. */
  isLast: boolean;
  changes: Change[];
  /** What to pass as `since` next time. Undefined within a load: one that is interrupted starts again. */
  token: string | undefined;
}

/** Options of {@link changeBatches}. */
export interface ChangesOptions extends Cancelable {
  /** The token of the last batch that was stored. Without one all tasks are loaded. */
  since?: string | undefined;
  /** The greatest number of changes in a batch: 1 to 1000, which is the default. */
  limit?: number | undefined;
}

/** A load that begins anew more often than this has found something that is not the API. */
const MAX_RESTARTS = 3;

/**
 * What has changed since a token, until there is no more at the moment. One batch at a time is in memory.
 *
 * Ask when something may have changed: after a write, when the page gets the focus or the network is back. A timer would
 * keep a database awake that could sleep.
 */
export async function* changeBatches(
  client: TasksClient,
  options: ChangesOptions = {},
): AsyncGenerator<ChangeBatch, void, undefined> {
  const { limit, signal } = options;
  let since = options.since;
  let kind: ChangeBatch["kind"] = since ? "update" : "load";
  let [isFirst, restarts] = [true, 0];
  for (;;) {
    const query = { ...(since && { since }), ...(limit && { limit }) };
    let page;
    try {
      page = await listChanges({ client, query, ...(signal && { signal }) });
    } catch (error) {
      const isUnknown = since && isProblem(error, "sync_token_expired", "invalid_sync_token");
      if (!isUnknown || restarts++ === MAX_RESTARTS) throw error;
      [since, kind, isFirst] = [undefined, "load", true];
      continue;
    }
    const isLast = !page.has_more;
    const token = kind === "load" && !isLast ? undefined : page.next;
    yield { kind, isFirst, isLast, changes: page.changes, token };
    if (isLast) return;
    [since, isFirst] = [page.next, false];
  }
}
