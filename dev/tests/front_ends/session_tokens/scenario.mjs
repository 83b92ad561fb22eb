// What a user does with the front end, and what it must show.

/** The failures that the front end shows to the user. */
export const failures = [];

/** Returns the tasks that are shown at the end, in any time zone. */
export async function run(tab) {
  await tab.showsHeading("0 tasks");
  await tab.submit("New task", { Title: "Pay rent", Due: "2026-12-05", Priority: "high" });
  await tab.showsTasks("Pay rent | 5 December 2026 | high");
  await tab.submit("New task", { Title: "Buy milk" });
  await tab.showsTasks("Buy milk", "Pay rent | 5 December 2026 | high");
  await tab.submit("New task", { Title: "Call Grace", Due: "2027-01-01", Priority: "low" });
  await tab.showsHeading("3 tasks");
  await tab.showsTasks("Call Grace | 1 January 2027 | low", "Buy milk", "Pay rent | 5 December 2026 | high");

  // The whole task goes back with every change. What the user did not touch stays as it is.
  await tab.click("Edit Pay rent");
  await tab.hasValues("Edit task", { title: "Pay rent", due_date: "2026-12-05", priority: "high" });
  await tab.submit("Edit task", { Title: "Pay the rent" });
  await tab.showsTasks("Call Grace | 1 January 2027 | low", "Buy milk", "Pay the rent | 5 December 2026 | high");
  await tab.click("Complete Pay the rent");
  await tab.showsDone("Pay the rent");
  await tab.click("Edit Call Grace");
  await tab.submit("Edit task", { Due: "2026-12-31", Priority: "" });
  await tab.showsTasks("Call Grace | 31 December 2026", "Buy milk", "Pay the rent | 5 December 2026 | high");
  await tab.click("Edit Call Grace");
  await tab.submit("Edit task", { Due: "" });
  await tab.showsTasks("Call Grace", "Buy milk", "Pay the rent | 5 December 2026 | high");

  await tab.submit("Filter", { Status: "pending" }, "Show");
  await tab.showsTasks("Call Grace", "Buy milk");
  await tab.showsHeading("2 tasks");
  await tab.submit("Filter", { Status: "", Search: "rent" }, "Show");
  await tab.showsTasks("Pay the rent | 5 December 2026 | high");
  await tab.submit("Filter", { Search: "" }, "Show");
  await tab.showsHeading("3 tasks");
  await tab.submit("Filter", { Priority: "high" }, "Show");
  await tab.showsTasks("Pay the rent | 5 December 2026 | high");
  await tab.submit("Filter", { Priority: "" }, "Show");
  await tab.showsHeading("3 tasks");

  await tab.click("Delete Call Grace");
  await tab.showsHeading("2 tasks");
  await tab.reload();
  await tab.showsTasks("Buy milk", "Pay the rent | 5 December 2026 | high");
  await tab.showsDone("Pay the rent");
  return () => ["Buy milk", "Pay the rent | 5 December 2026 | high"];
}
