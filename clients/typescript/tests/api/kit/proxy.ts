/** A proxy in front of the API that injects the faults of networks and gateways. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What happens to one request. */
export type Fault =
  /** The connection is reset before the API gets the request. */
  | { kind: "reset" }
  /** The API handles the request, and the connection is reset instead of a response. */
  | { kind: "lose-response" }
  /** The API handles the request, and the connection is reset in the middle of the body. */
  | { kind: "cut-body" }
  /** The proxy responds. */
  | { kind: "respond"; status: number; headers?: Record<string, string>; body?: string }
  /** There is no response until the client gives up. */
  | { kind: "hold" };

/** A request that the proxy has got. */
export interface Seen {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  /** When it came, in milliseconds. */
  time: number;
}

export interface Proxy {
  url: string;
  /** The requests so far. */
  seen: Seen[];
  /** Injects these faults into the next requests, of those that `where` accepts. */
  inject(faults: Fault[], where?: (request: Seen) => boolean): void;
  /** Whether all injected faults have happened. */
  isDone(): boolean;
  /** Resolves as soon as a request is held. */
  held(): Promise<void>;
  /** Called with each request before it is forwarded. */
  onRequest: (request: Seen) => void | Promise<void>;
  close(): void;
}

export async function startProxy(upstream: string): Promise<Proxy> {
  const faults: { fault: Fault; where: (request: Seen) => boolean }[] = [];
  let hold = Promise.withResolvers<void>();
  const server: Server = createServer((incoming, outgoing) => {
    const { method = "", url: path = "", headers } = incoming;
    const seen = { method, path, headers, time: Date.now() };
    proxy.seen.push(seen);
    const index = faults.findIndex(({ where }) => where(seen));
    const [injected] = index < 0 ? [] : faults.splice(index, 1);
    void handle(incoming, outgoing, seen, injected?.fault);
  });

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse, seen: Seen, fault?: Fault): Promise<void> {
    if (fault?.kind === "reset") return void incoming.socket.resetAndDestroy();
    const body = await collect(incoming);
    if (fault?.kind === "respond") {
      return void outgoing.writeHead(fault.status, fault.headers).end(fault.body ?? "");
    }
    if (fault?.kind === "hold") return hold.resolve();
    await proxy.onRequest(seen);
    const sent = request(upstream + seen.path, { method: seen.method, headers: seen.headers }, async (response) => {
      const content = await collect(response);
      if (fault?.kind === "lose-response") return void incoming.socket.resetAndDestroy();
      outgoing.writeHead(response.statusCode ?? 0, response.headers);
      if (fault?.kind !== "cut-body") return void outgoing.end(content);
      outgoing.write(content.subarray(0, content.length / 2), () => incoming.socket.resetAndDestroy());
    });
    sent.on("error", () => incoming.socket.resetAndDestroy());
    sent.end(body);
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: Proxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    inject: (injected, where = () => true) => faults.push(...injected.map((fault) => ({ fault, where }))),
    isDone: () => faults.length === 0,
    held: async () => {
      await hold.promise;
      hold = Promise.withResolvers();
    },
    onRequest: () => {},
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return proxy;
}

async function collect(stream: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await stream.toArray());
}
