import { type Define, globalsOf } from "../command.ts";
import { archOption, compilerOptions, configOptions, example, present } from "./options.ts";

interface Options {
  arch: string;
  profile?: string;
  base?: string;
  fragment: string[];
  set: string[];
  crossCompile?: string;
  cc?: string;
}

export const defineConfig: Define = (program, run) => {
  const command = program
    .command("config")
    .argument("<tree>", "a patched kernel tree")
    .addOption(archOption().makeOptionMandatory())
    .description(
      "write TREE/.config: base, fragments and the target; every requested symbol is asserted",
    )
    .addHelpText(
      "after",
      example(
        "tarpit-kit config ./linux --arch sparc64 --profile sparc64-ultra",
        "tarpit-kit config ./linux --arch x86_64 --base ./my.config --set IP_NF_TARGET_TARPIT=y",
      ),
    );
  for (const option of [...configOptions(), ...compilerOptions()]) command.addOption(option);
  command.action(async (tree: string, options: Options) => {
    await run("config", globalsOf(command), async (ports) => {
      const { configTree } = await import("../../app/config.ts");
      const { fragment, set, arch, profile, base, crossCompile, cc } = options;
      const request = {
        arch,
        fragments: fragment,
        set,
        ...present({ profile, base, crossCompile, cc }),
      };
      const { settings: _settings, ...result } = await configTree(tree, request, ports);
      return {
        ok: true,
        json: { results: [result] },
        stdout: `${result.path}\n`,
        human: (style) =>
          `${style.green("configured")} ${result.base}${result.profile ? ` (profile ${result.profile})` : ""}, ${result.asserted} symbols asserted\n` +
          result.raised
            .map(
              (item) =>
                `  CONFIG_${item.symbol} is built in, a module was asked for (${item.origin})\n`,
            )
            .join(""),
      };
    });
  });
};
