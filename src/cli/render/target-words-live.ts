import type { TargetFindingArguments } from "../../core/target-findings.ts";
import type { Words } from "./words.ts";

type Args = TargetFindingArguments;
type LiveWords = {
  readonly [C in Extract<keyof Args, `live.${string}`>]: (args: Args[C]) => Words;
};

export const liveWords: LiveWords = {
  "live.no-extension": ({ said }) => ({
    what: `the test rule was refused: ${said}`,
    why: "there is no libipt_TARPIT.so where iptables looks, whatever the message says",
    next: "tarpit-kit verify names the directory",
  }),
  "live.no-module": ({ said }) => ({
    what: `the test rule was refused: ${said}`,
    why: "the extension is there, the kernel's target is not",
    next: "modprobe xt_TARPIT; dmesg",
  }),
  "live.protocol": ({ said }) => ({
    what: `the test rule was refused: ${said}`,
    why: "TARPIT is for TCP: the rule needs -p tcp",
    next: "iptables -A INPUT -p tcp -j TARPIT",
  }),
  "live.hook": ({ said }) => ({
    what: `the test rule was refused: ${said}`,
    why: "TARPIT works in INPUT and FORWARD and the chains reached from them",
    next: "move the rule",
  }),
  "live.size": ({ said }) => ({
    what: `the test rule was refused: ${said}`,
    why: '"Invalid argument" is what a size that differs looks like: extension, 32-bit userland or a target of another build',
    next: "dmesg | tail; tarpit-kit verify",
  }),
  "live.permission": ({ said }) => ({
    what: `the test needs root: ${said}`,
    next: "sudo tarpit-kit verify --live",
  }),
  "live.refused": ({ said, rule }) => ({
    what: `${rule} was refused: ${said}`,
    next: "dmesg | tail",
  }),
  "live.no-namespace": ({ said }) => ({
    what: `no throw-away network namespace could be made: ${said}`,
    why: "the host's own rules are never touched, so nothing was tried",
    next: "run it as root, on a kernel with CONFIG_NET_NS",
  }),
  "live.not-held": ({ state }) => ({
    what: `the rule was taken, and a connection was not held: ${state}`,
    why: "a tarpit answers SYN, then keeps the window closed and ignores the FIN",
  }),
  "live.conntrack": ({ before, after }) => ({
    what: `held connections left entries in connection tracking: ${before} before, ${after} after`,
    why: "a scan fills the table",
    next: "tarpit-kit rules print INPUT",
  }),
  "live.measured": ({ before, during, after }) => ({
    what: `connection tracking had ${before} entries before, ${during} while a connection was held, ${after} after`,
  }),
  "live.loaded": ({ modules }) => ({
    what: `the test loaded ${modules.join(", ")}, and they could not be removed again`,
    next: `rmmod ${modules.join(" ")}`,
  }),
  "live.kernel-log": ({ text }) => ({ what: `the kernel said during the test: ${text}` }),
};
