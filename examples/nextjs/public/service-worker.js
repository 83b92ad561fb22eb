// Opens the page without a network: as it was when it was loaded the last time. It never answers for the API.

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const isPage = request.mode === "navigate" || pathname.startsWith("/_next/static/");
  if (isPage && origin === location.origin) event.respondWith(load(request));
});

async function load(request) {
  const pages = await caches.open("pages");
  try {
    const response = await fetch(request);
    if (response.ok) await pages.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await pages.match(request);
    if (kept) return kept;
    throw error;
  }
}
