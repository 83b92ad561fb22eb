// What a user does with the front end, and what it must show.

/** The failures that the front end shows to the user. */
export const failures = [];

/** Returns the tasks that are shown at the end, in any time zone. */
export async function run(tab) {
  await tab.showsHeading("Tasks of Ada");
  // The priority is the default of the API.
  await tab.submit("Quick add", { Title: "Buy milk" }, "Add");
  await tab.showsTasks("Buy milk | MEDIUM");
  await tab.submit("New task", { Title: "Hand in report", Due: "2026-12-05T17:30", Priority: "urgent" });
  await tab.showsTasks("Hand in report | 5 December 17:30 | URGENT", "Buy milk | MEDIUM");
  await tab.submit("New task", { Title: "Call Grace", Priority: "high" });
  await tab.showsTasks("Call Grace | HIGH", "Hand in report | 5 December 17:30 | URGENT", "Buy milk | MEDIUM");
  await tab.reload();
  await tab.showsTasks("Call Grace | HIGH", "Hand in report | 5 December 17:30 | URGENT", "Buy milk | MEDIUM");

  // The form sends the whole task, with `due_date` as it was and another `dueDate`.
  await tab.click("Edit Hand in report");
  await tab.hasValues("Edit task", { title: "Hand in report", dueDate: "2026-12-05T17:30", priority: "urgent" });
  await tab.submit("Edit task", { Due: "2026-12-24T09:15" });
  await tab.showsTasks("Call Grace | HIGH", "Hand in report | 24 December 09:15 | URGENT", "Buy milk | MEDIUM");
  await tab.click("Edit Hand in report");
  await tab.submit("Edit task", { Due: "" });
  await tab.showsTasks("Call Grace | HIGH", "Hand in report | URGENT", "Buy milk | MEDIUM");
  await tab.click("Edit Hand in report");
  await tab.submit("Edit task", { Title: "Hand in the report", Due: "2026-12-05T17:30" });
  await tab.showsTasks("Call Grace | HIGH", "Hand in the report | 5 December 17:30 | URGENT", "Buy milk | MEDIUM");
  await tab.click("Edit Call Grace");
  await tab.submit("Edit task", { Priority: "low" });
  await tab.showsTasks("Call Grace | LOW", "Hand in the report | 5 December 17:30 | URGENT", "Buy milk | MEDIUM");

  // The body is null.
  await tab.click("Complete Buy milk");
  await tab.showsDone("Buy milk");
  await tab.click("Complete Hand in the report");
  await tab.showsDone("Hand in the report", "Buy milk");
  await tab.click("Complete Hand in the report");
  await tab.showsDone("Buy milk");

  await tab.choose("Show", "most urgent first");
  await tab.showsTasks("Hand in the report | 5 December 17:30 | URGENT", "Buy milk | MEDIUM", "Call Grace | LOW");
  await tab.choose("Show", "urgent");
  await tab.showsTasks("Hand in the report | 5 December 17:30 | URGENT");
  await tab.choose("Show", "newest first");
  await tab.showsTasks("Call Grace | LOW", "Hand in the report | 5 December 17:30 | URGENT", "Buy milk | MEDIUM");
  await tab.click("Delete Call Grace");
  await tab.showsTasks("Hand in the report | 5 December 17:30 | URGENT", "Buy milk | MEDIUM");
  await tab.reload();
  await tab.showsDone("Buy milk");
  return () => ["Hand in the report | 5 December 17:30 | URGENT", "Buy milk | MEDIUM"];
}
