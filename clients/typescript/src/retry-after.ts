/** How many milliseconds `Retry-After` says to wait, which has a number of seconds or an HTTP date (RFC 9110). */
export function retryAfter(headers: Headers, now: number = Date.now()): number | undefined {
  const value = headers.get("Retry-After")?.trim();
  if (!value) return undefined;
  const time = /^\d+$/.test(value) ? now + Number(value) * 1000 : Date.parse(value);
  return Number.isNaN(time) ? undefined : Math.max(0, time - now);
}
