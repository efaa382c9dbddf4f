import { failureLines, type LogSummary } from "../../core/build-log.ts";
import { environment, failure, type TarpitError } from "../../core/errors.ts";

/** The error of a failed make: what the compiler said first, where the whole log is, how to go on. */
export function compileFailed(summary: LogSummary, logFile: string): TarpitError {
  const lines = failureLines(summary);
  if (summary.diskFull) {
    return environment("build.disk-full", {
      what: "the disk is full",
      where: logFile,
      next: "make room there, or put the cache elsewhere with TARPIT_KIT_CACHE, and run this again: it goes on where it stopped",
      evidence: lines.slice(0, 3),
    });
  }
  return failure("build.compile", {
    what: `compiling failed after ${summary.compiled} files`,
    where: logFile,
    next: "the whole log is in the file named above; run this again to go on where it stopped",
    evidence: lines,
    data: { log: logFile, diagnostics: summary.diagnostics, givenUp: summary.givenUp },
  });
}
