// The trading page: puts its parts together.

import { Account } from "./account.js";
import { Candles, INTERVALS } from "./candles.js";
import { grouped, trim } from "./decimal.js";
import { Depth } from "./depth.js";
import { byId, make } from "./dom.js";
import { Header } from "./header.js";
import { useKeys } from "./keyboard.js";
import { Ladder } from "./ladder.js";
import { Market } from "./market.js";
import { notice } from "./notices.js";
import { Rest } from "./rest.js";
import { Session } from "./session.js";
import { SignIn } from "./sign_in.js";
import { Tables } from "./tables.js";
import { useTabs } from "./tabs.js";
import { Tape } from "./tape.js";
import { applyTheme, toggleTheme } from "./theme.js";
import { Ticket } from "./ticket.js";

const CHOSEN = "matchline.symbol";

applyTheme();
for (const list of document.querySelectorAll("[role=tablist]")) useTabs(list);

const session = new Session();
const rest = new Rest(session);
const market = new Market(rest);
const account = new Account(rest, session);
const candles = new Candles(rest, byId("candles"));
const depth = new Depth(byId("depth"), market);
const ladder = new Ladder(market);
const tape = new Tape(rest, market);
const header = new Header(market, account, session);
const ticket = new Ticket(rest, account, market);
const tables = new Tables(rest, account);
let chosen = null; // of exchangeInfo

const stepOf = (symbol, kind, name) => symbol.filters.find((each) => each.filterType === kind)[name];

function showCandles() {
  return candles.show(market.symbol, market.interval, stepOf(chosen, "PRICE_FILTER", "tickSize"));
}

function choose(symbol) {
  chosen = symbol;
  localStorage.setItem(CHOSEN, symbol.symbol);
  byId("symbol").value = symbol.symbol;
  const lot = stepOf(symbol, "LOT_SIZE", "stepSize");
  ladder.chooseStep(lot);
  tape.chooseStep(lot);
  market.choose(symbol.symbol);
  account.choose(symbol.symbol);
  ticket.choose(symbol);
  header.choose(symbol, rest);
  showCandles();
}

function changeTheme() {
  toggleTheme();
  candles.dress();
  depth.draw();
}

for (const interval of INTERVALS) {
  const button = make("button", {
    type: "button",
    text: interval,
    "aria-pressed": String(interval === market.interval),
  });
  button.addEventListener("click", () => {
    for (const each of byId("intervals").children) each.setAttribute("aria-pressed", each === button);
    market.chooseInterval(interval);
    showCandles();
  });
  byId("intervals").append(button);
}
ladder.addEventListener("price", (event) => ticket.takePrice(event.detail));
market.addEventListener("candle", (event) => candles.take(event.detail));
market.addEventListener("fresh", () => showCandles()); // what was missed while away
market.addEventListener("gap", () => notice("plain", "A gap in the book's changes: it was read anew"));
market.addEventListener("state", () => {
  if (market.link.state === "waiting") notice("bad", `The market feed is away (${market.link.why}): reconnecting`);
  if (market.link.state === "live" && market.link.drops)
    notice("good", "The market feed is back; book, trades and candles are read anew");
});
account.addEventListener("report", ({ detail }) => {
  if (detail.x === "TRADE")
    notice("good", `${detail.S === "BUY" ? "Bought" : "Sold"} ${trim(detail.l)} ${detail.s} at ${grouped(detail.L)}`);
  else if (detail.x === "EXPIRED" || detail.x === "TRADE_PREVENTION")
    notice("plain", `Order ${detail.i}: ${detail.X.toLowerCase().replaceAll("_", " ")}`);
});
account.addEventListener("transfer", ({ detail }) => notice("plain", `${detail.d} ${detail.a} booked`));
byId("theme").addEventListener("click", changeTheme);
byId("help").addEventListener("click", () => byId("keys").showModal());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => candles.dress());
useKeys({ ticket, tables, toggleTheme: changeTheme });

async function begin() {
  const [about, info] = await Promise.all([
    rest.get("/pages/about.json"),
    rest.get("/api/v3/exchangeInfo"),
    rest.learnTime(),
  ]);
  new SignIn(rest, session, account, about.demo);
  const symbols = info.symbols;
  byId("symbol").append(...symbols.map(({ symbol }) => make("option", { value: symbol, text: symbol })));
  byId("symbol").addEventListener("change", () => choose(symbols.find((each) => each.symbol === byId("symbol").value)));
  if (!symbols.length) {
    notice("plain", "Nothing is listed yet");
    return;
  }
  choose(symbols.find((each) => each.symbol === localStorage.getItem(CHOSEN)) ?? symbols[0]);
  account.start();
  header.showLinks();
}

async function beginUntilThere() {
  for (;;) {
    try {
      await begin();
      return;
    } catch (error) {
      notice("bad", `The gateway does not answer: ${error.message}`);
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
}

beginUntilThere();
