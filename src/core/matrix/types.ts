/** How wide the userland is that extensions are built for; `all`: every width the arch has. */
export type Userland = "32" | "64" | "both" | "all";
export type Scope = "kernel" | "module";

/** tarpit-kit.json as it was checked, with its defaults; docs/matrix.schema.json describes it. */
export interface MatrixFile {
  readonly kernels: readonly string[];
  readonly archs: readonly string[];
  readonly userlands: readonly Userland[];
  readonly scopes: readonly Scope[];
  /** Names; an arch of which none is named gets its default profile. */
  readonly profiles: readonly string[];
  readonly exclude: readonly Exclusion[];
  readonly fragments: readonly string[];
  readonly set: readonly string[];
  readonly packages: readonly string[];
  readonly out: string;
  readonly jobs?: number;
  readonly launcher?: string;
  readonly mirror?: string;
  readonly drift: DriftSettings;
}

/** Combinations that have all of these are left out. */
export type Exclusion = Partial<
  Record<"kernel" | "arch" | "userland" | "scope" | "profile", string>
>;

export interface DriftSettings {
  /** Kernel lines, of those that have a series; none named: all. */
  readonly lines: readonly string[];
  readonly arch: string;
  /** At most so many releases of a line, the newest. */
  readonly most?: number;
  /** Write what was found to patches/manifest.json of this checkout. */
  readonly record: boolean;
}

/** One build of the matrix. */
export interface Combination {
  /** Names its directory below `out`: stable as long as what it names is. */
  readonly id: string;
  /** A SPEC, as `build --kernel` takes it. */
  readonly kernel: string;
  readonly arch: string;
  readonly profile: string;
  readonly scope: Scope;
  readonly userland: Userland;
}

/** What is known as data, to check names and to expand with. */
export interface Known {
  readonly archs: readonly {
    readonly name: string;
    readonly widths: readonly (32 | 64)[];
    readonly defaultProfile: string;
  }[];
  readonly profiles: readonly { readonly name: string; readonly arch: string }[];
  /** Releases with a pinned hash: what a range can name. */
  readonly releases: readonly string[];
  readonly lines: readonly string[];
  readonly packages: readonly string[];
}
