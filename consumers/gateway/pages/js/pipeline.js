// The pipeline page: every process, money, trades and alerts, once a second.

import { AdminLink } from "./admin_link.js";
import { cut, grouped, trim } from "./decimal.js";
import { byId, clock, make } from "./dom.js";
import { notice } from "./notices.js";
import { ProcessCard, UNDER_WAY } from "./process_card.js";
import { Session } from "./session.js";
import { applyTheme, toggleTheme } from "./theme.js";
import { showTrace } from "./trace.js";

const WORDS = { connecting: "connecting", live: "live", waiting: "reconnecting", refused: "needs a key" };
const NS_PER_MS = 1e6;

applyTheme();
byId("theme").addEventListener("click", toggleTheme);
const session = new Session();
const cards = new Map();
let link = null;

async function kill(name) {
  try {
    const { killed } = await link.ask("POST", `/admin/v1/processes/${name}/kill`);
    notice("plain", `${name} (process ${killed}) was killed: it starts again and catches up`);
  } catch (error) {
    notice("bad", `${name}: ${error.message}`);
  }
}

async function follow(seq) {
  try {
    await showTrace(link, seq);
  } catch (error) {
    notice("bad", `No trace of ${seq}: ${error.message}`);
  }
}

function draw(picture) {
  byId("published").textContent = grouped(String(picture.published));
  byId("rate").textContent = grouped(String(picture.events_per_s));
  byId("demo-hint").hidden = !picture.demo;
  const order = [...picture.processes].sort((a, b) => (a.step || 99) - (b.step || 99));
  for (const process of order) {
    let card = cards.get(process.name);
    if (!card) {
      card = new ProcessCard(process, picture.demo && process.name !== "admin" ? kill : null);
      cards.set(process.name, card);
      byId(process.step ? "steps" : "beside").append(card.element);
    }
    card.draw(process, picture.published, picture.events_per_s);
  }
  drawReceipts(picture);
  drawMoney(picture.money);
  drawTrades(picture.trades);
  drawAlerts(picture.alerts);
}

/** Step nine is nobody's process: it is what all cursors together say. */
function drawReceipts({ processes, published, durable, money }) {
  const cursors = processes.filter((each) => each.cursor && each.step);
  const last = cursors.reduce((a, b) => (a.cursor.seq <= b.cursor.seq ? a : b), cursors[0]);
  const late = cursors.filter((each) => each.cursor.lag === null || each.cursor.lag > UNDER_WAY);
  const values = {
    cursors: `${cursors.length - late.length} of ${cursors.length} caught up`,
    slowest: late.length ? `${last.name} at ${grouped(String(last.cursor.seq))}` : "none",
    durable: grouped(String(durable)),
    published: grouped(String(published)),
    money: money ? (money.conserved ? "conserved" : "NOT CONSERVED") : "–",
  };
  const card = byId("receipts") ?? make("article", { class: "card", id: "receipts" });
  card.classList.toggle("behind", late.length > 0);
  card.replaceChildren(
    make("div", { class: "name" }, make("span", { class: "step", text: "9" }), make("span", { text: "receipts" })),
    make("div", { class: "what", text: "every cursor; reconcile, replay, trace" }),
    make(
      "dl",
      {},
      ...Object.entries(values).flatMap(([name, text]) => [make("dt", { text: name }), make("dd", { text })]),
    ),
  );
  byId("steps").append(card);
}

function drawMoney(money) {
  const element = byId("money");
  if (!money) return;
  element.textContent = money.conserved ? "✓ conserved" : "✗ NOT CONSERVED";
  element.className = money.conserved ? "good" : "bad";
  byId("money-seq").textContent = `at ${grouped(String(money.seq))}`;
  byId("assets").replaceChildren(
    ...Object.entries(money.assets).map(([asset, row]) =>
      make(
        "tr",
        {},
        make("td", { text: asset }),
        ...["paid_in", "accounts", "fees", "difference"].map((name) =>
          make("td", { class: "number", text: grouped(trim(row[name], 0)) }),
        ),
      ),
    ),
  );
}

function drawTrades(trades) {
  byId("trades").replaceChildren(
    ...trades.map((trade) =>
      make(
        "tr",
        { "data-seq": trade.seq, onclick: () => follow(trade.seq) },
        make("td", { class: "number", text: grouped(String(trade.seq)) }),
        make("td", { text: trade.symbol }),
        make("td", { class: trade.side === "buy" ? "buy" : "sale", text: trade.side }),
        make("td", { class: "number", text: grouped(trade.price) }),
        make("td", { class: "number", text: cut(trade.qty, 8) }),
        make("td", { text: `${trade.account} ⇄ ${trade.maker_account}` }),
        make("td", {}, make("button", { type: "button", text: "trace", "aria-label": `trace ${trade.seq}` })),
      ),
    ),
  );
  if (!trades.length)
    byId("trades").replaceChildren(
      make("tr", {}, make("td", { class: "nothing", colspan: 7, text: "No trade since the admin API started" })),
    );
}

function drawAlerts(alerts) {
  const rows = alerts.map((alert) => {
    const { kind, ts_ns: ns, detail, account, symbol, ...rest } = alert;
    const about = [
      account !== undefined && `account ${account}`,
      symbol,
      detail,
      ...Object.entries(rest).map(([name, value]) => `${name} ${value}`),
    ];
    return make(
      "li",
      {},
      make("time", { class: "when", text: ns ? clock(ns / NS_PER_MS) : "" }),
      make("b", { text: kind ?? "alert" }),
      ` ${about.filter(Boolean).join(" · ")}`,
    );
  });
  byId("alerts").replaceChildren(...(rows.length ? rows : [make("li", { class: "hint", text: "None" })]));
}

function showState() {
  const chip = byId("link");
  chip.dataset.state = link.state === "refused" ? "waiting" : link.state;
  chip.textContent = WORDS[link.state];
  chip.title = link.why;
  if (link.state === "refused") byId("sign-in").showModal();
}

function useSignIn() {
  const show = () => (byId("sign").textContent = session.isOpen ? "Sign out" : "Sign in");
  session.addEventListener("change", () => {
    show();
    link.follow();
  });
  byId("sign").addEventListener("click", () => (session.isOpen ? session.close() : byId("sign-in").showModal()));
  byId("sign-in-cancel").addEventListener("click", () => byId("sign-in").close());
  byId("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    session.open(byId("key").value, byId("secret").value);
    byId("secret").value = "";
    byId("sign-in").close();
  });
  show();
}

async function begin() {
  const about = await (await fetch("/pages/about.json")).json();
  if (about.demo) byId("sign").hidden = true;
  if (about.demo && session.isOpen) {
    // A key of the trading page may not administer, and a demo needs none.
    link = new AdminLink({ isOpen: false, key: "" }, about.adminPort);
  } else {
    link = new AdminLink(session, about.adminPort);
  }
  link.addEventListener("picture", (event) => draw(event.detail));
  link.addEventListener("state", showState);
  useSignIn();
  link.follow();
}

begin();
