// The tasks of the user who is signed in: what the API has confirmed, what is shown before it has, and what is waiting.

import { startTransition, useEffect, useOptimistic, useRef, useState } from "react";
import { completeTask, createTask, deleteTask, eachTask, ifUnchanged, isRetryable, type Task } from "tasks-client";
import { createApi, explain, isUnauthorized } from "./api";
import { useOnline } from "./online";
import { type Intent, Outbox, useIntents } from "./outbox";

type Change = { put: Task } | { deleted: Task["id"] };

/** A problem, for the user. */
interface Message {
  text: string;
  /** Whether it can be solved by `synchronize`. */
  canRetry: boolean;
}

function apply(tasks: Task[] | undefined, change: Change): Task[] | undefined {
  if ("deleted" in change) return tasks?.filter((task) => task.id !== change.deleted);
  const { put } = change;
  const isKnown = tasks?.some((task) => task.id === put.id);
  return isKnown ? tasks?.map((task) => (task.id === put.id ? put : task)) : tasks && [put, ...tasks];
}

export function useTasks(apiUrl: string, userId: string) {
  const [client] = useState(() => createApi(apiUrl, userId));
  const [outbox] = useState(() => new Outbox(userId));
  const waiting = useIntents(outbox);
  const isOnline = useOnline();
  const [message, setMessage] = useState<Message>();

  /** What the API has confirmed; the reference has it before React renders it. */
  const [confirmed, setConfirmed] = useState<Task[]>();
  const latest = useRef<Task[]>(undefined);
  const [tasks, showBeforeConfirmed] = useOptimistic(confirmed, apply);
  /** How many changes have been confirmed. */
  const changes = useRef(0);
  /** The last change to be sent: they are sent in their order. */
  const last = useRef<Promise<unknown>>(Promise.resolve());

  function set(tasks: Task[] | undefined) {
    latest.current = tasks;
    setConfirmed(tasks);
  }

  function confirm(change: Change) {
    changes.current += 1;
    set(apply(latest.current, change));
  }

  /** Fetches the list, again if a change was confirmed meanwhile, which the list may not have. */
  async function refresh() {
    for (let before; before !== changes.current; ) {
      before = changes.current;
      const tasks = await Array.fromAsync(eachTask(client));
      if (before === changes.current) set(tasks);
    }
  }

  async function send(intent: Intent) {
    try {
      const headers = { "Idempotency-Key": intent.key };
      confirm({ put: await createTask({ client, body: { title: intent.title }, headers }) });
      outbox.remove(intent);
    } catch (error) {
      if (isRetryable(error) || isUnauthorized(error)) throw error;
      outbox.put({ ...intent, problem: explain(error) });
    }
  }

  /** Does what needs a network, if there is one. */
  async function attempt(...actions: (() => Promise<unknown>)[]) {
    if (!navigator.onLine) return;
    try {
      for (const action of actions) await action();
      setMessage((message) => (message?.canRetry ? undefined : message));
    } catch (error) {
      setMessage({ text: explain(error), canRetry: true });
    }
  }

  const sendWaiting = () => outbox.flush(send);
  const synchronize = () => attempt(sendWaiting, refresh);

  /** Shows a change immediately. It disappears again if the API refuses it. */
  function change(task: Task, shown: Change, send: (version: number) => Promise<Change>) {
    if (!navigator.onLine) return setMessage({ text: "You can change tasks when you are back.", canRetry: false });
    setMessage(undefined);
    startTransition(async () => {
      showBeforeConfirmed(shown);
      const sent = last.current.then(async () => {
        // An earlier change of this page has made a new version.
        const version = latest.current?.find(({ id }) => id === task.id)?.version ?? task.version;
        confirm(await send(version));
      });
      last.current = sent.catch(() => {});
      try {
        await sent;
      } catch (error) {
        setMessage({ text: `“${task.title}” was not changed: ${explain(error)}`, canRetry: false });
        void attempt(refresh);
      }
    });
  }

  // Not by a timer: a tab that polls keeps the database awake.
  useEffect(() => {
    const whenVisible = () => document.visibilityState === "visible" && void synchronize();
    if (isOnline) void synchronize();
    document.addEventListener("visibilitychange", whenVisible);
    return () => document.removeEventListener("visibilitychange", whenVisible);
  }, [isOnline]);

  return {
    /** Undefined until the list has arrived. */
    tasks,
    /** New tasks that the API has not confirmed. */
    waiting,
    message,
    synchronize,
    create(title: string) {
      setMessage(undefined);
      outbox.add(title);
      void attempt(sendWaiting);
    },
    toggle(task: Task) {
      const completed = !task.completed;
      change(task, { put: { ...task, completed } }, async (version) => ({
        put: await completeTask({ client, path: { id: task.id }, body: { completed }, headers: ifUnchanged({ version }) }),
      }));
    },
    remove(task: Task) {
      change(task, { deleted: task.id }, async (version) => {
        await deleteTask({ client, path: { id: task.id }, headers: ifUnchanged({ version }) });
        return { deleted: task.id };
      });
    },
    discard: (intent: Intent) => outbox.remove(intent),
  };
}
