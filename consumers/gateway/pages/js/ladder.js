// The ladder: the best levels of both sides around the spread. A click takes a level's price into the ticket.

import { compare, cut, divide, grouped, multiply, subtract } from "./decimal.js";
import { byId, make, throttled } from "./dom.js";

const ROWS = 12;

export class Ladder extends EventTarget {
  #market;
  #asks;
  #bids;
  #spread;
  #quantityPlaces = 8;

  constructor(market) {
    super();
    this.#market = market;
    [this.#asks, this.#bids] = [this.#rows(byId("asks")), this.#rows(byId("bids"))];
    this.#spread = byId("spread");
    market.addEventListener(
      "book",
      throttled(() => this.draw(), 100),
    );
  }

  chooseStep(step) {
    this.#quantityPlaces = (step.replace(/0+$/, "").split(".")[1] || "").length;
  }

  #rows(parent) {
    return Array.from({ length: ROWS }, () => {
      const [price, quantity, total] = ["price", "quantity", "total"].map((name) => make("span", { class: name }));
      const row = make("button", { class: "level", type: "button", tabindex: "-1" }, price, quantity, total);
      row.addEventListener("click", () => {
        if (price.textContent) this.dispatchEvent(new CustomEvent("price", { detail: row.dataset.price }));
      });
      parent.append(row);
      return { row, price, quantity, total };
    });
  }

  draw() {
    const book = this.#market.book;
    const [asks, bids] = [book.top("ask", ROWS), book.top("bid", ROWS)];
    const most = Math.max(sum(asks), sum(bids), 1e-12);
    this.#fill(this.#asks, asks, most);
    this.#fill(this.#bids, bids, most);
    byId("book").classList.toggle("stale", !book.isReady || this.#market.link.state !== "live");
    if (!asks.length || !bids.length) {
      this.#spread.textContent = asks.length || bids.length ? "one-sided" : "no orders";
      return;
    }
    const gap = subtract(asks[0][0], bids[0][0]);
    const share = divide(multiply(gap, "10000"), asks[0][0], 1);
    this.#spread.textContent = compare(gap, "0") > 0 ? `spread ${grouped(gap)}  ·  ${share} bp` : "auction";
  }

  #fill(rows, levels, most) {
    let total = 0;
    rows.forEach(({ row, price, quantity, total: sumOf }, at) => {
      const level = levels[at];
      row.classList.toggle("empty", !level);
      row.disabled = !level;
      if (!level) {
        price.textContent = quantity.textContent = sumOf.textContent = "";
        row.style.setProperty("--share", "0%");
        return;
      }
      total += Number(level[1]);
      row.dataset.price = level[0];
      price.textContent = grouped(level[0]);
      quantity.textContent = cut(level[1], this.#quantityPlaces);
      sumOf.textContent = total.toFixed(Math.min(this.#quantityPlaces, 4));
      row.style.setProperty("--share", `${((100 * total) / most).toFixed(1)}%`);
    });
  }
}

function sum(levels) {
  return levels.reduce((total, [, quantity]) => total + Number(quantity), 0);
}
