// What a user does with the front end, and what it must show.

/** The failures that the front end shows to the user, and the token that it replaces. */
export const failures = [
  "422 POST /api/v1/tasks",
  "401 GET /api/v1/tasks",
  "412 PATCH /api/v1/tasks/{id}",
];

/** Returns the tasks that are shown at the end, in any time zone. */
export async function run(tab) {
  await tab.showsHeading("Ada");
  await tab.submit("New task", { Title: " " });
  await tab.showsMessages("title must not be empty");
  await tab.submit("New task", { Title: "Hand in report", Due: "2026-12-05T17:30" });
  await tab.showsTasks("Hand in report | 5 December at 17:30");
  await tab.showsMessages();
  await tab.submit("New task", { Title: "Buy milk", Due: "2026-12-04T23:45" });
  await tab.showsTasks("Buy milk | 4 December at 23:45", "Hand in report | 5 December at 17:30");
  await tab.submit("New task", { Title: "Adopt a cat" });
  await tab.showsTasks("Adopt a cat", "Buy milk | 4 December at 23:45", "Hand in report | 5 December at 17:30");

  await tab.choose("Sort", "by due date");
  await tab.showsTasks("Buy milk | 4 December at 23:45", "Hand in report | 5 December at 17:30", "Adopt a cat");
  await tab.choose("Sort", "by title");
  await tab.showsTasks("Adopt a cat", "Buy milk | 4 December at 23:45", "Hand in report | 5 December at 17:30");
  await tab.type("Search", "report");
  await tab.showsTasks("Hand in report | 5 December at 17:30");
  await tab.type("Search", "");
  await tab.showsTasks("Adopt a cat", "Buy milk | 4 December at 23:45", "Hand in report | 5 December at 17:30");

  // The API no longer accepts the token. Nobody notices.
  await tab.page.evaluate(() => (sessionStorage.token = sessionStorage.token.replace(/\.[^.]*$/, ".AAAA")));
  await tab.reload();
  await tab.showsTasks("Adopt a cat", "Buy milk | 4 December at 23:45", "Hand in report | 5 December at 17:30");

  await tab.click("Edit Buy milk");
  await tab.hasValues("Edit task", { title: "Buy milk", due: "2026-12-04T23:45" });
  await tab.submit("Edit task", { Title: "Buy oat milk", Due: "2026-12-05T00:15" });
  await tab.showsTasks("Adopt a cat", "Buy oat milk | 5 December at 00:15", "Hand in report | 5 December at 17:30");

  // Two tabs change the same task. The second one is told, and tries again with what is stored now.
  await tab.click("Edit Hand in report");
  const other = await tab.openAnother();
  await other.click("Complete Hand in report");
  await other.showsDone("Hand in report");
  await other.close();
  await tab.submit("Edit task", { Title: "Hand in the report" });
  await tab.showsMessages("The task has changed since you read it");
  await tab.reload();
  await tab.showsDone("Hand in report");
  await tab.click("Edit Hand in report");
  await tab.submit("Edit task", { Title: "Hand in the report" });
  await tab.showsDone("Hand in the report");
  await tab.click("Complete Hand in the report");
  await tab.showsDone();

  await tab.click("Delete Adopt a cat");
  await tab.showsTasks("Buy oat milk | 5 December at 00:15", "Hand in the report | 5 December at 17:30");

  // An instant is another time of the day elsewhere.
  const [milk, report] = await tab.instants("2026-12-05T00:15", "2026-12-05T17:30");
  return (timeZone) => {
    const options = { timeZone, day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" };
    const { format } = new Intl.DateTimeFormat("en-GB", options);
    return [`Buy oat milk | ${format(milk)}`, `Hand in the report | ${format(report)}`];
  };
}
