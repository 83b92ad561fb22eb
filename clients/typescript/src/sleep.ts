/** Waits. Rejects with the reason of the signal as soon as it aborts. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    return abortable(new Promise((resolve) => setTimeout(resolve, milliseconds)), signal);
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
