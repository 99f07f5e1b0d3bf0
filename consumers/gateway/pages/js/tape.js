// The tape: the latest trades, newest first.

import { cut, grouped } from "./decimal.js";
import { byId, clock, make } from "./dom.js";

const ROWS = 40;

export class Tape {
  #rest;
  #list = byId("tape");
  #places = 8;
  #newest = 0; // id of the newest trade that is shown
  #turn = 0;

  constructor(rest, market) {
    this.#rest = rest;
    market.addEventListener("trade", (event) => this.#take(event.detail));
    market.addEventListener("fresh", () => this.show(market.symbol)); // what was missed is in the list over REST
  }

  chooseStep(step) {
    this.#places = (step.replace(/0+$/, "").split(".")[1] || "").length;
  }

  async show(symbol) {
    const turn = ++this.#turn;
    const trades = await this.#rest.get("/api/v3/trades", { symbol, limit: ROWS });
    if (turn !== this.#turn) return;
    this.#list.replaceChildren();
    this.#newest = 0;
    for (const { id, price, qty, time, isBuyerMaker } of trades) this.#add(id, price, qty, time, isBuyerMaker);
  }

  #take({ t, p, q, T, m }) {
    this.#add(t, p, q, T, m);
  }

  #add(id, price, quantity, time, isSale) {
    if (id <= this.#newest) return;
    this.#newest = id;
    this.#list.prepend(
      make(
        "li",
        { class: isSale ? "sale" : "buy", "data-id": id },
        make("span", { class: "price", text: grouped(price) }),
        make("span", { class: "quantity", text: cut(quantity, this.#places) }),
        make("time", { text: clock(time) }),
      ),
    );
    while (this.#list.childElementCount > ROWS) this.#list.lastElementChild.remove();
  }
}
