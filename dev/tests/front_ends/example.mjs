// Uses examples/nextjs in Chromium, in the same way as a user. Exits with 1 if a page does not show what it must, or if
// anything else goes wrong in it.
//
// Environment variables, all required:
//
//   ORIGIN     the example
//   API_URL    the API
//   CHROMIUM   the program
//   PICTURES   the folder for pictures of the pages

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { launch, Visitor } from "./browser.mjs";

const { ORIGIN: origin, API_URL: apiUrl, CHROMIUM: chromium, PICTURES: pictures } = process.env;
const DESKTOP = { width: 776, height: 850 };
const PHONE = { width: 390, height: 850 };
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

mkdirSync(pictures, { recursive: true });
const browser = await launch(chromium, "Europe/Berlin");
const visitors = [];
const ada = newAccount("Ada");
try {
  const visitor = await newVisitor();
  await signUpWithKeyboard(visitor);
  // Better Auth allows three sign-ins in ten seconds, so the others have the session that this one has begun.
  const cookies = await visitor.context.cookies();
  await isRefused(await newVisitor(cookies));
  await createOffline(await newVisitor(cookies));
  await loseResponse(await newVisitor(cookies));
  await takePictures(await newVisitor(cookies));
  await changeUser(await newVisitor(cookies));
  await signOut(await newVisitor(cookies));
  for (const { problems } of visitors) {
    // What the tests themselves have caused.
    const isCaused = (problem) => /net::ERR_(CONNECTION_RESET|INTERNET_DISCONNECTED)/.test(problem);
    assert.deepEqual(problems.filter((problem) => !isCaused(problem)), []);
  }
} catch (error) {
  console.error(visitors.map(({ problems, failures }) => ({ problems, failures })));
  await visitors.at(-1)?.context.pages().at(-1)?.screenshot({ path: join(pictures, "example-failed.png") });
  throw error;
} finally {
  await browser.close();
}

/** A new user, with the keyboard alone. */
async function signUpWithKeyboard(visitor) {
  const page = await open(visitor);
  await shows(page.getByRole("heading", { name: "Sign in", level: 1 }));
  await isAccessible(page);
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const type = async (text) => page.keyboard.type(text);

  await press("Tab");
  await type(ada.email);
  await press("Tab");
  await type(ada.password);
  await press("Enter");
  await shows(page.getByRole("alert").filter({ hasText: "Invalid email or password" }));
  await press("Tab", "Tab");
  assert.equal(await focused(page), "Sign up");
  await press("Enter");
  await shows(page.getByRole("heading", { name: "Sign up", level: 1 }));
  await isAccessible(page);
  await page.getByLabel("Name").focus();
  for (const text of [ada.name, ada.email, ada.password]) {
    await type(text);
    await press("Tab");
  }
  await press("Enter");
  await shows(page.getByText("Nothing to do yet"));
  await isAccessible(page);

  await press("Tab", "Tab");
  for (const title of ["Water the plants", "Call the bank", "Buy milk"]) {
    await type(title);
    await press("Enter");
    await shows(task(page, title));
  }
  await showsTasks(page, "Buy milk", "Call the bank", "Water the plants");
  await press("Tab", "Tab");
  assert.equal(await focused(page), "Buy milk");
  await isSaved(page, () => press("Space"));
  await page.reload();
  await shows(page.getByText("2 to do, 1 done"));
  assert.ok(await task(page, "Buy milk").isChecked());

  // After the last task is deleted, the focus is on the one before.
  await page.getByRole("button", { name: "Delete Water the plants" }).focus();
  await isSaved(page, () => press("Enter"));
  await showsTasks(page, "Buy milk", "Call the bank");
  assert.equal(await focused(page), "Delete Call the bank");
  await isAccessible(page);
  assert.deepEqual(visitor.failures, ["401 POST /api/auth/sign-in/email"]);
}

/** A change of a task that was changed on another device. It is shown until the API refuses it. */
async function isRefused(visitor) {
  const page = await open(visitor);
  const other = await open(await newVisitor());
  await signIn(other);
  await isSaved(other, () => task(other, "Call the bank").check());
  await isSaved(other, () => task(other, "Call the bank").uncheck());
  await create(other, "Walk the dog");
  await shows(task(other, "Walk the dog"));
  await other.close();

  const toggle = await hold(page, "/api/tasks/*/complete");
  const list = await hold(page, "/api/tasks");
  await task(page, "Call the bank").click();
  await toggle.request;
  assert.ok(await task(page, "Call the bank").isChecked());
  await shows(page.getByText("0 to do, 2 done"));
  await toggle.release();
  await shows(page.getByText("“Call the bank” was not changed: The task has changed since you read it"));
  await list.request;
  await shows(page.getByText("1 to do, 1 done"));
  assert.ok(!(await task(page, "Call the bank").isChecked()));
  await isAccessible(page);
  await list.release();

  // The list is fetched again, so now the task can be changed.
  await shows(task(page, "Walk the dog"));
  await isSaved(page, () => task(page, "Call the bank").check());
  await isSaved(page, () => page.getByRole("button", { name: "Delete Walk the dog" }).click());
  await page.reload();
  await shows(page.getByText("0 to do, 2 done"));
  assert.deepEqual(visitor.failures, ["412 PATCH /api/tasks/{id}/complete"]);
}

