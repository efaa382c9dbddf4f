import { expect, test } from "vitest";
import { gatherRequests, softened } from "../../src/app/config/requests.ts";
import { lineNeeds } from "../../src/app/line.ts";
import { parseKernelVersion } from "../../src/core/kernel-version.ts";
import { lastWins } from "../../src/core/kconfig/dotconfig.ts";
import { root } from "../support/artifacts.ts";
import { portsFor } from "./patch-support.ts";

const ports = portsFor(root);
const wanted = async (
  release: string,
  set: readonly string[] = [],
  base: ReadonlyMap<string, string> = new Map(),
): Promise<ReadonlyMap<string, string>> => {
  const line = await lineNeeds(parseKernelVersion(release) as never, ports);
  const requests = await gatherRequests(["system", "firewall"], set, ports);
  const all = lastWins(await softened(requests, line, base, ports));
  return new Map([...all.values()].map(({ symbol, value }) => [symbol, value]));
};

test("our own fragments do not ask an old kernel for what it has not; the user may", async () => {
  expect((await wanted("6.1.192")).get("NF_LOG_SYSLOG")).toBe("y");
  expect((await wanted("5.10.198")).get("NF_LOG_SYSLOG")).toBe("n");
  expect((await wanted("5.10.198", ["NF_LOG_SYSLOG=y"])).get("NF_LOG_SYSLOG")).toBe("y");
});

test("a new kernel is asked for the legacy tables, as strong as the base has them", async () => {
  expect((await wanted("6.12.117")).has("IP_NF_IPTABLES_LEGACY")).toBe(false);
  const asked = await wanted("6.18.26");
  expect(asked.get("IP_NF_IPTABLES_LEGACY")).toBe("y");
  expect(asked.get("IP6_NF_IPTABLES_LEGACY")).toBe("y");
  expect((await wanted("6.18.26", ["IPV6=n"])).has("IP6_NF_IPTABLES_LEGACY")).toBe(false);
  const base = new Map([["IP_NF_IPTABLES_LEGACY", "m"]]);
  expect((await wanted("6.18.26", [], base)).get("IP_NF_IPTABLES_LEGACY")).toBe("m");
});

test("a line that is not known as data needs nothing of its own", async () => {
  expect(await lineNeeds(parseKernelVersion("6.3.1") as never, ports)).toEqual({});
});
