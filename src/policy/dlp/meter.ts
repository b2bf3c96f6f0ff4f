/** Counts work in bytes looked at, so that tests can show growth without a clock. */
export class Meter {
  work = 0;
  add(amount: number): void {
    this.work += amount;
  }
}
