import type { Ports } from "../ports.ts";
import type { FetchRequest, FetchResult } from "./fetch/types.ts";

export type { FetchRequest, FetchResult } from "./fetch/types.ts";

/** Brings the source tree a SPEC names, verified. */
export async function fetchSource(_request: FetchRequest, _ports: Ports): Promise<FetchResult> {
  throw new Error("not yet");
}

/** The SPEC that is meant when none is given. */
export async function defaultSpec(_ports: Ports): Promise<string> {
  return "debian:6.1";
}
