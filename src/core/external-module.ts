/**
 * The files a series creates, laid out as an external module (Documentation/kbuild/modules.rst): its
 * own header in a directory of its own, the sources beside the Makefile. Tests stay out: no kernel
 * that is installed has KUnit.
 */
export interface ModuleFile {
  readonly name: string;
  readonly bytes: Buffer;
}

export const moduleFiles = (
  created: readonly { readonly path: string; readonly bytes: Buffer }[],
): readonly ModuleFile[] =>
  created
    .filter(({ path }) => !path.endsWith("_test.c"))
    .map(({ path, bytes }) => ({
      name: path.startsWith("include/uapi/")
        ? `include/${path.slice("include/uapi/".length)}`
        : (path.split("/").at(-1) ?? ""),
      bytes,
    }));

const defines = (symbols: readonly string[]): string =>
  symbols.map((symbol) => `-DCONFIG_${symbol}_MODULE=1`).join(" ");

const always = ["NETFILTER_XT_TARGET_TARPIT", "IP_NF_TARGET_TARPIT"] as const;

/** The symbols that Kconfig would have set, for those families that the kernel has. */
export const makefileFor = (ipv6: boolean): string =>
  `obj-m := xt_TARPIT.o\nccflags-y := -I$(src)/include ${defines([...always, ...(ipv6 ? ["IP6_NF_TARGET_TARPIT"] : [])])}\n`;

/** The same for a kernel that is only known when make runs, as for dkms(8). */
export const makefileForAny = `${makefileFor(false)}ifneq ($(CONFIG_IPV6),)
ccflags-y += ${defines(["IP6_NF_TARGET_TARPIT"])}
endif
`;
