// The line at the top: last price, the day, and how the connections are.

import { cut, grouped, subtract, trim } from "./decimal.js";
import { byId } from "./dom.js";

const WORDS = { off: "off", connecting: "connecting", live: "live", waiting: "reconnecting", polling: "polling" };

export class Header {
  #market;
  #account;
  #session;
  #last = "";
  #places = 2;

  constructor(market, account, session) {
    this.#market = market;
    this.#account = account;
    this.#session = session;
    market.addEventListener("trade", (event) => this.#showLast(event.detail.p));
    market.addEventListener("ticker", (event) => this.#showDay(event.detail));
    for (const part of [market, account, session]) {
      for (const name of ["state", "gap", "change"]) part.addEventListener(name, () => this.showLinks());
    }
  }

  /** symbol: of exchangeInfo. */
  async choose(symbol, rest) {
    this.#places = (
      symbol.filters
        .find((each) => each.filterType === "PRICE_FILTER")
        .tickSize.replace(/0+$/, "")
        .split(".")[1] || ""
    ).length;
    this.#last = "";
    const day = await rest.get("/api/v3/ticker/24hr", { symbol: symbol.symbol });
    if (day.symbol !== this.#market.symbol) return;
    this.#showDay({
      c: day.lastPrice,
      h: day.highPrice,
      l: day.lowPrice,
      v: day.volume,
      P: day.priceChangePercent,
      n: day.count,
    });
  }

  #showLast(price) {
    const element = byId("last");
    const change = this.#last ? Number(subtract(price, this.#last)) : 0;
    if (change) element.className = `last ${change > 0 ? "up" : "down"}`;
    element.textContent = grouped(trim(price, this.#places));
    this.#last = price;
    document.title = `${element.textContent} ${this.#market.symbol} · matchline`;
  }

  #showDay({ c, h, l, v, P, n }) {
    if (n === 0 || Number(c) === 0) {
      for (const id of ["last", "day-change", "day-high", "day-low", "day-volume"]) byId(id).textContent = "–";
      return;
    }
    if (c !== this.#last) this.#showLast(c);
    const change = byId("day-change");
    change.textContent = `${Number(P) > 0 ? "+" : ""}${Number(P).toFixed(2)} %`;
    change.className = Number(P) < 0 ? "sale" : "buy";
    byId("day-high").textContent = grouped(trim(h, this.#places));
    byId("day-low").textContent = grouped(trim(l, this.#places));
    byId("day-volume").textContent = grouped(cut(v, 2));
  }

  showLinks() {
    this.#chip("link-market", "market", this.#market.link, this.#market.link.state);
    const { state } = this.#account.link;
    this.#chip("link-account", "account", this.#account.link, this.#session.isOpen ? state : "off");
    const drops = this.#market.link.drops + this.#account.link.drops;
    const gaps = this.#market.gaps;
    byId("gaps").hidden = !drops && !gaps;
    byId("gaps").textContent = `${drops} reconnected · ${gaps} gap${gaps === 1 ? "" : "s"} healed`;
  }

  #chip(id, name, link, state) {
    const chip = byId(id);
    chip.dataset.state = state;
    chip.textContent = state === "off" ? `${name} off` : `${name} ${WORDS[state]}`;
    chip.title = link.why;
  }
}
