import { environment, failure } from "../../core/errors.ts";
import {
  Answer,
  guestRequest,
  parseGuestLine,
  requestText,
  type GuestLine,
} from "../../core/prove/report.ts";
import type { Command, Ports, RunResult, Session } from "../../ports.ts";

/** How many of the console's last lines an error shows. */
const shownLines = 25;

/** A console that is silent this long while it owes an answer gets a newline (guest/init.c, serve). */
const pokeMs = 2000;

/** Longer than any request takes on a busy machine: then the guest hangs. */
const stallMs = 60_000;

interface Waiting {
  readonly request: string;
  readonly lines: GuestLine[];
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** A booted guest and the conversation on its console: one request at a time, each answered in full. */
export class Guest {
  readonly name: string;
  readonly #session: Session;
  readonly #console: string[] = [];
  readonly #waiting = new Map<string, Waiting>();
  readonly #ready: Promise<string>;
  #markReady: (release: string) => void = () => undefined;
  #next = 1;
  #ended: RunResult | undefined;
  #deadline = false;
  #stalled = false;
  #patienceMs = stallMs;
  readonly #poke: NodeJS.Timeout;
  #pokes = 0;
  #overdue: string | undefined;

  constructor(name: string, command: Command, log: string, timeoutMs: number, ports: Ports) {
    this.name = name;
    let failReady: (error: unknown) => void = () => undefined;
    this.#ready = new Promise((resolve, reject) => {
      this.#markReady = resolve;
      failReady = reject;
    });
    this.#ready.catch(() => undefined);
    const onLine = (line: string): void => this.#line(line);
    this.#session = ports.processes.start(command, {
      onLine,
      logFile: log,
      capture: false,
      timeoutMs,
    });
    this.#poke = setInterval(() => this.#wake(), pokeMs);
    this.#poke.unref();
    const end = (result: RunResult | undefined, error?: unknown): void => {
      clearInterval(this.#poke);
      this.#ended = result ?? { code: 1, stdout: "", stderr: "", durationMs: 0, timedOut: false };
      this.#deadline = result?.timedOut ?? false;
      const reason = error ?? this.#trouble();
      failReady(reason);
      for (const waiting of this.#waiting.values()) waiting.reject(reason);
      this.#waiting.clear();
    };
    this.#session.finished.then(end, (error: unknown) => end(undefined, error));
  }

  /** Resolves with `RELEASE MACHINE` once PID 1 runs. */
  ready(): Promise<string> {
    return this.#ready;
  }

  /** Sends one request and waits for its answer. */
  ask(...words: readonly string[]): Promise<Answer> {
    if (this.#ended) return Promise.reject(this.#trouble());
    const id = this.#next++;
    const request = guestRequest(id, words);
    return new Promise((resolve, reject) => {
      this.#waiting.set(String(id), { request, lines: [], resolve, reject });
      this.#session.write(request);
    });
  }

  /** The same for what must not fail: an errno is an error. */
  async must(...words: readonly string[]): Promise<Answer> {
    const answer = await this.ask(...words);
    if (answer.code === 0) return answer;
    throw failure("prove.guest-request", {
      what: `the ${this.name} guest cannot do "${words.join(" ")}": errno ${answer.code}`,
      where: `${this.name} guest`,
      evidence: this.lastLines(),
    });
  }

  /** Many requests with no word on the console in between, for `longestMs` at most; an answer for each. */
  async batch(requests: readonly (readonly string[])[], longestMs = 0): Promise<readonly Answer[]> {
    this.#patienceMs = stallMs + longestMs;
    const whole = await this.must("batch", ...requests.map(requestText));
    return requests.map((_, index) => {
      const lines = whole.lines.filter(({ id }) => id.endsWith(`.${index}`));
      const end = lines.find(({ key }) => key === "end");
      return new Answer(lines, end ? Number(end.value) : -1);
    });
  }

  async powerOff(): Promise<void> {
    if (!this.#ended) this.#session.write("poweroff\n");
    await this.#session.finished.catch(() => undefined);
  }

  stop(): Promise<void> {
    return this.#session.stop();
  }

  lastLines(): readonly string[] {
    return this.#console.slice(-shownLines);
  }

  #line(raw: string): void {
    const line = raw.replace(/\r$/, "");
    const said = parseGuestLine(line);
    if (!said) {
      if (line.trim() !== "") this.#console.push(line);
      return;
    }
    if (said.key === "ready") this.#markReady(said.value);
    if (said.key === "again") this.#repeat();
    const [number = "", part] = said.id.split(".");
    const waiting = this.#waiting.get(number);
    if (!waiting || said.key === "again") return;
    if (said.key !== "end" || part !== undefined) {
      waiting.lines.push(said);
      return;
    }
    this.#waiting.delete(number);
    waiting.resolve(new Answer(waiting.lines, Number(said.value)));
  }

  #wake(): void {
    const [oldest] = this.#waiting.keys();
    const silent = oldest !== undefined && oldest === this.#overdue;
    this.#overdue = oldest;
    if (!silent) this.#pokes = 0;
    if (!silent || this.#ended) return;
    this.#pokes++;
    if (this.#pokes * pokeMs > this.#patienceMs) {
      this.#stalled = true;
      void this.#session.stop();
    } else this.#session.write("\n");
  }

  /** There is one request at a time, whatever is left of its number. */
  #repeat(): void {
    for (const { request } of this.#waiting.values()) this.#session.write(request);
  }

  #trouble() {
    const where = `${this.name} guest`;
    const evidence = this.lastLines();
    if (this.#ended?.code === 127) {
      return environment("prove.qemu", {
        what: "QEMU could not be started",
        where,
        next: "tarpit-kit doctor --install",
        evidence,
      });
    }
    if (this.#stalled) {
      const next =
        "QEMU lost an interrupt, or the kernel hangs: run it again; if it stays, see the console above";
      return failure("prove.stalled", {
        what: `the ${this.name} guest has stopped answering`,
        where,
        next,
        evidence,
      });
    }
    const what = this.#deadline
      ? `the ${this.name} guest did not finish in time`
      : `the ${this.name} guest ended before it was done (QEMU exit code ${this.#ended?.code ?? "?"})`;
    return failure(this.#deadline ? "prove.timeout" : "prove.guest-died", {
      what,
      where,
      next:
        evidence.length === 0
          ? "the image printed nothing: is it the boot image of this architecture?"
          : "the console's last lines are above; --verbose shows all of it",
      evidence,
    });
  }
}
