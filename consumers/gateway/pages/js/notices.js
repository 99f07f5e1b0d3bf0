// What has just happened, in words, at the edge of the page; the last ones stay in a list.

import { byId, clock, make } from "./dom.js";

const SHOWN_MS = 6000;
const AT_ONCE = 3;
const KEPT = 50;

/** kind: "good", "bad" or "plain". */
export function notice(kind, text) {
  const said = make("div", { class: `notice ${kind}`, text });
  byId("notices").prepend(said);
  while (byId("notices").childElementCount > AT_ONCE) byId("notices").lastElementChild.remove();
  setTimeout(() => said.remove(), kind === "bad" ? 2 * SHOWN_MS : SHOWN_MS);
  const list = byId("log");
  list.prepend(make("li", { class: kind }, make("time", { text: clock(Date.now()) }), make("span", { text })));
  while (list.childElementCount > KEPT) list.lastElementChild.remove();
}
