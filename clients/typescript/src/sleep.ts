/** Waits. Rejects with the reason of the signal as soon as it aborts. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout>;
  const waited = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
  // A timer that is left would keep a process of Node alive.
  return signal ? abortable(waited, signal).finally(() => clearTimeout(timer)) : waited;
}

/** The promise, or a rejection with the reason of the signal as soon as it aborts. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** Waits before another attempt: at most half a second after the first one, and at most 30 seconds. */
export function pause(attempts: number): Promise<void> {
  return sleep(Math.random() * Math.min(30_000, 500 * 2 ** attempts));
}
