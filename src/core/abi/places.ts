import type { Image } from "../elf/image.ts";

/** More places than any real file has; a file made to cost time ends here. */
const most = 64;

/** Addresses at which these bytes stand in initialised data. */
export function findBytes(image: Image, wanted: Buffer): readonly bigint[] {
  const found: bigint[] = [];
  let scanned = 0;
  for (const region of image.regions) {
    if (!region.data) continue;
    scanned += region.size;
    // Regions that overlap were made to be scanned for ever.
    if (scanned > image.bytes.length || found.length >= most) break;
    const bytes = image.bytes.slice(region.offset, region.size);
    for (
      let at = bytes.indexOf(wanted);
      at >= 0 && found.length < most;
      at = bytes.indexOf(wanted, at + 1)
    ) {
      found.push(region.address + BigInt(at));
    }
  }
  return found;
}

/** Addresses of pointers that lead to one of `targets`: by a relocation, or as they stand (DT_RELR, prelink). */
export function findPointers(image: Image, targets: readonly bigint[]): readonly bigint[] {
  const wanted = new Set(targets);
  const found = new Set<bigint>();
  for (const [at, fixup] of image.fixups) {
    if (fixup.target !== undefined && wanted.has(fixup.target) && found.size < most) found.add(at);
  }
  for (const target of targets) {
    for (const at of findBytes(image, encode(image, target))) {
      if (!image.fixups.has(at)) found.add(at);
    }
  }
  return [...found].toSorted((a, b) => (a < b ? -1 : 1));
}

function encode(image: Image, address: bigint): Buffer {
  const big = Buffer.alloc(8);
  big.writeBigUInt64BE(BigInt.asUintN(64, address));
  const word = image.bytes.word === 8 ? big : big.subarray(4);
  return image.bytes.endian === "big" ? word : Buffer.from(word.toReversed());
}
