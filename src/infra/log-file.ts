import { createWriteStream } from "node:fs";
import { finished } from "node:stream";

/** A file that programs' output is appended to. */
export interface LogFile {
  write(chunk: Uint8Array): void;
  /** Everything is in the file; rejects when it is not (disk full). */
  end(): Promise<void>;
  /** Called once when the file cannot take any more. */
  onTrouble(handler: () => void): void;
}

/** Opens `path` for appending. A full disk is told by `end`, and never thrown where nobody listens. */
export function openLog(path: string): LogFile {
  const stream = createWriteStream(path, { flags: "a" });
  const handlers: (() => void)[] = [];
  const done = new Promise<void>((resolve, reject) => {
    finished(stream, (error) => {
      if (!error) return resolve();
      reject("path" in error ? error : Object.assign(error, { path }));
      for (const handler of handlers) handler();
    });
  });
  done.catch(() => undefined);
  return {
    write: (chunk) => void (stream.destroyed || stream.write(chunk)),
    end: () => {
      stream.end();
      return done;
    },
    onTrouble: (handler) => void handlers.push(handler),
  };
}
