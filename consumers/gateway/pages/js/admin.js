// The page of the admin API: drawn from its OpenAPI document, each request to be filled in, signed and sent.

import { byId, make } from "./dom.js";
import { Rest } from "./rest.js";
import { Session } from "./session.js";
import { applyTheme, toggleTheme } from "./theme.js";

const session = new Session();
const rest = new Rest(session);

applyTheme();
byId("theme").addEventListener("click", toggleTheme);
byId("key").value = session.key;
byId("credentials").addEventListener("submit", (event) => {
  event.preventDefault();
  session.open(byId("key").value, byId("secret").value);
  byId("secret").value = "";
  byId("use-key").textContent = "In use";
});

/** What was typed, as the schema wants it: whole numbers and lists are none of text. */
function typed(text, schema) {
  if (schema.type === "integer") return /^-?\d+$/.test(text) ? Number(text) : text;
  if (schema.type === "array")
    return text
      .split(",")
      .map((each) => each.trim())
      .filter(Boolean);
  return text;
}

function fieldOf(name, schema, needed) {
  const example = [schema.examples?.[0] ?? ""].flat().join(", ");
  const input = make("input", {
    name,
    placeholder: example ? `e.g. ${example}` : "",
    spellcheck: "false",
    "aria-label": name,
  });
  const label = make(
    "label",
    { class: "field", title: schema.description ?? "" },
    make("span", { text: needed ? `${name} *` : name }),
    input,
  );
  return { label, input };
}

async function send(method, path, operation, inputs) {
  const query = {};
  let body;
  let address = path;
  for (const { name, where, schema, input } of inputs) {
    const text = input.value.trim();
    if (where === "path") address = address.replace(`{${name}}`, encodeURIComponent(text));
    else if (text === "") continue;
    else if (where === "query") query[name] = text;
    else body = { ...body, [name]: typed(text, schema) };
  }
  if (!operation.security.length) return rest.plain(method, address, query);
  return rest.signedBody(method, address, query, body);
}

function draw(path, method, operation) {
  const outside = operation.parameters.filter((each) => !["timestamp", "signature"].includes(each.name));
  const schema = operation.requestBody?.content["application/json"].schema;
  const inputs = [
    ...outside.map((each) => ({ name: each.name, where: each.in, schema: each.schema, needed: each.required })),
    ...Object.entries(schema?.properties ?? {}).map(([name, each]) => ({
      name,
      where: "body",
      schema: each,
      needed: schema.required.includes(name),
    })),
  ].map((each) => ({ ...each, ...fieldOf(each.name, each.schema, each.needed) }));
  const answer = make("pre", { hidden: true });
  const form = make(
    "form",
    { autocomplete: "off" },
    make("p", { text: operation.description }),
    ...inputs.map(({ label }) => label),
    make("button", { type: "submit", text: "Send" }),
    answer,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    answer.hidden = false;
    answer.className = "";
    try {
      answer.textContent = JSON.stringify(await send(method, path, operation, inputs), null, 2);
    } catch (error) {
      answer.className = "bad";
      answer.textContent = `${error.status ?? ""} ${error.code ?? ""} ${error.message}`.trim();
    }
  });
  const head = make(
    "summary",
    {},
    make("span", { class: `method ${method.toLowerCase()}`, text: method }),
    make("span", { class: "path", text: path }),
    make("span", { class: "about", text: operation.summary }),
  );
  return make("details", { class: "panel operation", id: operation.operationId }, head, form);
}

async function begin() {
  const document_ = await (await fetch("/openapi.json")).json();
  byId("about").textContent = document_.info.description;
  const groups = new Map();
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const [group] = operation.tags;
      if (!groups.has(group)) groups.set(group, make("section", {}, make("h2", { text: group })));
      groups.get(group).append(draw(path, method.toUpperCase(), operation));
    }
  }
  byId("groups").append(...groups.values());
}

begin();
