// Elements, made and found in one line.

export const byId = (id) => document.getElementById(id);

/** An element with properties (`class`, `text`, `on…` handlers, attributes) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Runs `draw` at most once a frame, and at most every `restMs`, however often the returned function is called. */
export function throttled(draw, restMs = 80) {
  let waiting = false;
  let last = 0;
  const run = () => {
    waiting = false;
    last = performance.now();
    draw();
  };
  return () => {
    if (waiting) return;
    waiting = true;
    const rest = Math.max(0, restMs - (performance.now() - last));
    setTimeout(() => (document.hidden ? run() : requestAnimationFrame(run)), rest);
  };
}

/** A colour of the style sheet, by the name of its custom property, as the page shows it now. */
export function colour(name) {
  const probe = make("span", { hidden: true });
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** The time of day of a moment in ms. */
export function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB");
}
