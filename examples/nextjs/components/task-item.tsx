import type { Task } from "tasks-client";
import type { Intent } from "@/lib/outbox";

interface TaskItemProps {
  task: Task;
  onToggle: () => void;
  onDelete: () => void;
}

/** A task that the API has stored. */
export function TaskItem({ task, onToggle, onDelete }: TaskItemProps) {
  return (
    <li className="task">
      <label>
        <input type="checkbox" checked={task.completed} onChange={onToggle} />
        <span className="title">{task.title}</span>
      </label>
      <button
        aria-label={`Delete ${task.title}`}
        onClick={({ currentTarget }) => {
          focusAfter(currentTarget);
          onDelete();
        }}
      >
        Delete
      </button>
    </li>
  );
}

/** A task that is kept in this browser. */
export function WaitingItem({ intent, onDiscard }: { intent: Intent; onDiscard: () => void }) {
  return (
    <li className={`task waiting ${intent.problem ? "refused" : ""}`}>
      <div>
        <p>
          <span className="title">{intent.title}</span>
          <span className="state">{intent.problem ?? "Waiting to be sent"}</span>
        </p>
      </div>
      {intent.problem && (
        <button
          aria-label={`Discard ${intent.title}`}
          onClick={({ currentTarget }) => {
            focusAfter(currentTarget);
            onDiscard();
          }}
        >
          Discard
        </button>
      )}
    </li>
  );
}

/** Moves the focus from the button of an item that goes away to the next one, or to the form. */
function focusAfter(button: HTMLButtonElement) {
  const item = button.closest("li");
  const neighbour = item?.nextElementSibling ?? item?.previousElementSibling;
  const target = neighbour?.querySelector("button") ?? document.querySelector<HTMLElement>("#new-task");
  target?.focus();
}
