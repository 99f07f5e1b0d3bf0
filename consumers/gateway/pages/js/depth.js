// The depth chart: what could be bought and sold up to each price, drawn on a canvas.

import { colour, make, throttled } from "./dom.js";

const LEVELS = 250;
const HEADROOM = 1.12;
const SHOWN = 0.8; // of a side's levels
const LOPSIDED = 3; // times as far as the nearer side reaches, at most

export class Depth {
  #element;
  #canvas;
  #market;

  constructor(element, market) {
    this.#element = element;
    this.#market = market;
    this.#canvas = make("canvas", { role: "img", "aria-label": "depth chart" });
    element.append(this.#canvas);
    const draw = throttled(() => this.draw(), 250);
    market.addEventListener("book", draw);
    new ResizeObserver(draw).observe(element);
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.#element;
    if (!width || !height) return;
    const scale = devicePixelRatio || 1;
    this.#canvas.width = width * scale;
    this.#canvas.height = height * scale;
    const pen = this.#canvas.getContext("2d");
    pen.scale(scale, scale);
    const book = this.#market.book;
    const [bids, asks] = [summed(book.top("bid", LEVELS)), summed(book.top("ask", LEVELS))];
    if (!bids.length && !asks.length) return;
    const middle = bids.length && asks.length ? (bids[0].price + asks[0].price) / 2 : (bids[0] ?? asks[0]).price;
    const reach = spread(bids, asks, middle);
    const most =
      Math.max(...[bids, asks].map((side) => withinReach(side, middle, reach).at(-1)?.total ?? 0), 1e-12) * HEADROOM;
    const x = (price) => ((price - middle + reach) / (2 * reach)) * width;
    const y = (total) => height - 18 - (total / most) * (height - 24);
    for (const [side, name, edge] of [
      [bids, "--buy", 0],
      [asks, "--sell", width],
    ]) {
      this.#area(pen, withinReach(side, middle, reach), x, y, colour(name), edge, height);
    }
    this.#labels(pen, width, height, middle, reach);
  }

  #area(pen, side, x, y, ink, edge, height) {
    if (!side.length) return;
    pen.beginPath();
    pen.moveTo(x(side[0].price), height - 18);
    let at = height - 18;
    for (const { price, total } of side) {
      pen.lineTo(x(price), at);
      at = y(total);
      pen.lineTo(x(price), at);
    }
    pen.lineTo(edge, at);
    pen.strokeStyle = ink;
    pen.lineWidth = 1.5;
    pen.stroke();
    pen.lineTo(edge, height - 18);
    pen.closePath();
    pen.globalAlpha = 0.16;
    pen.fillStyle = ink;
    pen.fill();
    pen.globalAlpha = 1;
  }

  #labels(pen, width, height, middle, reach) {
    pen.fillStyle = colour("--dim");
    pen.font = "11px system-ui, sans-serif";
    const places = Math.max(0, Math.min(8, 2 - Math.floor(Math.log10(reach))));
    for (const share of [-0.8, -0.4, 0, 0.4, 0.8]) {
      const text = (middle + share * reach).toLocaleString("en-US", { maximumFractionDigits: places });
      const left = ((share + 1) / 2) * width - pen.measureText(text).width / 2;
      pen.fillText(text, left, height - 4);
    }
  }
}

function summed(levels) {
  let total = 0;
  return levels.map(([price, quantity]) => ({ price: Number(price), total: (total += Number(quantity)) }));
}

/** How far from the middle is shown: most levels of both sides, but not what stands far off alone. */
function spread(bids, asks, middle) {
  const distances = [bids, asks]
    .filter((side) => side.length)
    .map((side) => Math.abs(side[Math.floor((side.length - 1) * SHOWN)].price - middle));
  const [near, far] = [Math.min(...distances), Math.max(...distances)];
  return Math.max(Math.min(far, LOPSIDED * near || far), middle * 1e-5);
}

function withinReach(side, middle, reach) {
  return side.filter(({ price }) => Math.abs(price - middle) <= reach);
}
