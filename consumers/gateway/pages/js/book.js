// A symbol's order book: a snapshot over REST, then the depth stream's differences; a gap begins it anew.

const SNAPSHOT_LEVELS = 1000;
const RETRY_MS = 1000;

/** Events: "change", "gap" (something was missed: the book is being read again). */
export class Book extends EventTarget {
  #rest;
  #symbol;
  #early = []; // differences that came before the snapshot
  #loading = 0;

  constructor(rest, symbol) {
    super();
    this.#rest = rest;
    this.#symbol = symbol;
    this.bids = new Map(); // price text -> quantity text
    this.asks = new Map();
    this.lastId = 0;
    this.isReady = false;
    this.gaps = 0;
  }

  /** Read the snapshot; differences that come meanwhile wait for it. */
  async load() {
    const turn = ++this.#loading;
    this.isReady = false;
    this.#early = [];
    let found;
    while (!found) {
      try {
        found = await this.#rest.get("/api/v3/depth", { symbol: this.#symbol, limit: SNAPSHOT_LEVELS });
      } catch {
        await new Promise((done) => setTimeout(done, RETRY_MS));
      }
      if (turn !== this.#loading) return;
    }
    this.bids = new Map(found.bids);
    this.asks = new Map(found.asks);
    this.lastId = found.lastUpdateId;
    this.isReady = true;
    const early = this.#early;
    this.#early = [];
    for (const difference of early) this.take(difference);
    this.dispatchEvent(new Event("change"));
  }

  /** A depthUpdate. */
  take(difference) {
    if (!this.isReady) {
      this.#early.push(difference);
      return;
    }
    if (difference.u <= this.lastId) return;
    if (difference.U > this.lastId + 1) {
      this.gaps += 1;
      this.dispatchEvent(new Event("gap"));
      this.load();
      this.#early.push(difference);
      return;
    }
    for (const [levels, changes] of [
      [this.bids, difference.b],
      [this.asks, difference.a],
    ]) {
      for (const [price, quantity] of changes) {
        if (Number(quantity) === 0) levels.delete(price);
        else levels.set(price, quantity);
      }
    }
    this.lastId = difference.u;
    this.dispatchEvent(new Event("change"));
  }

  stop() {
    this.#loading += 1;
  }

  /** [price, quantity] from the best on, at most so many. */
  top(side, most = Infinity) {
    const found = [...(side === "bid" ? this.bids : this.asks)];
    found.sort(side === "bid" ? (a, b) => b[0] - a[0] : (a, b) => a[0] - b[0]);
    return found.slice(0, most);
  }

  best(side) {
    let found = null;
    for (const price of (side === "bid" ? this.bids : this.asks).keys()) {
      if (found === null || (side === "bid" ? Number(price) > Number(found) : Number(price) < Number(found)))
        found = price;
    }
    return found;
  }
}
