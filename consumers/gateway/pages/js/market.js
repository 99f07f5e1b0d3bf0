// One symbol, live: book, trades, candles, ticker, over the combined market streams.

import { Book } from "./book.js";
import { Link, socketUrl } from "./link.js";

/** Events: "trade", "candle", "ticker" (detail: the stream's message), "book", "gap", "fresh" (begun anew), "state". */
export class Market extends EventTarget {
  #rest;
  #number = 0;

  constructor(rest) {
    super();
    this.#rest = rest;
    this.symbol = "";
    this.interval = "1m";
    this.book = null;
    this.gaps = 0;
    this.link = new Link(() => socketUrl("/stream"), true);
    this.link.addEventListener("open", () => this.#begin());
    this.link.addEventListener("message", (event) => this.#take(event.detail));
    this.link.addEventListener("state", () => this.dispatchEvent(new Event("state")));
  }

  #streams() {
    const name = this.symbol.toLowerCase();
    return [`${name}@trade`, `${name}@depth@100ms`, `${name}@ticker`, `${name}@kline_${this.interval}`];
  }

  choose(symbol) {
    if (symbol === this.symbol) return;
    this.#unsubscribe();
    this.symbol = symbol;
    this.#newBook();
    this.#begin();
    this.link.open();
  }

  chooseInterval(interval) {
    this.#unsubscribe();
    this.interval = interval;
    this.#begin();
  }

  #newBook() {
    this.book?.stop();
    const book = new Book(this.#rest, this.symbol);
    book.addEventListener("change", () => this.dispatchEvent(new Event("book")));
    book.addEventListener("gap", () => {
      this.gaps += 1;
      this.dispatchEvent(new Event("gap"));
    });
    this.book = book;
  }

  #begin() {
    if (this.link.state !== "live" || !this.symbol) return;
    this.link.send({ method: "SUBSCRIBE", params: this.#streams(), id: ++this.#number });
    this.book.load(); // subscribed first: what comes meanwhile waits for the snapshot
    this.dispatchEvent(new Event("fresh"));
  }

  #unsubscribe() {
    if (this.symbol) this.link.send({ method: "UNSUBSCRIBE", params: this.#streams(), id: ++this.#number });
  }

  #take({ data }) {
    if (!data || data.s !== this.symbol) return;
    if (data.e === "depthUpdate") this.book.take(data);
    else if (data.e === "trade") this.#tell("trade", data);
    else if (data.e === "24hrTicker") this.#tell("ticker", data);
    else if (data.e === "kline" && data.k.i === this.interval) this.#tell("candle", data);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
