// Uses the documentation in Chromium: reads it, pastes a token, sends requests. Exits with 1 if a page does not show what
// it must, or if anything else went wrong in it.
//
// Environment variables, all required:
//
//   API_URL    the API
//   TOKEN      a token of a user without tasks; empty: somebody signs up, and signs in on the page
//   CHROMIUM   the program
//   PICTURES   the folder for pictures of the pages

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch, Visitor } from "../front_ends/browser.mjs";

const DESKTOP = { width: 1200, height: 900 };
const PHONE = { width: 390, height: 844 };

const { API_URL: api, TOKEN: token, CHROMIUM: chromium, PICTURES: pictures } = process.env;
mkdirSync(pictures, { recursive: true });

const browser = await launch(chromium, "Europe/Berlin");
const visitor = await Visitor.of(browser, `${api}/docs`, [api]);
try {
  const { page } = await visitor.open();
  await page.setViewportSize(DESKTOP);
  await reads(page);
  await (token ? authorizes(page) : signsIn(page));
  await createsAndLists(page, "Buy milk");
  await page.reload();
  await page.locator(".btn.authorize.locked").waitFor();
  const listed = await send(page, "operations-tasks-list-tasks");
  assert.match(listed, /Buy milk/);
  await page.evaluate(() => scrollTo(0, 0));
  await takePictures(page, "docs");
  await readsErrors(page);
  await takePictures(page, "errors");
  assert.deepEqual(visitor.failures, []);
  assert.deepEqual(visitor.problems, []);
} catch (error) {
  console.error({ problems: visitor.problems, failures: visitor.failures });
  throw error;
} finally {
  await browser.close();
}

/** The page shows the operations, and leads to the page about errors. */
async function reads(page) {
  assert.equal(await page.title(), "Todo API");
  await page.locator("#operations-tasks-list-tasks").waitFor();
  assert.equal(await page.locator("#operations-aliases-list-tasks-for-user").count(), 0, "aliases are not folded");
  const link = page.getByRole("link", { name: "What each error means" });
  assert.equal(await link.evaluate((element) => element.href), `${api}/docs/errors`);
}

/** Pastes the token. */
async function authorizes(page) {
  await page.locator(".btn.authorize").click();
  const dialog = page.locator(".modal-ux");
  await dialog.locator("input").first().fill(token);
  await page.screenshot({ path: join(pictures, "docs-authorize.png") });
  await dialog.locator(".btn.authorize").first().click();
  await dialog.locator(".btn-done").first().click();
  await page.locator(".btn.authorize.locked").waitFor();
}

/** Signs up at the API, and in on the page. */
async function signsIn(page) {
  const account = { email: `${randomUUID()}@example.com`, password: "correct horse battery staple" };
  const headers = { "content-type": "application/json" };
  const signedUp = await fetch(`${api}/api/auth/register`, { method: "POST", headers, body: JSON.stringify(account) });
  assert.equal(signedUp.status, 201);
  await page.locator(".btn.authorize").click();
  // The first one is for a token.
  const form = page.locator(".modal-ux .auth-container").last();
  await form.locator("#oauth_username").fill(account.email);
  await form.locator("#oauth_password").fill(account.password);
  await page.screenshot({ path: join(pictures, "docs-sign-in.png") });
  await form.locator(".btn.authorize").click();
  await form.getByRole("button", { name: "Remove authorization" }).waitFor();
  await form.locator(".btn-done").click();
  await page.locator(".btn.authorize.locked").waitFor();
}

async function createsAndLists(page, title) {
  const created = await send(page, "operations-tasks-create-task", JSON.stringify({ title }));
  assert.match(created, /201/);
  const listed = await send(page, "operations-tasks-list-tasks");
  assert.match(listed, new RegExp(title));
}

/** Sends a request by "Try it out", and returns what the page shows as its response. */
async function send(page, id, body) {
  const operation = page.locator(`#${id}`);
  await operation.locator(".opblock-summary-control").click();
  await operation.getByRole("button", { name: "Try it out" }).click();
  if (body) await operation.locator("textarea").fill(body);
  await operation.locator(".btn.execute").click();
  const response = operation.locator(".live-responses-table .response").first();
  await response.waitFor();
  const text = await response.innerText();
  await operation.screenshot({ path: join(pictures, `${id}.png`) });
  await operation.locator(".opblock-summary-control").click();
  return text;
}

/** The address in a problem document leads to its entry. */
async function readsErrors(page) {
  await page.goto(`${api}/docs/errors#task-not-found`);
  const entry = page.locator("section:target");
  assert.match(await entry.innerText(), /^task_not_found\s+404/);
  assert.ok(await entry.evaluate((element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  }), "the entry is not in view");
}

/** Pictures of the page in light and dark colors, and on a phone. Nothing may be wider than the screen. */
async function takePictures(page, name) {
  for (const [screen, size] of [["", DESKTOP], ["-phone", PHONE]]) {
    await page.setViewportSize(size);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(pictures, `${name}${screen}-${colorScheme}.png`), animations: "disabled" });
    }
  }
  const [width, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(width <= screen, `${name} is ${width} pixels wide on a screen of ${screen}`);
  await page.setViewportSize(DESKTOP);
}
