"use client";

import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import { authClient } from "@/lib/auth-client";
import { useOnline } from "@/lib/online";
import { forgetPages, keepPage } from "@/lib/pages";
import { useTasks } from "@/lib/use-tasks";
import { TaskItem, WaitingItem } from "./task-item";

interface TaskPageProps {
  user: { id: string; name: string };
  apiUrl: string;
}

/** The page of a user who is signed in. */
export function TaskPage({ user, apiUrl }: TaskPageProps) {
  const router = useRouter();
  const isOnline = useOnline();
  const { tasks, waiting, message, synchronize, ...actions } = useTasks(apiUrl, user.id);
  const [title, setTitle] = useState("");
  const open = tasks?.filter((task) => !task.completed).length ?? 0;
  const summary = tasks && [`${open} to do`, `${tasks.length - open} done`];
  if (waiting.length > 0) summary?.push(`${waiting.length} not sent`);

  // Without it, everything else works too.
  useEffect(() => void keepPage().catch(() => {}), []);

  async function signOut() {
    await authClient.signOut();
    await forgetPages();
    router.replace("/sign-in");
  }

  return (
    <>
      <header>
        <p>{user.name}</p>
        <button onClick={() => void signOut()} disabled={!isOnline}>
          Sign out
        </button>
      </header>
      <main>
        <h1>Tasks</h1>
        <p className="summary" role="status">
          {summary?.join(", ") ?? (isOnline ? "Loading…" : "Not loaded yet")}
        </p>
        <form
          className="create"
          onSubmit={(event) => {
            event.preventDefault();
            actions.create(title.trim());
            setTitle("");
          }}
        >
          <label htmlFor="new-task">New task</label>
          <div>
            <input
              id="new-task"
              value={title}
              onChange={({ target }) => setTitle(target.value)}
              pattern=".*\S.*"
              title="At least one character"
              autoComplete="off"
              required
            />
            <button className="primary">Add</button>
          </div>
        </form>
        <div aria-live="polite">
          {!isOnline && <p className="banner">You are offline. New tasks are sent when you are back.</p>}
          {message && (
            <p className="banner problem">
              {message.text} {message.canRetry && <button onClick={() => void synchronize()}>Try again</button>}
            </p>
          )}
        </div>
        <ul aria-label="Tasks">
          {waiting.toReversed().map((intent) => (
            <WaitingItem key={intent.key} intent={intent} onDiscard={() => actions.discard(intent)} />
          ))}
          {tasks?.map((task) => (
            <TaskItem
              key={task.id}
              task={task}
              onToggle={() => actions.toggle(task)}
              onDelete={() => actions.remove(task)}
            />
          ))}
        </ul>
        {tasks?.length === 0 && waiting.length === 0 && <p className="empty">Nothing to do yet. Add your first task.</p>}
      </main>
    </>
  );
}
