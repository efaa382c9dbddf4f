import { kitOk } from "./cli.ts";

/** What `rules print` gives for one question, as a guest's iptables is to take it (test/guest/verify.py). */
export interface PrintedCase {
  readonly name: string;
  readonly backend: "nft" | "legacy";
  readonly program: "iptables" | "ip6tables";
  readonly commands: readonly string[];
  readonly undo: readonly string[];
  /** For iptables-restore; only where the two forms are to be compared. */
  readonly restore?: string;
}

const ssh = "203.0.113.9 50000 192.0.2.1 22";
const ssh6 = "2001:db8::9 50000 2001:db8::1 22";
const [own, own6] = ["192.0.2.0/24", "2001:db8:5::/48"];

interface Question {
  readonly name: string;
  readonly family?: 6;
  readonly args: readonly string[];
  readonly ssh: string;
  readonly restore?: true;
}
const questions: readonly Question[] = [
  { name: "all", args: [], ssh: "" },
  { name: "ssh", args: ["--log"], ssh, restore: true },
  { name: "one port", args: ["--ports", "23", "--own", own, "--log"], ssh },
  {
    name: "ports",
    args: ["--ports", "23,135:139,445", "--own", own, "--own", "198.51.100.7", "--log"],
    ssh,
    restore: true,
  },
  {
    name: "ipv6",
    family: 6,
    args: ["--ports", "23,445", "--own", own6, "--log"],
    ssh: ssh6,
  },
];
/** One way into the kernel takes all of them, the other those that differ most. */
const legacy = new Set(["ports", "ipv6"]);

/** Printed here and not in the guest: the text is the same, and a guest needs seconds to start the program. */
export const printedCases = (): readonly PrintedCase[] =>
  questions.flatMap((one) => {
    const program = one.family === 6 ? "ip6tables" : "iptables";
    const print = (form: string): string =>
      kitOk(["rules", "print", "INPUT", ...one.args, "--as", form], { SSH_CONNECTION: one.ssh });
    const lines = print(program).split("\n");
    const back = lines.slice(lines.indexOf("# to go back") + 1);
    const made = {
      name: one.name,
      program,
      commands: lines.filter((line) => line !== "" && !line.startsWith("#")),
      undo: back.filter((line) => line.startsWith(`# ${program} -`)).map((line) => line.slice(2)),
      ...(one.restore ? { restore: `${print("restore")}\n` } : {}),
    } as const;
    return (["nft", "legacy"] as const)
      .filter((backend) => backend === "nft" || legacy.has(one.name))
      .map((backend): PrintedCase => ({ backend, ...made }));
  });
