// The signed-in account: balances, open orders and fills; read over REST, then kept up by the user data stream.

import { Link, socketUrl } from "./link.js";
import { Refused } from "./rest.js";

const PROLONG_MS = 20 * 60_000;
const POLL_MS = 3000; // while the stream is away
const FILLS = 100;
const OPEN = new Set(["NEW", "PARTIALLY_FILLED"]);

/** Events: "change" (of anything that is shown), "state", "report" (detail: an executionReport), "transfer". */
export class Account extends EventTarget {
  #rest;
  #session;
  #listenKey = "";
  #reading = null;

  constructor(rest, session) {
    super();
    this.#rest = rest;
    this.#session = session;
    this.symbol = "";
    this.#clear();
    this.link = new Link(() => this.#address(), false);
    this.link.addEventListener("open", () => this.refresh());
    this.link.addEventListener("message", (event) => this.#take(event.detail));
    this.link.addEventListener("state", () => this.#tell("state"));
    session.addEventListener("change", () => this.#follow());
    setInterval(() => this.#prolong(), PROLONG_MS);
    setInterval(() => this.#poll(), POLL_MS);
  }

  start() {
    this.#follow();
  }

  choose(symbol) {
    this.symbol = symbol;
    this.fills = new Map();
    this.refresh();
  }

  #clear() {
    this.balances = new Map(); // asset -> {free, locked}
    this.orders = new Map(); // order id -> order as GET /api/v3/openOrders shows it
    this.fills = new Map(); // "id side" -> fill as GET /api/v3/myTrades shows it
    this.number = 0;
    this.refused = "";
  }

  #follow() {
    this.link.close();
    this.#clear();
    if (this.#session.isOpen) {
      this.link.open();
      this.refresh();
    }
    this.#tell("change");
  }

  async #address() {
    const { listenKey } = await this.#rest.keyed("POST", "/api/v3/userDataStream");
    this.#listenKey = listenKey;
    return socketUrl(`/ws/${listenKey}`);
  }

  async #prolong() {
    if (this.link.state !== "live") return;
    try {
      await this.#rest.keyed("PUT", "/api/v3/userDataStream", { listenKey: this.#listenKey });
    } catch {
      this.link.close(); // it is over: begin anew
      this.link.open();
    }
  }

  #poll() {
    if (this.#session.isOpen && this.link.state !== "live" && !document.hidden) this.refresh();
  }

  /** Read everything again. Several at once are one. */
  async refresh() {
    if (!this.#session.isOpen) return;
    this.#reading ??= this.#read().finally(() => (this.#reading = null));
    await this.#reading;
  }

  async #read() {
    const symbol = this.symbol;
    try {
      const [info, orders, fills] = await Promise.all([
        this.#rest.signed("GET", "/api/v3/account"),
        this.#rest.signed("GET", "/api/v3/openOrders"),
        symbol ? this.#rest.signed("GET", "/api/v3/myTrades", { symbol, limit: FILLS }) : [],
      ]);
      this.refused = "";
      this.number = info.uid;
      this.balances = new Map(info.balances.map((each) => [each.asset, { free: each.free, locked: each.locked }]));
      this.orders = new Map(orders.map((each) => [each.orderId, each]));
      if (symbol === this.symbol) for (const fill of fills) this.#addFill(fill);
    } catch (error) {
      if (error instanceof Refused) this.refused = error.message;
    }
    this.#tell("change");
  }

  #addFill(fill) {
    this.fills.set(`${fill.id} ${fill.isBuyer}`, fill);
    if (this.fills.size > 4 * FILLS) this.fills.delete(this.fills.keys().next().value);
  }

  #take(message) {
    const told = message.data ?? message;
    if (told.e === "executionReport") this.#report(told);
    else if (told.e === "outboundAccountPosition") {
      for (const each of told.B) this.balances.set(each.a, { free: each.f, locked: each.l });
    } else if (told.e === "balanceUpdate") this.#tell("transfer", told);
    this.#tell("change");
  }

  #report(told) {
    if (OPEN.has(told.X)) this.orders.set(told.i, orderOf(told));
    else this.orders.delete(told.i);
    if (told.x === "TRADE" && told.s === this.symbol) this.#addFill(fillOf(told));
    this.#tell("report", told);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function orderOf(told) {
  return {
    symbol: told.s,
    orderId: told.i,
    clientOrderId: told.c,
    orderListId: told.g,
    side: told.S,
    type: told.o,
    timeInForce: told.f,
    price: told.p,
    stopPrice: told.P,
    origQty: told.q,
    executedQty: told.z,
    icebergQty: told.F,
    status: told.X,
    isWorking: told.w,
    time: told.O,
  };
}

function fillOf(told) {
  return {
    symbol: told.s,
    id: told.t,
    orderId: told.i,
    price: told.L,
    qty: told.l,
    quoteQty: told.Y,
    commission: told.n,
    commissionAsset: told.N,
    time: told.T,
    isBuyer: told.S === "BUY",
    isMaker: told.m,
  };
}
