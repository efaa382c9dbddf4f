// node --import strike.mjs PROGRAM: counts the calls that change a file system, and strikes at one.
// STRIKE=N:before kills the process (SIGKILL) before call N, N:half kills it when half of a file's bytes are
// written, N:full makes every call from N on that needs room fail as on a full disk. STRIKE_COUNT=FILE gets
// the number of calls and which of them write bytes.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [at = "0", how = ""] = (process.env.STRIKE ?? "").split(":");
const target = Number(at);
const own = { writeFileSync: fs.writeFileSync, writeSync: fs.writeSync };
let calls = 0;
const bytes = [];

const full = (name, path) =>
  Object.assign(new Error(`ENOSPC: no space left on device, ${name}`), {
    code: "ENOSPC",
    errno: -28,
    syscall: name,
    ...(typeof path === "string" ? { path } : {}),
  });
const die = () => {
  process.kill(process.pid, "SIGKILL");
  for (;;);
};
const changes = (flags) => flags !== undefined && flags !== "r" && flags !== fs.constants.O_RDONLY;

/** What happens before call `name`; a failure is thrown. */
function strike(name, args, needsRoom, data) {
  calls += 1;
  if (data !== undefined) bytes.push(calls);
  if (calls === target && how === "half" && data !== undefined) {
    own.writeSync(args[0], data, 0, data.length >> 1);
    die();
  }
  if (calls === target && how === "before") die();
  if (calls >= target && how === "full" && needsRoom) throw full(name, args[0]);
}

for (const name of ["renameSync", "linkSync", "fchmodSync", "mkdirSync", "rmSync", "unlinkSync"]) {
  const original = fs[name];
  fs[name] = (...args) => {
    strike(name, args, ["linkSync", "mkdirSync"].includes(name));
    return original(...args);
  };
}
const openSync = fs.openSync;
fs.openSync = (...args) => {
  if (changes(args[1])) strike("open", args, true);
  return openSync(...args);
};
fs.writeFileSync = (...args) => {
  if (args[0] !== process.env.STRIKE_COUNT) strike("write", args, true, Buffer.from(args[1]));
  return own.writeFileSync(...args);
};
const writevSync = fs.writevSync;
fs.writevSync = (...args) => {
  strike("write", args, true, Buffer.concat(args[1]));
  return writevSync(...args);
};
for (const name of [
  "rename",
  "link",
  "mkdir",
  "rm",
  "rmdir",
  "unlink",
  "writeFile",
  "symlink",
  "chmod",
]) {
  const original = fs.promises[name];
  fs.promises[name] = async (...args) => {
    strike(name, args, ["link", "mkdir", "writeFile", "symlink"].includes(name));
    return original(...args);
  };
}
const open = fs.promises.open;
fs.promises.open = async (...args) => {
  if (changes(args[1])) strike("open", args, true);
  return open(...args);
};
syncBuiltinESMExports();

process.on("exit", () => {
  if (process.env.STRIKE_COUNT)
    own.writeFileSync(process.env.STRIKE_COUNT, JSON.stringify({ calls, bytes }));
});
