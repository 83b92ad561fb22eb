import type { Task, TitleInput } from "./generated/index.js";

/** What {@link newTask} takes: the title, and any other member of a task. */
export type NewTaskInput = Partial<Task> & { title: TitleInput };

/**
 * A task for `collection.insert`, with an id of its own: a UUID. The API replaces the id by one of its own, unless the
 * collection has `clientIds`.
 */
export function newTask(input: NewTaskInput): Task {
  const now = new Date().toISOString();
  return {
    id: randomUuid(),
    user_id: "",
    description: null,
    completed: false,
    priority: null,
    due_date: null,
    tags: [],
    category: null,
    status: input.completed ? "completed" : "pending",
    completed_at: null,
    recurrence_rule: null,
    next_occurrence: null,
    time_zone: null,
    version: 0,
    created_at: now,
    updated_at: now,
    ...input,
  };
}

/** A UUID of version 4. `crypto.randomUUID` exists only on pages with HTTPS. */
function randomUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Members that only the API sets. */
const READ_ONLY = new Set([
  "id",
  "user_id",
  "userId",
  "version",
  "created_at",
  "createdAt",
  "updated_at",
  "updatedAt",
  "completed_at",
  "completedAt",
  "next_occurrence",
  "nextOccurrence",
  "parent_task_id",
  "parentTaskId",
  "is_overdue",
  "isOverdue",
  "txid",
]);

/** The members that a write can send. Those with `$` are of TanStack DB. */
export function writable(members: Partial<Task>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(members).filter(
      ([name, value]) => !READ_ONLY.has(name) && !name.startsWith("$") && value !== undefined,
    ),
  );
}
