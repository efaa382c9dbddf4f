import { refuseMangledTree, requireKernelTree } from "../tree.ts";
import type { Provider } from "./types.ts";

/** The user's own tree: looked at, not copied. */
export const fetchTree: Provider<"tree"> = async (spec, _request, ports) => {
  const version = await requireKernelTree(spec.path, ports);
  await refuseMangledTree(spec.path, ports);
  const path = await ports.files.realpath(spec.path);
  return {
    path,
    id: `tree:${path}`,
    version,
    origin: { kind: "tree" },
    trust: { how: "user", detail: "the user's own tree" },
    cached: true,
  };
};
