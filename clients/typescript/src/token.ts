import { NetworkError } from "./errors.js";

type Awaitable<T> = T | Promise<T>;

/** What a function that gets a token returns: the token, or what `authClient.token()` of Better Auth returns. */
export type TokenResult =
  string | null | undefined | { data: { token: string } | null; error?: { status?: number | undefined } | null };

/** Gets a token for the user who is signed in, and nothing if nobody is. */
export type GetToken = () => Awaitable<TokenResult>;

/** A token that is kept until shortly before it expires. */
export interface TokenCache {
  /** The token, a new one if needed. Concurrent calls cause one refresh. */
  (): Promise<string | undefined>;
  /** Forgets this token because the API has refused it. Has no effect if there is another one by now. */
  reject(token: string): void;
  /** Forgets the token. Call it when the user signs in or out: the next request is of another user. */
  clear(): void;
}

/** Options of {@link cachedToken}. */
export interface TokenOptions {
  /** How many milliseconds before its end a token is refreshed. The default is 30,000. */
  margin?: number;
}

interface Entry {
  token: Promise<string | undefined>;
  /** The same, once it has come. */
  value?: string;
  /** When to refresh it, in milliseconds. Infinity if that is not known. */
  end: number;
}

/**
 * Keeps the token that `getToken` returns. A JWT is refreshed shortly before its `exp`; any other token is used until
 * the API refuses it.
 */
export function cachedToken(getToken: GetToken, options: TokenOptions = {}): TokenCache {
  const margin = options.margin ?? 30_000;
  let current: Entry | undefined;

  function refresh(): Entry {
    const entry: Entry = { end: Infinity, token: Promise.resolve().then(getToken).then(tokenOf) };
    entry.token.then(
      (token) => {
        if (token) {
          entry.value = token;
          entry.end = refreshTime(token, margin);
        } else if (current === entry) {
          current = undefined;
        }
      },
      () => {
        if (current === entry) current = undefined;
      },
    );
    return entry;
  }

  const cache = (): Promise<string | undefined> => {
    if (!current || current.end <= Date.now()) current = refresh();
    return current.token;
  };
  cache.reject = (token: string): void => {
    if (current?.value === token) current = undefined;
  };
  cache.clear = (): void => {
    current = undefined;
  };
  return cache;
}

/** Whether this is what {@link cachedToken} returns. */
export function isTokenCache(token: GetToken | TokenCache): token is TokenCache {
  return "reject" in token;
}

function tokenOf(result: TokenResult): string | undefined {
  if (typeof result !== "object" || result === null) return result || undefined;
  if (result.data) return result.data.token;
  // Without a session Better Auth responds with 401. Any other error says nothing about the user.
  if (result.error && result.error.status !== 401) throw new NetworkError(result.error);
  return undefined;
}

/** When a token that has just come is to be refreshed. */
function refreshTime(token: string, margin: number): number {
  const now = Date.now();
  const expiry = expiryOf(token);
  // The clock of this machine is wrong, or the token is short-lived. A refresh for each request would not help.
  if (expiry === undefined || expiry <= now) return Infinity;
  return Math.max(expiry - margin, now + (expiry - now) / 2);
}

/** The `exp` of a JWT in milliseconds. */
function expiryOf(token: string): number | undefined {
  const claims = token.split(".")[1];
  if (!claims) return undefined;
  try {
    const { exp } = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))) as { exp?: unknown };
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
