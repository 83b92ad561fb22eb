// Sends the session token of Better Auth's plugin bearer(). Reads lists as objects, replaces whole tasks with PUT,
// writes every path with a slash at the end, and knows due dates without a time.

import { createAuthClient } from "better-auth/client";
import { html, render } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { Account } from "/parts/account.mjs";
import { API_URL } from "/parts/env.mjs";

const PRIORITIES = ["low", "medium", "high"];

const auth = createAuthClient({
  fetchOptions: {
    auth: { type: "Bearer", token: () => localStorage.getItem("token") ?? "" },
    onSuccess({ response }) {
      const token = response.headers.get("set-auth-token");
      if (token) localStorage.setItem("token", token);
    },
  },
});

async function send(method, path, body) {
  const response = await fetch(`${API_URL}/api/tasks/${path}`, {
    method,
    credentials: "include",
    headers: { Authorization: `Bearer ${localStorage.getItem("token")}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (response.status === 204) return null;
  const data = await response.json();
  if (!response.ok) throw new Error(data.detail);
  return data;
}

function Tasks({ user }) {
  const [filter, setFilter] = useState({ status: "", priority: "", search: "" });
  const [data, setData] = useState(null);
  const [editing, setEditing] = useState(null);
  const [problem, setProblem] = useState(null);

  const load = async () => setData(await send("GET", `?${new URLSearchParams(filter)}`));
  /** Sends a change, and shows the new list or what went wrong. */
  const change = async (...request) => {
    try {
      await send(...request);
      setEditing(null);
      setProblem(null);
      await load();
    } catch (error) {
      setProblem(error.message);
    }
  };
  useEffect(() => void load(), [filter]);
  if (!data) return html`<p>Loading…</p>`;

  const save = (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.target));
    if (editing) return change("PUT", `${editing.id}/`, { ...editing, ...fields });
    event.target.reset();
    return change("POST", "", fields);
  };
  const choose = (event) => {
    event.preventDefault();
    setFilter(Object.fromEntries(new FormData(event.target)));
  };

  return html`
    <header>
      <h1>${data.total} ${data.total === 1 ? "task" : "tasks"}</h1>
      <span>${user.name}</span>
    </header>
    ${problem && html`<p class="toast" role="alert">${problem}</p>`}
    <form key=${editing?.id ?? "new"} aria-label=${editing ? "Edit task" : "New task"} onSubmit=${save}>
      <h2>${editing ? "Edit task" : "New task"}</h2>
      <label class="wide">Title<input name="title" defaultValue=${editing?.title} required /></label>
      <label>Due<input name="due_date" type="date" defaultValue=${editing?.due_date?.split("T")[0]} /></label>
      <label>
        Priority
        <select name="priority">
          <option value="">none</option>
          ${PRIORITIES.map((priority) => html`<option selected=${editing?.priority === priority}>${priority}</option>`)}
        </select>
      </label>
      <button type="submit">Save</button>
    </form>
    <form aria-label="Filter" onSubmit=${choose}>
      <label>
        Status
        <select name="status">
          <option value="">all</option>
          <option>pending</option>
          <option>completed</option>
        </select>
      </label>
      <label>
        Priority
        <select name="priority">
          <option value="">all</option>
          ${PRIORITIES.map((priority) => html`<option>${priority}</option>`)}
        </select>
      </label>
      <label>Search<input name="search" type="search" /></label>
      <button type="submit">Show</button>
    </form>
    <ul>
      ${data.tasks.map((task) => html`
        <li key=${task.id} class=${task.completed ? "task done" : "task"}>
          <input
            type="checkbox"
            aria-label=${`Complete ${task.title}`}
            checked=${task.completed}
            onChange=${() => change("PUT", `${task.id}/`, { ...task, completed: !task.completed })}
          />
          <div class="summary">
            <strong>${task.title}</strong>
            ${task.due_date && html`<span class="due">${day(task.due_date)}</span>`}
            ${task.priority && html`<span class="priority ${task.priority}">${task.priority}</span>`}
          </div>
          <div class="actions">
            <button aria-label=${`Edit ${task.title}`} onClick=${() => setEditing(task)}>Edit</button>
            <button aria-label=${`Delete ${task.title}`} onClick=${() => change("DELETE", `${task.id}/`)}>
              Delete
            </button>
          </div>
        </li>
      `)}
    </ul>
  `;
}

function day(time) {
  return new Date(time).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
}

render(html`<${Account} auth=${auth} Page=${Tasks} />`, document.body);
