// One process as a card: what it does, how far it is, how quick, and a line of its lag over the last minute.

import { grouped } from "./decimal.js";
import { colour, make } from "./dom.js";

const REMEMBERED = 60; // looks
export const UNDER_WAY = 50; // events: so far behind is nobody late, only busy

const WORK = {
  engine: "match output",
  orders: "order status",
  balances: "accounts and ledger",
  journal: "trade log",
  publisher: "push over ZeroMQ",
  gateway: "REST, WebSocket, pages",
  marketdata: "ticker, depth, candles",
  settlement: "clearing, reports",
  risk: "risk and audit",
  replica: "snapshots, standby engine",
  entry: "order entry",
  "entry-kafka": "orders from Kafka",
  admin: "admin API",
  "standby-feed": "for followers",
};

/** What a process does, by its name; a second gateway is called `gateway-2`. */
function workOf(name) {
  return WORK[name] ?? WORK[name.replace(/-[0-9]+$/, "")] ?? (name.startsWith("sink-") ? "outside store" : "");
}

export class ProcessCard {
  #lags = [];
  #parts = {};

  /** kill: called with the name, null where it may not be killed. */
  constructor(process, kill) {
    const name = process.name;
    this.element = make("article", { class: "card", "data-process": name });
    const head = make("div", { class: "name" });
    if (process.step) head.append(make("span", { class: "step", text: process.step }));
    head.append(make("span", { text: name }));
    if (kill) {
      head.append(
        make("button", {
          class: "kill",
          type: "button",
          text: "kill",
          "aria-label": `kill ${name}`,
          onclick: () => kill(name),
        }),
      );
    }
    const list = make("dl");
    for (const [key, label] of [
      ["state", "state"],
      ["seq", "at"],
      ["lag", "behind"],
      ["rate", "rate"],
      ["latency", "p50 · p99"],
      ["restarts", "restarts"],
    ]) {
      this.#parts[key] = make("dd", { class: key });
      list.append(make("dt", { text: label }), this.#parts[key]);
    }
    this.#parts.fill = make("i");
    this.#parts.line = make("canvas", { "aria-hidden": "true" });
    this.element.append(
      head,
      make("div", { class: "what", text: workOf(name) }),
      list,
      make("div", { class: "bar" }, this.#parts.fill),
      this.#parts.line,
    );
  }

  draw(process, published, rate) {
    const { cursor, latency } = process;
    const isUp = process.pid !== null;
    const lag = cursor ? cursor.lag : process.name === "engine" && isUp ? 0 : null;
    this.element.dataset.state = isUp ? process.state : "down";
    this.element.classList.toggle("behind", isUp && lag > UNDER_WAY);
    this.element.title = process.why;
    const seq = cursor ? cursor.seq : process.name === "engine" ? published : null;
    const perSecond = cursor ? cursor.events_per_s : process.name === "engine" ? rate : null;
    const parts = this.#parts;
    parts.state.textContent = isUp
      ? `${process.state}${cursor && cursor.source === "journal" ? " (journal)" : ""} · ${Math.round(process.cpu * 100)} %`
      : "down";
    parts.seq.textContent = seq === null ? "–" : grouped(String(seq));
    parts.lag.textContent = lag === null ? (isUp ? "–" : "away") : lag === 0 ? "caught up" : grouped(String(lag));
    parts.rate.textContent = perSecond === null ? "–" : `${grouped(String(perSecond))}/s`;
    parts.latency.textContent = latency?.p50 ? `${span(latency.p50)} · ${span(latency.p99)}` : "–";
    parts.latency.title = latency?.recent ? "match to commit, in the last second" : "match to commit, since the start";
    parts.restarts.textContent = process.restarts;
    parts.fill.style.width = `${seq === null || !published ? 0 : Math.max(0, 100 * Math.min(1, seq / published))}%`;
    this.#lags = [...this.#lags, isUp ? (lag ?? 0) : -1].slice(-REMEMBERED);
    this.#drawLine();
  }

  #drawLine() {
    const canvas = this.#parts.line;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width) return;
    const scale = devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const most = Math.max(...this.#lags, 1);
    const step = width / REMEMBERED;
    const [calm, late, down] = ["--buy", "--warn", "--sell"].map(colour);
    this.#lags.forEach((lag, at) => {
      const tall = lag < 0 ? height : Math.max(1.5, (Math.log1p(lag) / Math.log1p(Math.max(most, 100))) * height);
      pen.fillStyle = lag < 0 ? down : lag > UNDER_WAY ? late : calm;
      pen.fillRect(width - (this.#lags.length - at) * step, height - tall, Math.max(step - 1, 1), tall);
    });
  }
}

/** A duration in ns in the unit that fits. */
export function span(ns) {
  for (const [unit, size] of [
    ["s", 1e9],
    ["ms", 1e6],
    ["µs", 1e3],
  ]) {
    if (ns >= size) return `${ns < 10 * size ? (ns / size).toFixed(1) : Math.round(ns / size)} ${unit}`;
  }
  return `${ns} ns`;
}
