import { type Define, globalsOf } from "../command.ts";
import { example, fetchOptions, present } from "./options.ts";

interface Options {
  mirror?: string;
  insecureSkipVerify: boolean;
}

export const defineFetch: Define = (program, run) => {
  const command = program
    .command("fetch")
    .argument(
      "<spec>",
      "6.1.192, 6.12, debian:6.1, https://….tar.xz, git:URL#REF, ./linux.tar.xz, ./tree",
    )
    .description("bring a kernel source tree, verified; prints its path")
    .addHelpText(
      "after",
      example(
        "tarpit-kit fetch debian:6.1",
        "tarpit-kit fetch 6.12 --mirror https://mirrors.example/kernel",
      ),
    );
  for (const option of fetchOptions()) command.addOption(option);
  command.action(async (spec: string, options: Options) => {
    await run("fetch", globalsOf(command), async (ports) => {
      const { fetchSource } = await import("../../app/fetch.ts");
      const result = await fetchSource(
        {
          spec,
          insecureSkipVerify: options.insecureSkipVerify,
          ...present({ mirror: options.mirror }),
        },
        ports,
      );
      return {
        ok: true,
        json: { results: [result] },
        stdout: `${result.path}\n`,
        human: (style) =>
          `${style.green("fetched")} ${result.version.text}, ${result.trust.detail}${result.cached ? " (from the cache)" : ""}\n`,
      };
    });
  });
};
