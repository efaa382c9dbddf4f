import { environment, failure } from "../../core/errors.ts";
import { Answer, guestRequest, parseGuestLine, type GuestLine } from "../../core/prove/report.ts";
import type { Command, Ports, RunResult, Session } from "../../ports.ts";

/** How many of the console's last lines an error shows. */
const shownLines = 25;

interface Waiting {
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
  #deadline: boolean = false;

  constructor(name: string, command: Command, log: string, timeoutMs: number, ports: Ports) {
    this.name = name;
    let failReady: (error: unknown) => void = () => undefined;
    this.#ready = new Promise((resolve, reject) => {
      this.#markReady = resolve;
      failReady = reject;
    });
    this.#ready.catch(() => undefined);
    const onLine = (line: string): void => this.#line(line);
    this.#session = ports.processes.start(command, { onLine, logFile: log, capture: false, timeoutMs });
    const end = (result: RunResult | undefined, error?: unknown): void => {
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
    return new Promise((resolve, reject) => {
      this.#waiting.set(String(id), { lines: [], resolve, reject });
      this.#session.write(guestRequest(id, words));
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
    const waiting = this.#waiting.get(said.id);
    if (!waiting) return;
    if (said.key !== "end") {
      waiting.lines.push(said);
      return;
    }
    this.#waiting.delete(said.id);
    waiting.resolve(new Answer(waiting.lines, Number(said.value)));
  }

  #trouble() {
    const where = `${this.name} guest`;
    const evidence = this.lastLines();
    if (this.#ended?.code === 127) {
      return environment("prove.qemu", { what: "QEMU could not be started", where, next: "tarpit-kit doctor --install", evidence });
    }
    const what = this.#deadline
      ? `the ${this.name} guest did not finish in time`
      : `the ${this.name} guest ended before it was done (QEMU exit code ${this.#ended?.code ?? "?"})`;
    return failure(this.#deadline ? "prove.timeout" : "prove.guest-died", {
      what,
      where,
      next: evidence.length === 0 ? "the image printed nothing: is it the boot image of this architecture?" : "the console's last lines are below; --verbose shows all of it",
      evidence,
    });
  }
}
