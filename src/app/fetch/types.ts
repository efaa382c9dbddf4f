import type { KernelVersion } from "../../core/kernel-version.ts";
import type { SourceSpec } from "../../core/spec.ts";
import type { Ports } from "../../ports.ts";

export interface FetchRequest {
  readonly spec: string;
  /** Stands in for https://cdn.kernel.org/pub/linux/kernel: https, file:// or a directory. */
  readonly mirror?: string;
  readonly insecureSkipVerify: boolean;
  /** For a part of a release (kernel.org's, Debian's): options of tar that leave out the rest. */
  readonly leaveOut?: readonly string[];
}

/** Why the content is believed. */
export interface Trust {
  /** `commit`: the user named a full commit hash; `user`: the user's own files. */
  readonly how: "apt" | "openpgp" | "sha256" | "commit" | "user" | "skipped";
  readonly detail: string;
}

export interface Origin {
  readonly kind: SourceSpec["kind"];
  readonly url?: string;
  readonly package?: string;
  readonly sha256?: string;
  readonly commit?: string;
}

export interface FetchResult {
  /** The tree. Not to be written to, unless it is the user's own. */
  readonly path: string;
  /** Identity of the content (`sha256:…`, `commit:…`, `tree:…`): a cache key. */
  readonly id: string;
  readonly version: KernelVersion;
  readonly origin: Origin;
  readonly trust: Trust;
  readonly cached: boolean;
}

/** One way to get sources. */
export type Provider<K extends SourceSpec["kind"]> = (
  spec: Extract<SourceSpec, { kind: K }>,
  request: FetchRequest,
  ports: Ports,
) => Promise<FetchResult>;
