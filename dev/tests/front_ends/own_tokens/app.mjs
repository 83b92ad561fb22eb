// Sends the HS256 token that a route of the application signs, with the user's id in every path. Reads camelCase. Its
// form spreads the task and changes one spelling of a field, as a form in React does. Every task must have a priority.

import { createAuthClient } from "better-auth/client";
import { html, render } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { Account } from "/parts/account.mjs";
import { API_URL } from "/parts/env.mjs";

const PRIORITIES = ["low", "medium", "high", "urgent"];

const auth = createAuthClient();

/** Sends a request as axios does when its content type is JSON: `null` is a body. */
async function send(method, path, body) {
  const { token } = await fetch("/api/token").then((response) => response.json());
  const response = await fetch(`${API_URL}/api/${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  const data = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Error(data.detail);
  return data;
}

function Tasks({ user }) {
  const path = `${user.id}/tasks`;
  const [query, setQuery] = useState("");
  const [tasks, setTasks] = useState(null);
  const [editing, setEditing] = useState(null);
  useEffect(() => void send("GET", `${path}${query}`).then(setTasks), [query]);
  if (!tasks) return html`<p>Loading…</p>`;

  const add = async (fields) => setTasks([await send("POST", path, fields), ...tasks]);
  const replace = (changed) => setTasks(tasks.map((task) => (task.id === changed.id ? changed : task)));
  const save = async (form) => {
    replace(await send("PUT", `${path}/${form.id}`, form));
    setEditing(null);
  };
  const toggle = async (task) => replace(await send("PATCH", `${path}/${task.id}/complete`, null));
  const remove = async (task) => {
    await send("DELETE", `${path}/${task.id}`);
    setTasks(tasks.filter(({ id }) => id !== task.id));
  };

  return html`
    <header>
      <h1>Tasks of ${user.name}</h1>
      <select aria-label="Show" onChange=${(event) => setQuery(event.target.value)}>
        <option value="">newest first</option>
        <option value="?sort=priority&order=desc">most urgent first</option>
        <option value="?priority=urgent&status=pending">urgent</option>
      </select>
    </header>
    <${QuickAdd} onAdd=${add} />
    ${editing
      ? html`<${TaskForm} key=${editing.id} name="Edit task" task=${editing} onSave=${save} />`
      : html`<${TaskForm} key="new" name="New task" onSave=${add} />`}
    <ul>${tasks.map((task) => html`<${Task} key=${task.id} ...${{ task, toggle, remove, edit: setEditing }} />`)}</ul>
  `;
}

function Task({ task, toggle, edit, remove }) {
  return html`
    <li class=${task.completed ? "task done" : "task"}>
      <input
        type="checkbox"
        aria-label=${`Complete ${task.title}`}
        checked=${task.completed}
        onChange=${() => toggle(task)}
      />
      <div class="summary">
        <strong>${task.title}</strong>
        ${task.dueDate && html`<span class="due">${dayAndTime(task.dueDate)}</span>`}
        <span class="priority ${task.priority}">${task.priority.toUpperCase()}</span>
      </div>
      <small>added ${day(task.createdAt)}</small>
      <div class="actions">
        <button aria-label=${`Edit ${task.title}`} onClick=${() => edit(task)}>Edit</button>
        <button aria-label=${`Delete ${task.title}`} onClick=${() => remove(task)}>Delete</button>
      </div>
    </li>
  `;
}

/** Sends nothing but the title. */
function QuickAdd({ onAdd }) {
  const submit = (event) => {
    event.preventDefault();
    onAdd({ title: event.target.title.value });
    event.target.reset();
  };
  return html`
    <form class="row" aria-label="Quick add" onSubmit=${submit}>
      <label>Title<input name="title" required /></label>
      <button type="submit">Add</button>
    </form>
  `;
}

const EMPTY = { title: "", priority: "medium", dueDate: "" };

function TaskForm({ name, task = EMPTY, onSave }) {
  const [form, setForm] = useState(task);
  const change = ({ target }) => setForm({ ...form, [target.name]: target.value });
  const submit = (event) => {
    event.preventDefault();
    onSave(form);
    setForm(task);
  };
  return html`
    <form aria-label=${name} onSubmit=${submit}>
      <h2>${name}</h2>
      <label class="wide">Title<input name="title" value=${form.title} onInput=${change} required /></label>
      <label>
        Due
        <input name="dueDate" type="datetime-local" value=${form.dueDate?.slice(0, 16) ?? ""} onInput=${change} />
      </label>
      <label>
        Priority
        <select name="priority" value=${form.priority} onInput=${change}>
          ${PRIORITIES.map((priority) => html`<option>${priority}</option>`)}
        </select>
      </label>
      <button type="submit">Save</button>
    </form>
  `;
}

function day(time) {
  return new Date(time).toLocaleDateString("en-GB", { day: "numeric", month: "long" });
}

function dayAndTime(time) {
  return `${day(time)} ${new Date(time).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
}

render(html`<${Account} auth=${auth} Page=${Tasks} />`, document.body);
