import { badInput } from "../errors.ts";
import { compareKernelVersions, satisfies } from "../kernel-range.ts";
import { type KernelVersion, parseKernelVersion } from "../kernel-version.ts";
import type { Combination, Exclusion, Known, MatrixFile, Userland } from "./types.ts";

/**
 * Every build that a matrix file names, in its own order: kernels, then archs, profiles, scopes and
 * userlands, so that builds which share a tree or a kernel are neighbours. The same file and the same
 * package give the same list on every machine.
 */
export function expand(matrix: MatrixFile, known: Known, file: string): readonly Combination[] {
  const kernels = [
    ...new Set(matrix.kernels.flatMap((text, i) => specsOf(text, known, `${file}, kernels[${i}]`))),
  ];
  const all = kernels.flatMap((kernel) =>
    [...new Set(matrix.archs)].flatMap((arch) => ofArch(kernel, arch, matrix, known, file)),
  );
  const rules = matrix.exclude.map((rule, i) => ({
    rule,
    kernels:
      rule.kernel === undefined
        ? undefined
        : specsOf(rule.kernel, known, `${file}, exclude[${i}].kernel`),
  }));
  const left = all.filter((one) => !rules.some((given) => excluded(one, given)));
  if (left.length > 0) return uniqueIds(left);
  throw badInput("matrix.empty", {
    what: "every combination is excluded",
    where: `${file}, exclude`,
    next: "take out one of the exclusions",
  });
}

/** A kernel is excluded as it is written in `kernels`: a range, `latest:6.12`, a SPEC. */
const excluded = (
  one: Combination,
  { rule, kernels }: { readonly rule: Exclusion; readonly kernels: readonly string[] | undefined },
): boolean =>
  Object.keys(rule).length > 0 &&
  Object.entries(rule).every(([name, value]) =>
    name === "kernel" ? kernels?.includes(one.kernel) : one[name as keyof Combination] === value,
  );

/** Characters of a semver range that no SPEC begins or is divided with. */
const rangeLike = /^[<>=^~*]|^\d[\d.]*\s+(?:-\s|[<>|])|\|\|/;

/** `latest:6.12` is the SPEC 6.12; a range is every release in it that has a pinned hash, newest first. */
function specsOf(text: string, known: Known, where: string): readonly string[] {
  const latest = /^latest:(\d+\.\d+)$/.exec(text)?.[1];
  if (latest !== undefined) return [latest];
  if (text.startsWith("latest:"))
    throw badInput("matrix.kernel", {
      what: `"${text}" names no kernel line`,
      where,
      next: "write it like latest:6.12",
    });
  if (!rangeLike.test(text)) return [text];
  const releases = inRange(text, known.releases, where);
  if (releases.length > 0) return releases.map((version) => version.text);
  throw badInput("matrix.kernel", {
    what: `no release that is known as data is in the range "${text}"`,
    where,
    next: `known are: ${known.releases.join(", ")}; name another one exactly`,
  });
}

function inRange(range: string, releases: readonly string[], where: string): KernelVersion[] {
  try {
    return releases
      .map(parseKernelVersion)
      .filter((version) => version !== undefined)
      .filter((version) => satisfies(version, range))
      .toSorted((a, b) => compareKernelVersions(b, a));
  } catch {
    throw badInput("matrix.kernel", {
      what: `"${range}" is no range of releases`,
      where,
      next: "write it like >=6.1.170 <6.2",
    });
  }
}

function ofArch(
  kernel: string,
  name: string,
  matrix: MatrixFile,
  known: Known,
  file: string,
): readonly Combination[] {
  const arch = known.archs.find((one) => one.name === name);
  if (!arch) throw new Error(`${name} was checked`);
  const own = matrix.profiles.filter((profile) =>
    known.profiles.some((one) => one.name === profile && one.arch === name),
  );
  const profiles = own.length > 0 ? [...new Set(own)] : [arch.defaultProfile];
  const widths = [...new Set(matrix.userlands)].filter((width) => has(arch.widths, width));
  if (widths.length === 0)
    throw badInput("matrix.userland", {
      what: `${name} has none of the userlands ${matrix.userlands.join(", ")}`,
      where: `${file}, userlands`,
      next: `add "${arch.widths.join('" or "')}", or "all", or take ${name} out of archs`,
    });
  return profiles.flatMap((profile) =>
    [...new Set(matrix.scopes)].flatMap((scope) =>
      widths.map((userland) => {
        const id = [kernel, name, profile, scope, userland].map(slug).join("_");
        return { id, kernel, arch: name, profile, scope, userland };
      }),
    ),
  );
}

const has = (widths: readonly (32 | 64)[], wanted: Userland): boolean =>
  wanted === "all" ||
  (wanted === "both" ? widths.length > 1 : widths.includes(Number(wanted) as 32));

/** As a directory's name that make and a shell take as one word. */
const slug = (text: string): string =>
  text
    .replaceAll(/[^\w.+~-]+/g, "-")
    .replaceAll(/^[-.]+|-+$/g, "")
    .slice(0, 60) || "kernel";

/** Two SPECs may have one slug (`./a-b`, `./a/b`): the later ones are numbered. */
function uniqueIds(all: readonly Combination[]): readonly Combination[] {
  const seen = new Map<string, number>();
  return all.map((one) => {
    const count = (seen.get(one.id) ?? 0) + 1;
    seen.set(one.id, count);
    return count === 1 ? one : { ...one, id: `${one.id}.${count}` };
  });
}
