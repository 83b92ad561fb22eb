/** Options for TanStack Query: those of each operation, and the pages of a list. */
import { infiniteQueryOptions } from "@tanstack/react-query";

import type { TasksClient } from "./client.js";
import { listPage, type ListQuery, type Page } from "./pages.js";

export * from "./generated/@tanstack/react-query.gen.js";

/** Options of `useInfiniteQuery` for the pages of a list. The pages are joined by cursors. */
export function taskPagesOptions(client: TasksClient, query: ListQuery = {}) {
  return infiniteQueryOptions({
    queryKey: ["taskPages", { baseUrl: client.getConfig().baseUrl, query }] as const,
    queryFn: ({ pageParam, signal }) => listPage(client, pageParam, { signal }),
    initialPageParam: query,
    getNextPageParam: (page: Page) => page.next,
  });
}
