// Open orders, fills and balances of the account, as tables.

import { compare, grouped, trim } from "./decimal.js";
import { byId, clock, make, throttled } from "./dom.js";
import { notice } from "./notices.js";

const WORDS = {
  LIMIT: "limit",
  LIMIT_MAKER: "post only",
  MARKET: "market",
  STOP_LOSS: "stop",
  STOP_LOSS_LIMIT: "stop limit",
  TAKE_PROFIT: "take profit",
  TAKE_PROFIT_LIMIT: "take profit limit",
};

export class Tables {
  #rest;
  #account;

  constructor(rest, account) {
    this.#rest = rest;
    this.#account = account;
    account.addEventListener(
      "change",
      throttled(() => this.draw(), 60),
    );
    byId("cancel-all").addEventListener("click", () => this.cancelAll());
  }

  draw() {
    this.#drawOrders();
    this.#drawFills();
    this.#drawBalances();
  }

  #drawOrders() {
    const orders = [...this.#account.orders.values()].sort((a, b) => b.orderId - a.orderId);
    byId("orders-count").textContent = orders.length;
    byId("cancel-all").disabled = !orders.length;
    fill(
      "orders",
      orders,
      "No open orders",
      (order) => [
        cell("time", clock(order.time)),
        cell("symbol", order.symbol),
        cell(order.side === "BUY" ? "buy" : "sale", order.side.toLowerCase()),
        cell("type", `${WORDS[order.type] ?? order.type}${order.timeInForce === "GTC" ? "" : ` ${order.timeInForce}`}`),
        cell("number", priceText(order)),
        cell("number", `${trim(order.executedQty)} / ${trim(order.origQty)}`),
        cell("state", order.isWorking ? order.status.toLowerCase().replace("_", " ") : "waiting"),
        make(
          "td",
          {},
          make("button", {
            type: "button",
            class: "quiet cancel",
            title: "cancel",
            text: "✕",
            "aria-label": `cancel order ${order.orderId}`,
            onclick: () => this.#cancel(order),
          }),
        ),
      ],
      (order) => order.orderId,
    );
  }

  #drawFills() {
    const fills = [...this.#account.fills.values()].sort((a, b) => b.id - a.id);
    byId("fills-count").textContent = fills.length;
    fill(
      "fills",
      fills,
      "No fills yet",
      (each) => [
        cell("time", clock(each.time)),
        cell("symbol", each.symbol),
        cell(each.isBuyer ? "buy" : "sale", each.isBuyer ? "buy" : "sell"),
        cell("number", grouped(each.price)),
        cell("number", trim(each.qty)),
        cell("number", grouped(trim(each.quoteQty, 2))),
        cell("number", `${trim(each.commission)} ${each.commissionAsset}`),
        cell("role", each.isMaker ? "maker" : "taker"),
        cell("number", `#${each.id}`),
      ],
      (each) => each.id,
    );
  }

  #drawBalances() {
    const rows = [...this.#account.balances].map(([asset, held]) => ({ asset, ...held }));
    fill(
      "balances",
      rows,
      "No balances",
      (each) => [
        cell("asset", each.asset),
        cell("number free", grouped(trim(each.free, 2))),
        cell("number locked", compare(each.locked, "0") === 0 ? "–" : grouped(trim(each.locked, 2))),
      ],
      (each) => each.asset,
    );
  }

  async #cancel(order) {
    try {
      await this.#rest.signed("DELETE", "/api/v3/order", { symbol: order.symbol, orderId: order.orderId });
      notice("plain", `Order ${order.orderId} is cancelled`);
    } catch (error) {
      notice("bad", `Order ${order.orderId} was not cancelled: ${error.message}`);
    }
    this.#account.refresh();
  }

  /** The newest open order. */
  cancelNewest() {
    const newest = Math.max(...this.#account.orders.keys());
    if (Number.isFinite(newest)) this.#cancel(this.#account.orders.get(newest));
  }

  async cancelAll() {
    const symbols = new Set([...this.#account.orders.values()].map((order) => order.symbol));
    for (const symbol of symbols) {
      try {
        const ended = await this.#rest.signed("DELETE", "/api/v3/openOrders", { symbol });
        notice("plain", `${ended.length} cancelled on ${symbol}`);
      } catch (error) {
        notice("bad", `Not cancelled on ${symbol}: ${error.message}`);
      }
    }
    this.#account.refresh();
  }
}

function priceText(order) {
  const price = compare(order.price, "0") ? grouped(order.price) : "market";
  return compare(order.stopPrice ?? "0", "0") ? `${price} @ ${grouped(order.stopPrice)}` : price;
}

function cell(kind, text) {
  return make("td", { class: kind, text });
}

function fill(id, rows, nothing, cells, key) {
  const body = byId(id);
  if (!rows.length) {
    const columns = body.parentElement.querySelectorAll("th").length;
    body.replaceChildren(make("tr", {}, make("td", { class: "nothing", colspan: columns, text: nothing })));
    return;
  }
  body.replaceChildren(...rows.map((row) => make("tr", { "data-id": key(row) }, ...cells(row))));
}
