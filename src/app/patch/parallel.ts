/** Disk work that waits mostly: so many at a time. */
const atOnce = 32;

/**
 * Does `work` for every item, several at a time. After a failure no new one is begun; the
 * promise settles when nothing is under way any more, so that what follows has the disk to itself.
 */
export async function eachAtOnce<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const errors: unknown[] = [];
  const worker = async (): Promise<void> => {
    while (errors.length === 0 && next < items.length) {
      const index = next;
      next += 1;
      await work(items[index] as T, index).catch((error: unknown) => void errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (errors.length > 0) throw errors[0];
}
