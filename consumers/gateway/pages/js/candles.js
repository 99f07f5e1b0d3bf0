// The candle chart. Its numbers are floats: they place pixels, nothing is reckoned with them.

import {
  CandlestickSeries,
  createChart,
  HistogramSeries,
} from "../vendor/lightweight-charts.standalone.production.mjs";
import { colour } from "./dom.js";

export const INTERVALS = ["1s", "1m", "5m", "15m", "1h", "4h", "1d"];
const COUNT = 500;
const FEW = 40; // candles that traded: with less than these it is shown what was traded before
const TRADES = 1000;
const IN_VIEW = 90;
const AT_LEAST = 50; // slots: a few candles are not drawn as broad as the chart

export class Candles {
  #rest;
  #chart;
  #series;
  #volume;
  #turn = 0;

  constructor(rest, element) {
    this.#rest = rest;
    this.#chart = createChart(element, {
      autoSize: true,
      crosshair: { mode: 0 },
      rightPriceScale: { borderVisible: false },
    });
    this.#series = this.#chart.addSeries(CandlestickSeries, { borderVisible: false });
    this.#volume = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.dress();
  }

  /** In the page's colours of now. */
  dress() {
    const [up, down, line] = [colour("--buy"), colour("--sell"), colour("--line")];
    this.#chart.applyOptions({
      layout: { background: { color: colour("--panel") }, textColor: colour("--dim"), fontSize: 11 },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false, rightOffset: 4 },
    });
    this.#series.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
    this.#volume.applyOptions({ color: colour("--volume") });
  }

  async show(symbol, interval, tick) {
    const turn = ++this.#turn;
    const places = (tick.split(".")[1] || "").replace(/0+$/, "").length;
    let traded = (await this.#rest.get("/api/v3/klines", { symbol, interval, limit: COUNT })).filter(hasTraded);
    if (traded.length < FEW)
      traded = [...(await this.#before(traded[0]?.[0] ?? Infinity, symbol, interval)), ...traded];
    if (turn !== this.#turn) return;
    this.#series.applyOptions({ priceFormat: { type: "price", precision: places, minMove: 10 ** -places } });
    this.#chart.applyOptions({ timeScale: { secondsVisible: interval === "1s" } });
    this.#series.setData(traded.map((row) => bar(row[0], row[1], row[2], row[3], row[4])));
    this.#volume.setData(traded.map((row) => ({ time: row[0] / 1000, value: Number(row[5]) })));
    this.#last = traded.length ? traded.at(-1)[0] / 1000 : 0;
    this.#chart.timeScale().setVisibleLogicalRange({
      from: traded.length - Math.min(Math.max(traded.length, AT_LEAST), IN_VIEW),
      to: traded.length + 3,
    });
  }

  /** What traded last before a time: a market that has stood still for long shows how it was. */
  async #before(timeMs, symbol, interval) {
    const trades = await this.#rest.get("/api/v3/trades", { symbol, limit: TRADES });
    const older = trades.filter(({ time }) => time < timeMs);
    if (!older.length) return [];
    const query = { symbol, interval, limit: COUNT, endTime: older.at(-1).time };
    const rows = await this.#rest.get("/api/v3/klines", query);
    return rows.filter((row) => hasTraded(row) && row[0] < timeMs);
  }

  #last = 0;

  /** A candle of the kline stream. */
  take({ k }) {
    if (k.n === 0 || k.t / 1000 < this.#last) return;
    this.#last = k.t / 1000;
    this.#series.update(bar(k.t, k.o, k.h, k.l, k.c));
    this.#volume.update({ time: this.#last, value: Number(k.v) });
  }

  get count() {
    return this.#series.data().length;
  }
}

function hasTraded(row) {
  return row[8] > 0;
}

function bar(openMs, open, high, low, close) {
  return { time: openMs / 1000, open: Number(open), high: Number(high), low: Number(low), close: Number(close) };
}
