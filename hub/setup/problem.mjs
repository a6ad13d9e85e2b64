// A step of set-up that cannot be done: what is missing, and what the person can do about it.

export class SetupProblem extends Error {
  /**
   * @param {string} message what cannot be done and why
   * @param {{ remedy: string, packages?: string[], cause?: unknown }} options `packages` are Debian packages whose installation would mend it
   */
  constructor(message, { remedy, packages = [], cause }) {
    super(message, { cause });
    this.name = 'SetupProblem';
    this.remedy = remedy;
    this.packages = packages;
  }
}