/** Tasks that are created without a network arrive once, also if the page is loaded again before. */
async function createOffline(visitor) {
  const page = await open(visitor);
  await showsTasks(page, "Buy milk", "Call the bank");
  await isKept(page);
  await visitor.context.setOffline(true);
  await shows(page.getByText("You are offline."));
  await create(page, "Post the letter");
  await create(page, "Feed the cat");
  await shows(page.getByRole("listitem").filter({ hasText: "Post the letter" }).getByText("Waiting to be sent"));
  await isAccessible(page);
  await task(page, "Buy milk").click();
  await shows(page.getByText("You can change tasks when you are back."));
  assert.ok(await task(page, "Buy milk").isChecked());
  await page.reload();
  await showsTasks(page, "Feed the cat", "Post the letter");
  assert.equal(await page.getByText("Waiting to be sent").count(), 2);
  await isAccessible(page);
  await page.close();

  await visitor.context.setOffline(false);
  const later = await open(visitor);
  await showsTasks(later, "Feed the cat", "Post the letter", "Buy milk", "Call the bank");
  await shows(task(later, "Post the letter"));
  assert.equal(await later.getByText("Waiting to be sent").count(), 0);

  // Without a reload it works too.
  await visitor.context.setOffline(true);
  await create(later, "Sharpen the pencils");
  await shows(later.getByText("Waiting to be sent"));
  await visitor.context.setOffline(false);
  await shows(task(later, "Sharpen the pencils"));
  await later.reload();
  await showsTasks(later, "Sharpen the pencils", "Feed the cat", "Post the letter", "Buy milk", "Call the bank");
  assert.deepEqual(visitor.failures, []);
}

/** A task that was stored, but whose response got lost, is sent again with the same key. */
async function loseResponse(visitor) {
  const page = await open(visitor);
  await showsTasks(page, "Sharpen the pencils", "Feed the cat", "Post the letter", "Buy milk", "Call the bank");
  const responses = [];
  let isReachable = false;
  await visitor.context.route(`${apiUrl}/api/tasks`, async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    // The client repeats a lost request by itself. The network is gone by then.
    if (!isReachable && responses.length > 0) return route.abort("internetdisconnected");
    const response = await route.fetch();
    responses.push({ status: response.status(), headers: response.headers(), request: route.request().headers() });
    if (isReachable) return route.fulfill({ response });
    await visitor.context.setOffline(true);
    return route.abort("connectionreset");
  });
  await create(page, "Book the train");
  await shows(page.getByText("You are offline."));
  await shows(page.getByText("Waiting to be sent"));
  await page.close();
  isReachable = true;
  await visitor.context.setOffline(false);
  const later = await open(visitor);
  await shows(task(later, "Book the train"));
  await later.reload();
  const others = ["Sharpen the pencils", "Feed the cat", "Post the letter", "Buy milk", "Call the bank"];
  await showsTasks(later, "Book the train", ...others);
  const [first, second] = responses;
  assert.equal(responses.length, 2);
  assert.equal(first.status, 201);
  assert.equal(second.headers["idempotent-replayed"], "true");
  assert.equal(first.request["idempotency-key"], second.request["idempotency-key"]);
  assert.deepEqual(visitor.failures, []);
}

/** A page of somebody else, who has signed out in another tab, sends nothing for the user who is signed in now. */
async function changeUser(visitor) {
  const { context } = visitor;
  const adasCookies = await context.cookies();
  await context.clearCookies();
  const grace = await signUp(await open(visitor), "Grace");
  const gracesCookies = await context.cookies();
  await grace.close();

  await context.addCookies(adasCookies);
  const page = await open(visitor);
  await shows(task(page, "Book the train"));
  await isKept(page);
  await context.setOffline(true);
  await create(page, "Thank Grace");
  await page.reload();
  await shows(page.getByText("Thank Grace"));
  await context.addCookies(gracesCookies);
  await context.setOffline(false);
  await shows(page.getByText("Nothing to do yet"));
  await shows(page.getByText("Grace", { exact: true }));
  await page.close();
  await context.addCookies(adasCookies);
  await shows(task(await open(visitor), "Thank Grace"));
  assert.deepEqual(visitor.failures, []);
}

