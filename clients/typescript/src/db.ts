/** A collection for TanStack DB that follows the changes of the user's tasks. */
export { tasksCollectionOptions, type TasksCollectionOptions, type TasksCollectionUtils } from "./collection.js";
export { newTask, type NewTaskInput } from "./new-task.js";
