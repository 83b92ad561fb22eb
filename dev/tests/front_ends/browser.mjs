// Chromium in one time zone, visitors who record everything that goes wrong, and what they do on a page.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

/** How long the page may take to show what is expected. */
const TIMEOUT_MS = 20_000;
const DESKTOP = { width: 1000, height: 760 };
const PHONE = { width: 390, height: 760 };

/** Starts Chromium in a time zone. */
export function launch(executablePath, zone) {
  return chromium.launch({
    executablePath,
    env: { ...process.env, TZ: zone },
    // Other hosts have no address, so nothing leaves this machine.
    args: ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"],
  });
}

/** Somebody with cookies and a storage of their own, whose pages send requests to `origins` only. */
export class Visitor {
  /** Responses of 400 and above, as `401 GET /path`. */
  failures = [];
  /** Errors of scripts and in the console, requests to other origins, and requests without a response. */
  problems = [];

  static async of(browser, url, origins) {
    const context = await browser.newContext({ viewport: DESKTOP });
    context.setDefaultTimeout(TIMEOUT_MS);
    return new Visitor(context, url, origins);
  }

  constructor(context, url, origins) {
    this.context = context;
    this.url = url;
    context.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol !== "data:" && !origins.includes(origin)) this.problems.push(`a request to ${request.url()}`);
    });
    context.on("response", (response) => {
      const path = new URL(response.url()).pathname.replace(/\/\d+/, "/{id}");
      if (response.status() >= 400) this.failures.push(`${response.status()} ${response.request().method()} ${path}`);
    });
    context.on("requestfailed", (request) => {
      // A page that is left aborts its requests.
      const { errorText } = request.failure();
      if (errorText !== "net::ERR_ABORTED") this.problems.push(`${request.method()} ${request.url()}: ${errorText}`);
    });
    context.on("console", (message) => {
      // The console also has a line for each of `failures`.
      const isFailure = message.text().startsWith("Failed to load resource: the server responded with a status of");
      if (["error", "warning"].includes(message.type()) && !isFailure) this.problems.push(message.text());
    });
    context.on("weberror", (error) => this.problems.push(error.error().stack));
  }

  /** Opens the front end in a new tab. */
  async open() {
    const page = await this.context.newPage();
    await page.goto(this.url);
    return new Tab(this, page);
  }
}

/** A tab with the front end. Every method waits until the page is ready for it. */
class Tab {
  constructor(visitor, page) {
    this.visitor = visitor;
    this.page = page;
  }

  /** Opens the front end in another tab of the same visitor. */
  openAnother() {
    return this.visitor.open();
  }

  close() {
    return this.page.close();
  }

  /** Fills in the form of this name, by the labels of its fields, and submits it. */
  async submit(form, fields, button = "Save") {
    const found = this.page.getByRole("form", { name: form, exact: true });
    for (const [label, value] of Object.entries(fields)) {
      const field = found.getByLabel(label);
      const isSelect = await field.evaluate((element) => element.tagName === "SELECT");
      await (isSelect ? field.selectOption(value) : field.fill(value));
    }
    await found.getByRole("button", { name: button }).click();
  }

  signUp({ name, email, password }) {
    return this.submit("Account", { Name: name, Email: email, Password: password }, "Sign up");
  }

  signIn({ email, password }) {
    return this.submit("Account", { Email: email, Password: password }, "Sign in");
  }

  /** Chooses an option, by its text, of the field of this name. */
  async choose(name, option) {
    await this.page.getByLabel(name, { exact: true }).selectOption({ label: option });
  }

  /** Replaces the text in the field of this name. */
  async type(name, text) {
    await this.page.getByLabel(name, { exact: true }).fill(text);
  }

  /** Clicks on the button or the checkbox of this name. */
  async click(name) {
    await this.page.getByRole("button", { name, exact: true }).or(this.page.getByLabel(name, { exact: true })).click();
  }

  /** The time zone of the browser. */
  zone() {
    return this.page.evaluate(() => Intl.DateTimeFormat().resolvedOptions().timeZone);
  }

  /** The instants at which the clocks of the zone show these times. */
  instants(...times) {
    return this.page.evaluate((times) => times.map((time) => Number(new Date(time))), times);
  }

  /** All text that the page shows. */
  text() {
    return this.page.innerText("body");
  }

  reload() {
    return this.page.reload();
  }

  /** The fields of a form have these values, by their names. */
  async hasValues(form, expected) {
    const found = this.page.getByRole("form", { name: form, exact: true });
    const values = await found.evaluate((element) => Object.fromEntries(new FormData(element)));
    assert.deepEqual(values, expected);
  }

  /** Waits until the list has exactly these tasks: their texts, with bars between title, due date and priority. */
  async showsTasks(...tasks) {
    await this.page.locator("ul").waitFor({ state: "attached" });
    return this.#showsTexts(".summary", tasks);
  }

  /** Waits until exactly these tasks are shown as completed: their titles. */
  showsDone(...titles) {
    return this.#showsTexts(".done strong", titles);
  }

  /** Waits until the page has this heading. */
  showsHeading(text) {
    return this.#showsTexts("h1", [text]);
  }

  /** Waits until these messages are shown. */
  showsMessages(...texts) {
    return this.#showsTexts("[role=alert]", texts);
  }

  async #showsTexts(selector, expected) {
    // Runs in the page. Without `expected` it returns the texts themselves.
    const shown = ([selector, expected]) => {
      const parts = (element) => (element.children.length ? [...element.children] : [element]);
      const text = (element) => parts(element).map((part) => part.textContent.trim()).join(" | ");
      const texts = [...document.querySelectorAll(selector)].map(text);
      return expected ? JSON.stringify(texts) === expected : JSON.stringify(texts);
    };
    const wanted = JSON.stringify(expected);
    await this.page.waitForFunction(shown, [selector, wanted]).catch(async (cause) => {
      throw new Error(`${selector} is ${await this.page.evaluate(shown, [selector])}, not ${wanted}`, { cause });
    });
  }

  /** Writes pictures of the page on a desktop and on a phone: `<path>.png` and `<path>-phone.png`. */
  async takePictures(path) {
    await this.page.screenshot({ path: `${path}.png`, fullPage: true });
    await this.page.setViewportSize(PHONE);
    await this.page.screenshot({ path: `${path}-phone.png`, fullPage: true });
    await this.page.setViewportSize(DESKTOP);
  }
}
