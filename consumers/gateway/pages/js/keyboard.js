// Keys for who trades without a mouse. While a field is being typed in, only Escape counts.

import { byId } from "./dom.js";

export function useKeys({ ticket, tables, toggleTheme }) {
  const actions = {
    b: () => ticket.chooseSide("BUY"),
    s: () => ticket.chooseSide("SELL"),
    t: () => ticket.chooseType(1),
    T: () => ticket.chooseType(-1),
    p: () => focus("price"),
    q: () => focus("quantity"),
    m: () => focus("symbol"),
    c: () => tables.cancelNewest(),
    C: () => tables.cancelAll(),
    d: toggleTheme,
    "?": () => byId("keys").showModal(),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    const isTyped = event.target.matches?.("input:not([type=checkbox]), select, textarea");
    if (event.key === "Escape" && isTyped) event.target.blur();
    if (isTyped || !Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  });
}

function focus(id) {
  const field = byId(id);
  if (field.disabled) return;
  field.focus();
  field.select?.();
}
