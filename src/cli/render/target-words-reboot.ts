import type { TargetFindingArguments } from "../../core/target-findings.ts";
import { before, keepModule, keepRulesLine } from "./old-machine.ts";
import type { Words } from "./words.ts";

type Args = TargetFindingArguments;
type RebootWords = {
  readonly [C in Extract<keyof Args, `reboot.${string}`>]: (args: Args[C]) => Words;
};

export const rebootWords: RebootWords = {
  "reboot.module": ({ kernel }) => ({
    what: `nothing names ${before(kernel, "2.5") ? "ipt" : "xt"}_TARPIT for kernel ${kernel} at boot; the first rule will load it`,
    next: keepModule(kernel),
  }),
  "reboot.rules": ({ kernel, looked }) => ({
    what: `the TARPIT rules are in no file a boot reads (${looked})`,
    why: "after a reboot nobody is held",
    next: keepRulesLine(kernel),
  }),
  "reboot.kernel": ({ kernel }) => ({
    what: `the boot loader's configuration does not name kernel ${kernel}`,
    why: "the next boot may bring another one, without the target",
    next: "update-grub, or an image= entry in silo.conf or lilo.conf",
  }),
  "reboot.no-way-back": ({ kernel }) => ({
    what: `the boot loader knows one kernel (${kernel})`,
    why: "if it does not come up, there is nothing to go back to",
    next: "keep the distribution's kernel installed and in the boot menu",
  }),
};
