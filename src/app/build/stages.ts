import type { Ports } from "../../ports.ts";

/** Runs the stages of a build in turn, says so, and keeps what each took. */
export class StageTimer {
  readonly #seconds: Record<string, number> = {};
  readonly #ports: Ports;
  constructor(ports: Ports) {
    this.#ports = ports;
  }

  async stage<T>(name: string, work: () => Promise<T>, detail?: string): Promise<T> {
    this.#ports.log.stage(name, detail);
    const started = this.#ports.clock.monotonic();
    try {
      return await work();
    } finally {
      const spent = (this.#ports.clock.monotonic() - started) / 1000;
      this.#seconds[name] = Math.round(((this.#seconds[name] ?? 0) + spent) * 100) / 100;
    }
  }

  seconds(): Readonly<Record<string, number>> {
    return { ...this.#seconds };
  }
}
