// The pages that `public/service-worker.js` shows without a network.

/** Keeps this page, with the files that it has loaded so far. */
export async function keepPage() {
  await navigator.serviceWorker.register("/service-worker.js");
  const files = performance.getEntriesByType("resource").map(({ name }) => name);
  const pages = await caches.open("pages");
  await pages.addAll([location.pathname, ...files.filter((name) => name.includes("/_next/static/"))]);
}

/** Forgets all pages: the next user must not see them. */
export async function forgetPages() {
  await caches.delete("pages");
}
