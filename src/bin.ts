#!/usr/bin/env node
import { main } from "./cli/main.ts";

process.exitCode = await main(process.argv.slice(2), async (log) => {
  const { realWorld } = await import("./infra/world.ts");
  return realWorld(log);
});