/** What the API does not accept is kept until the user discards it. Somebody else in the same browser does not see it. */
async function signOut(visitor) {
  const page = await open(visitor);
  await create(page, "x".repeat(201));
  await shows(page.getByText("title must have at most 200 characters"));
  await isAccessible(page);
  await page.getByRole("button", { name: "Sign out" }).click();
  await shows(page.getByRole("heading", { name: "Sign in", level: 1 }));
  await page.emulateMedia({ colorScheme: "dark" });
  await isAccessible(page);
  await picture(page, "sign-in");
  await signUp(page, "Alan");
  await showsTasks(page);
  await create(page, "Write to Ada");
  await shows(task(page, "Write to Ada"));
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn(page);
  await page.getByRole("button", { name: /^Discard x+$/ }).click();
  await page.reload();
  await shows(task(page, "Buy milk"));
  assert.equal(await page.getByText("at most 200").count(), 0);
  assert.equal(await page.getByText("Write to Ada").count(), 0);
  assert.deepEqual(visitor.failures, ["422 POST /api/tasks"]);
}

/** Pictures of the page in light and dark, on a desktop and a phone; `example.png` is `docs/images/example.png`. */
async function takePictures(visitor) {
  const page = await open(visitor);
  await shows(task(page, "Buy milk"));
  const shots = [];
  for (const colorScheme of ["light", "dark"]) {
    for (const [device, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize(viewport);
      await isAccessible(page);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), viewport.width);
      await picture(page, `${colorScheme}-${device}`);
    }
  }
  await visitor.context.setOffline(true);
  await create(page, "Return the books");
  shots.push(await page.screenshot());
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(DESKTOP);
  shots.unshift(await page.screenshot());
  await composePicture(shots);
}

/** One picture of several, side by side, on a transparent background. */
async function composePicture(shots) {
  const page = await browser.newPage({ viewport: { width: 1200, height: DESKTOP.height + 2 } });
  const images = shots.map((shot) => `<img src="data:image/png;base64,${shot.toString("base64")}">`);
  await page.setContent(`
    <style>
      body { display: flex; justify-content: space-between; margin: 0 }
      img { border: 1px solid #8888; border-radius: 12px }
    </style>
    ${images.join("")}`);
  await page.screenshot({ path: join(pictures, "example.png"), omitBackground: true });
}

/** Holds the next request to this path of the API until it is released. */
async function hold(page, path) {
  let resolve;
  const request = new Promise((resolved) => (resolve = resolved));
  await page.route(apiUrl + path, resolve, { times: 1 });
  return { request, release: async () => (await request).continue() };
}

async function newVisitor(cookies = []) {
  const visitor = await Visitor.of(browser, origin, [origin, apiUrl]);
  await visitor.context.addCookies(cookies);
  visitors.push(visitor);
  return visitor;
}

async function open(visitor) {
  const page = await visitor.context.newPage();
  await page.goto(origin);
  return page;
}

async function signUp(page, name) {
  await page.getByRole("link", { name: "Sign up" }).click();
  const account = newAccount(name);
  await fillIn(page, { Name: name, Email: account.email, Password: account.password });
  await page.getByRole("button", { name: "Sign up" }).click();
  await shows(page.getByText("Nothing to do yet"));
  return page;
}

async function signIn(page) {
  await shows(page.getByRole("heading", { name: "Sign in", level: 1 }));
  await fillIn(page, { Email: ada.email, Password: ada.password });
  await page.getByRole("button", { name: "Sign in" }).click();
  await shows(page.getByRole("heading", { name: "Tasks" }));
}

async function fillIn(page, fields) {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label).fill(value);
}

async function create(page, title) {
  await page.getByLabel("New task").fill(title);
  await page.getByRole("button", { name: "Add" }).click();
}

/** Waits until the page can be loaded without a network. */
async function isKept(page) {
  await page.waitForFunction(async () => (await navigator.serviceWorker.ready) && caches.match("/"));
}

/** Changes a task, and waits for the response of the API. */
async function isSaved(page, change) {
  const response = page.waitForResponse((response) => ["PATCH", "DELETE"].includes(response.request().method()));
  await change();
  await response;
}

/** The checkbox of a task that is stored. */
function task(page, title) {
  return page.getByRole("checkbox", { name: title });
}

function shows(locator) {
  return locator.waitFor();
}

/** Waits until the list has exactly these tasks, in this order. */
async function showsTasks(page, ...titles) {
  const wanted = JSON.stringify(titles);
  const shown = (wanted) => {
    const titles = [...document.querySelectorAll("li .title")].map(({ textContent }) => textContent);
    return wanted ? JSON.stringify(titles) === wanted : titles;
  };
  await page.waitForFunction(shown, wanted).catch(async (cause) => {
    throw new Error(`the list is ${JSON.stringify(await page.evaluate(shown))}, not ${wanted}`, { cause });
  });
}

/** The label of what has the focus. */
function focused(page) {
  return page.evaluate(() => {
    const { activeElement: element } = document;
    return element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
  });
}

/** The page has no violation of a rule of axe. */
async function isAccessible(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const found = violations.map(({ help, nodes }) => ({ help, nodes: nodes.map(({ html }) => html) }));
  assert.deepEqual(found, []);
}

function picture(page, name) {
  return page.screenshot({ path: join(pictures, `example-${name}.png`), fullPage: true });
}

function newAccount(name) {
  return { name, email: `${randomUUID()}@example.com`, password: "correct horse battery staple" };
}
