/** A finding in words, and the next command where there is one. */
export interface Words {
  readonly what: string;
  /** Why it matters. */
  readonly why?: string;
  readonly next?: string;
}
