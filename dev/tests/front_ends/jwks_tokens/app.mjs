// Sends the EdDSA token of Better Auth's plugin jwt, and gets another one when it is refused. Reads and writes camelCase,
// with instants in UTC, and changes a task only if it is still as the user has seen it.

import { createAuthClient } from "better-auth/client";
import { jwtClient } from "better-auth/client/plugins";
import { html, render } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { Account } from "/parts/account.mjs";
import { API_URL } from "/parts/env.mjs";

const auth = createAuthClient({ plugins: [jwtClient()] });

async function token() {
  if (!sessionStorage.token) sessionStorage.token = (await auth.token()).data.token;
  return sessionStorage.token;
}

/** Returns the body and the entity tag of the response. A refused token is replaced once. */
async function send(method, path, { body, etag, isRepeated = false } = {}) {
  const response = await fetch(`${API_URL}/api/v1/tasks${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${await token()}`,
      ...(body && { "Content-Type": "application/json" }),
      ...(etag && { "If-Match": etag }),
    },
    body: body && JSON.stringify(body),
  });
  if (response.status === 401 && !isRepeated) {
    sessionStorage.removeItem("token");
    return send(method, path, { body, etag, isRepeated: true });
  }
  const data = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(data.detail);
  return { data, etag: response.headers.get("ETag") };
}

function Tasks({ user }) {
  const [query, setQuery] = useState({ search: "", sort_by: "createdAt", sort_order: "desc" });
  const [tasks, setTasks] = useState(null);
  /** The task in the form, with its entity tag. */
  const [editing, setEditing] = useState(null);
  const [toast, setToast] = useState(null);

  /** Does something, and shows why it failed. */
  const attempt = async (action) => {
    try {
      await action();
      setToast(null);
    } catch (error) {
      setToast(error.message);
    }
  };
  const load = async () => setTasks((await send("GET", `?${new URLSearchParams(query)}`)).data);
  const change = async (...request) => {
    await send(...request);
    await load();
  };
  useEffect(() => void attempt(load), [query]);
  if (!tasks) return html`<p>Loading…</p>`;

  const save = (event) => {
    event.preventDefault();
    const { title, due } = Object.fromEntries(new FormData(event.target));
    const body = { title, dueDate: due ? new Date(due).toISOString() : null };
    return attempt(async () => {
      if (editing) await change("PATCH", `/${editing.data.id}`, { body, etag: editing.etag });
      else await change("POST", "", { body });
      setEditing(null);
      event.target.reset();
    });
  };
  const edit = (task) => attempt(async () => setEditing(await send("GET", `/${task.id}`)));
  const sort = ({ target }) => {
    const [sort_by, sort_order] = target.value.split(" ");
    setQuery({ ...query, sort_by, sort_order });
  };

  const form = editing ? "Edit task" : "New task";
  return html`
    <header>
      <h1>${user.name}</h1>
      <input
        aria-label="Search"
        type="search"
        placeholder="Search"
        onInput=${({ target }) => setQuery({ ...query, search: target.value })}
      />
      <select aria-label="Sort" onChange=${sort}>
        <option value="createdAt desc">newest first</option>
        <option value="dueDate asc">by due date</option>
        <option value="title asc">by title</option>
      </select>
    </header>
    ${toast && html`<p class="toast" role="alert">${toast}</p>`}
    <form key=${editing?.data.id ?? "new"} aria-label=${form} onSubmit=${save} novalidate>
      <h2>${form}</h2>
      <label>Title<input name="title" defaultValue=${editing?.data.title} /></label>
      <label>Due<input name="due" type="datetime-local" defaultValue=${localTime(editing?.data.dueDate)} /></label>
      <button type="submit">Save</button>
    </form>
    <ul>
      ${tasks.map((task) => html`
        <li key=${task.id} class=${task.completed ? "task done" : "task"}>
          <input
            type="checkbox"
            aria-label=${`Complete ${task.title}`}
            checked=${task.completed}
            onChange=${() => attempt(() => change("PATCH", `/${task.id}/complete`))}
          />
          <div class="summary">
            <strong>${task.title}</strong>
            ${task.dueDate && html`<span class="due">${dayAndTime(task.dueDate)}</span>`}
          </div>
          <div class="actions">
            <button aria-label=${`Edit ${task.title}`} onClick=${() => edit(task)}>Edit</button>
            <button
              aria-label=${`Delete ${task.title}`}
              onClick=${() => attempt(() => change("DELETE", `/${task.id}`))}
            >
              Delete
            </button>
          </div>
        </li>
      `)}
    </ul>
  `;
}

/** An instant as the value of an input of the type datetime-local, in the zone of the browser. */
function localTime(instant) {
  if (!instant) return "";
  const time = new Date(instant);
  return new Date(time - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function dayAndTime(instant) {
  const options = { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat("en-GB", options).format(new Date(instant));
}

render(html`<${Account} auth=${auth} Page=${Tasks} />`, document.body);
