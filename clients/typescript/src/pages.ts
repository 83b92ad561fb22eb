import type { TasksClient } from "./client.js";
import type { ListTasksData, ListTasksErrors, ListTasksResponses, Task } from "./generated/index.js";

/** Filter and order of a list. */
export type ListQuery = NonNullable<ListTasksData["query"]>;

/** Options of a request that can be canceled. */
export interface Cancelable {
  /** Cancels the request. The operation throws the reason of the signal then. */
  signal?: AbortSignal | undefined;
}

/** A page of a list. */
export interface Page {
  tasks: Task[];
  /** The query of the next page. Undefined on the last one. */
  next: ListQuery | undefined;
  /** How many tasks match the filter, if the API counts them (`TASK_LIST_SHAPE=object`). */
  total: number | undefined;
}

/** Loads one page, whichever shape the API gives a list. */
export async function listPage(client: TasksClient, query: ListQuery = {}, options: Cancelable = {}): Promise<Page> {
  const { data, response } = await client.get<ListTasksResponses, ListTasksErrors, true>({
    url: "/api/tasks",
    query,
    ...(options.signal && { signal: options.signal }),
  });
  const next = nextQuery(response.headers.get("Link"));
  return Array.isArray(data) ? { tasks: data, next, total: undefined } : { tasks: data.tasks, next, total: data.total };
}

/** Loads the pages of a list, each when it is asked for. `query.limit` is the size of a page. */
export async function* taskPages(
  client: TasksClient,
  query: ListQuery = {},
  options: Cancelable = {},
): AsyncGenerator<Page, void, undefined> {
  for (let next: ListQuery | undefined = query; next;) {
    const page: Page = await listPage(client, next, options);
    yield page;
    next = page.next;
  }
}

/** The tasks of a list, page by page. Ending the loop early loads no further page. */
export async function* eachTask(
  client: TasksClient,
  query: ListQuery = {},
  options: Cancelable = {},
): AsyncGenerator<Task, void, undefined> {
  for await (const page of taskPages(client, query, options)) yield* page.tasks;
}

/** The query of the link with `rel="next"` (RFC 8288): the cursor keeps filter and order. */
function nextQuery(link: string | null): ListQuery | undefined {
  const target = link && /<([^>]*)>[^<]*;\s*rel="?next"?/i.exec(link)?.[1];
  if (!target) return undefined;
  const parameters = new URL(target, "http://localhost").searchParams;
  const [cursor, limit] = [parameters.get("cursor"), parameters.get("limit")];
  return cursor ? { cursor, ...(limit && { limit: Number(limit) }) } : undefined;
}
