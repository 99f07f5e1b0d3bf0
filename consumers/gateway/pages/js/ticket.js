// The order ticket: from what is typed to a signed request, and what became of it.

import * as decimal from "./decimal.js";
import { byId, make } from "./dom.js";
import { notice } from "./notices.js";
import { ORDER_TYPES, requestOf } from "./order_types.js";
import { Refused } from "./rest.js";

const FIELDS = ["price", "stop", "stopLimit", "trail", "quantity", "iceberg", "tif"];
const ASK_AGAIN_MS = 1500;
const ASK_TIMES = 40;

export class Ticket {
  #rest;
  #account;
  #market;
  #symbol = null; // of exchangeInfo
  #side = "BUY";
  #form = byId("ticket");

  constructor(rest, account, market) {
    this.#rest = rest;
    this.#account = account;
    this.#market = market;
    const kinds = Object.entries(ORDER_TYPES).map(([value, { label }]) => make("option", { value, text: label }));
    byId("type").append(...kinds);
    byId("type").addEventListener("change", () => this.#showFields());
    byId("inQuote").addEventListener("change", () => this.#showFields());
    byId("side-buy").addEventListener("click", () => this.chooseSide("BUY"));
    byId("side-sell").addEventListener("click", () => this.chooseSide("SELL"));
    for (const name of FIELDS) byId(name).addEventListener("input", () => this.#showSum());
    for (const button of document.querySelectorAll("#shares button")) {
      button.addEventListener("click", () => this.#takeShare(button.dataset.share));
    }
    for (const name of ["price", "stop", "stopLimit", "quantity"]) {
      byId(name).addEventListener("keydown", (event) => this.#step(event, name));
    }
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    account.addEventListener("change", () => this.#showSum());
    market.addEventListener("book", () => this.#offerPrice());
    this.#showFields();
  }

  choose(symbol) {
    this.#symbol = symbol;
    for (const name of ["price", "stop", "stopLimit", "quantity", "iceberg"]) byId(name).value = "";
    this.#showFields();
  }

  chooseSide(side) {
    this.#side = side;
    this.#showFields();
  }

  chooseType(step) {
    const list = byId("type");
    list.selectedIndex = (list.selectedIndex + step + list.length) % list.length;
    this.#showFields();
  }

  /** A level of the ladder. */
  takePrice(price) {
    const { fields } = ORDER_TYPES[byId("type").value];
    const into = fields.includes("price") ? "price" : fields.includes("stop") ? "stop" : null;
    if (!into) return;
    byId(into).value = price;
    this.#showSum();
  }

  #filter(kind) {
    return this.#symbol.filters.find((each) => each.filterType === kind);
  }

  get #step1() {
    return { price: this.#filter("PRICE_FILTER").tickSize, quantity: this.#filter("LOT_SIZE").stepSize };
  }

  /** Arrow keys: one step up or down, ten with Shift. */
  #step(event, name) {
    if (!["ArrowUp", "ArrowDown"].includes(event.key) || !this.#symbol) return;
    event.preventDefault();
    const field = byId(name);
    const step = decimal.multiply(this.#step1[name === "quantity" ? "quantity" : "price"], event.shiftKey ? "10" : "1");
    const before = decimal.isDecimal(field.value) ? field.value : "0";
    const after = event.key === "ArrowUp" ? decimal.add(before, step) : decimal.subtract(before, step);
    if (decimal.compare(after, "0") >= 0) field.value = decimal.trim(after, 0);
    this.#showSum();
  }

  #offerPrice() {
    const field = byId("price");
    if (field.value || field === document.activeElement || field.dataset.offered === this.#symbol?.symbol) return;
    const best = this.#market.book.best(this.#side === "BUY" ? "ask" : "bid") ?? this.#market.book.best("bid");
    if (!best) return;
    field.value = best;
    field.dataset.offered = this.#symbol?.symbol;
    this.#showSum();
  }

  #showFields() {
    const type = byId("type").value;
    const { fields, extras } = ORDER_TYPES[type];
    for (const name of [...FIELDS, "inQuote"]) {
      const isShown = fields.includes(name) || extras.includes(name);
      byId(`field-${name}`).hidden = !isShown;
      byId(name).disabled = !isShown;
    }
    const isBuy = this.#side === "BUY";
    this.#form.classList.toggle("buying", isBuy);
    this.#form.classList.toggle("selling", !isBuy);
    byId("side-buy").setAttribute("aria-pressed", isBuy);
    byId("side-sell").setAttribute("aria-pressed", !isBuy);
    if (this.#symbol) {
      const { baseAsset, quoteAsset } = this.#symbol;
      const inQuote = extras.includes("inQuote") && byId("inQuote").checked;
      byId("quantity-unit").textContent = inQuote ? quoteAsset : baseAsset;
      byId("iceberg-unit").textContent = baseAsset;
      byId("inQuote-unit").textContent = `amount in ${quoteAsset}`;
      for (const name of ["price", "stop", "stopLimit"]) byId(`${name}-unit`).textContent = quoteAsset;
      byId("submit").textContent = `${isBuy ? "Buy" : "Sell"} ${baseAsset}`;
    }
    byId("price-label").textContent = type === "OCO" ? "Target" : "Price";
    this.#showSum();
  }

  get #inQuote() {
    return byId("type").value === "MARKET" && byId("inQuote").checked;
  }

  /** The price that a quantity is reckoned with here: as typed, else the best one there is. */
  #priceNow() {
    for (const name of ["price", "stop"]) {
      const field = byId(name);
      if (!field.disabled && decimal.isDecimal(field.value)) return field.value;
    }
    return this.#market.book?.best(this.#side === "BUY" ? "ask" : "bid") ?? null;
  }

  #free() {
    const asset = this.#side === "BUY" ? this.#symbol.quoteAsset : this.#symbol.baseAsset;
    return { asset, free: this.#account.balances.get(asset)?.free ?? "0" };
  }

  #showSum() {
    if (!this.#symbol) return;
    const { asset, free } = this.#free();
    byId("available").textContent = `${decimal.grouped(decimal.trim(free, 2))} ${asset}`;
    const [quantity, price] = [byId("quantity").value, this.#priceNow()];
    const isKnown = decimal.isDecimal(quantity) && price !== null && !this.#inQuote;
    const places = Math.min(this.#symbol.quoteAssetPrecision, 8);
    const sum = isKnown ? decimal.trim(decimal.cut(decimal.multiply(quantity, price), places), 2) : null;
    const isExact = !byId("price").disabled;
    byId("sum").textContent =
      sum === null ? "–" : `${isExact ? "" : "≈ "}${decimal.grouped(sum)} ${this.#symbol.quoteAsset}`;
  }

  #takeShare(share) {
    const { free } = this.#free();
    const part = decimal.multiply(free, share);
    const price = this.#priceNow();
    let found;
    if (this.#inQuote && this.#side === "BUY") found = decimal.cut(part, Math.min(this.#symbol.quoteAssetPrecision, 2));
    else if (this.#side === "SELL") found = decimal.floorTo(part, this.#step1.quantity);
    else if (price !== null && decimal.compare(price, "0") > 0) {
      found = decimal.floorTo(decimal.divide(part, price, 12), this.#step1.quantity);
    } else return;
    byId("quantity").value = decimal.trim(found);
    this.#showSum();
  }

  #values() {
    const values = Object.fromEntries(FIELDS.map((name) => [name, byId(name).disabled ? "" : byId(name).value.trim()]));
    return { ...values, inQuote: this.#inQuote, stp: byId("stp").value };
  }

  #wrong(type, values) {
    const wrong = ORDER_TYPES[type].fields.find(
      (name) => !decimal.isDecimal(values[name]) || decimal.compare(values[name], "0") <= 0,
    );
    for (const name of FIELDS) byId(name).removeAttribute("aria-invalid");
    if (!wrong) return false;
    byId(wrong).setAttribute("aria-invalid", "true");
    byId(wrong).focus();
    notice("bad", `${byId(`field-${wrong}`).dataset.name}: expected a number above zero`);
    return true;
  }

  async #send() {
    const type = byId("type").value;
    const values = this.#values();
    if (type === "TRAILING" && decimal.isDecimal(values.trail)) {
      values.trail = decimal.trim(decimal.cut(decimal.multiply(values.trail, "100"), 0)); // per cent to basis points
    }
    if (!this.#symbol || this.#wrong(type, values)) return;
    const name = `page-${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
    const { path, parameters } = requestOf(type, this.#side, this.#symbol.symbol, values, name);
    byId("submit").disabled = true;
    try {
      this.#told(await this.#rest.signed("POST", path, parameters));
    } catch (error) {
      if (error instanceof Refused && error.code !== -1007 && error.status < 500)
        notice("bad", `Refused: ${error.message}`);
      else this.#askWhatBecame(path, name, error.message);
    } finally {
      byId("submit").disabled = false;
      this.#account.refresh();
    }
  }

  #told(answer) {
    if (answer.orderReports) {
      notice("good", `OCO list ${answer.orderListId}: both orders are in`);
      return;
    }
    const base = this.#symbol.baseAsset;
    const [done, all] = [decimal.trim(answer.executedQty), decimal.trim(answer.origQty)];
    const words = {
      NEW: "is in the book",
      PARTIALLY_FILLED: `has filled ${done} of ${all} ${base}`,
      FILLED: `has filled: ${done} ${base}`,
    };
    const said = words[answer.status] ?? `${answer.status.toLowerCase()}, filled ${done} of ${all} ${base}`;
    const waits = answer.status === "NEW" && answer.workingTime === -1;
    notice(
      answer.status === "EXPIRED" ? "bad" : "good",
      `Order ${answer.orderId} ${waits ? "waits for its stop price" : said}`,
    );
  }

  /** The request was not answered: it may have been carried out. Its own name tells, once the gateway is back. */
  async #askWhatBecame(path, name, why) {
    notice("bad", `Not answered (${why}): asking what became of it`);
    const isList = path.endsWith("/oco");
    for (let times = 0; times < ASK_TIMES; times += 1) {
      await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
      try {
        const query = isList ? { origClientOrderId: name } : { symbol: this.#symbol.symbol, origClientOrderId: name };
        const found = await this.#rest.signed("GET", isList ? "/api/v3/orderList" : "/api/v3/order", query);
        notice(
          "good",
          isList
            ? `OCO list ${found.orderListId} is in`
            : `Order ${found.orderId} was taken: ${found.status.toLowerCase()}`,
        );
        this.#account.refresh();
        return;
      } catch (error) {
        if (error instanceof Refused && error.status < 500) {
          notice("plain", "The order was not taken: nothing happened");
          return;
        }
      }
    }
    notice("bad", `Still no answer about order ${name}`);
  }
}
