// One trade through all nine steps, in a dialog: what each step holds of it.

import { byId, make } from "./dom.js";

const SKIPPED = new Set(["step", "name", "owner"]);

export async function showTrace(link, seq) {
  byId("trace-title").textContent = `Trade ${seq}`;
  const found = await link.ask("GET", `/admin/v1/trace/${seq}`);
  byId("trace-steps").replaceChildren(...found.steps.map(drawStep));
  byId("trace").showModal();
  byId("trace").scrollTop = 0; // not down at the button that has the focus
}

function drawStep(step) {
  const body = make("div");
  for (const [name, value] of Object.entries(step)) {
    if (SKIPPED.has(name)) continue;
    const rows = Array.isArray(value) ? value : [value];
    for (const row of rows) body.append(values(name, row));
  }
  return make(
    "section",
    { class: "step-of" },
    make("h3", { text: `${step.step} ${step.name}` }, make("small", { text: step.owner })),
    body,
  );
}

function values(name, row) {
  const pairs = row !== null && typeof row === "object" ? flat(row) : [[name, row]];
  return make(
    "div",
    { class: "values" },
    ...pairs
      .filter(([, value]) => value !== null)
      .map(([key, value]) => make("span", {}, make("b", { text: key }), String(value))),
  );
}

function flat(row, prefix = "") {
  return Object.entries(row).flatMap(([key, value]) => {
    const name = prefix ? `${prefix}.${key}` : key;
    if (value === null) return [];
    if (Array.isArray(value))
      return [[name, value.map((each) => (typeof each === "object" ? JSON.stringify(each) : each)).join(" ")]];
    return typeof value === "object" ? flat(value, name) : [[name, value]];
  });
}
