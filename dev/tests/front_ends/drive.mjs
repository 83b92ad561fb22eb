// Drives one front end in Chromium, as a user in each of three time zones. Exits with 1 if a page does not show what it
// must, or if anything else went wrong in it.
//
// The argument is the folder of the front end. Environment variables, all required:
//
//   PORT       the port of the front end; CORS_ORIGINS of the API must contain http://localhost:<port>
//   API_URL    the API
//   AUTH_URL   Better Auth, with http://localhost:<port> as its base URL
//   CHROMIUM   the program
//   PICTURES   the folder for pictures of the pages

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch, Visitor } from "./browser.mjs";
import { serve } from "./server.mjs";

const ZONES = ["America/New_York", "Europe/Berlin", "Asia/Tokyo"];

const { PORT: port, API_URL: apiUrl, AUTH_URL: authUrl, CHROMIUM: chromium, PICTURES: pictures } = process.env;
const [folder] = process.argv.slice(2);
const { run, failures } = await import(`./${folder}/scenario.mjs`);
mkdirSync(pictures, { recursive: true });

const origin = `http://localhost:${port}`;
const server = await serve(folder, { port, apiUrl, authUrl });
/** The users of the zones so far, with the tasks that their pages must show in any zone. */
const users = [];
for (const zone of ZONES) {
  await inZone(zone).catch((cause) => {
    throw new Error(`${folder} failed in ${zone}`, { cause });
  });
}
server.close();

async function inZone(zone) {
  const browser = await launch(chromium, zone);
  const visitor = () => Visitor.of(browser, origin, [origin, apiUrl]);
  const picture = join(pictures, `${folder}-${zone.replaceAll(/\W/g, "-")}`);
  try {
    const account = newAccount("Ada");
    await watched(await visitor(), picture, failures, async (tab) => {
      assert.equal(await tab.zone(), zone);
      await tab.signUp(account);
      users.push({ account, tasksIn: await run(tab) });
    });
    // Everybody who has signed up, in whatever zone, signs in here. Somebody new uses the same browser.
    await watched(await visitor(), `${picture}-others`, [], async (tab) => {
      for (const { account, tasksIn } of users) {
        await tab.signIn(account);
        await tab.showsTasks(...tasksIn(zone));
        await tab.click("Sign out");
      }
      await tab.signUp(newAccount("Grace"));
      await tab.showsTasks();
    });
  } finally {
    await browser.close();
  }
}

function newAccount(name) {
  return { name, email: `${randomUUID()}@example.com`, password: "correct horse battery staple" };
}

/** Does something in a tab, and takes a picture of it in any case. Nothing but the expected failures may happen. */
async function watched(visitor, picture, expectedFailures, act) {
  const tab = await visitor.open();
  try {
    await act(tab);
    assert.doesNotMatch(await tab.text(), /Invalid Date|\[object|undefined|null|NaN/);
    assert.deepEqual(visitor.failures, expectedFailures);
    assert.deepEqual(visitor.problems, []);
  } catch (error) {
    console.error({ problems: visitor.problems, failures: visitor.failures });
    throw error;
  } finally {
    await tab.takePictures(picture);
    await visitor.context.close();
  }
}
