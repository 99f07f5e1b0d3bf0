// Decimal texts, exactly: money, prices and quantities are never floats here. Floats only place pixels.

/** {units, places} of a text such as "12.50": units × 10^-places. Throws where it is no decimal. */
export function read(text) {
  const found = /^(-?)(\d*)(?:\.(\d*))?$/.exec(String(text).trim());
  if (!found || (!found[2] && !found[3])) throw new Error(`expected a decimal number, not "${text}"`);
  const units = BigInt((found[2] || "0") + (found[3] || ""));
  return { units: found[1] ? -units : units, places: (found[3] || "").length };
}

export function isDecimal(text) {
  try {
    read(text);
    return true;
  } catch {
    return false;
  }
}

function write(units, places) {
  const digits = (units < 0n ? -units : units).toString().padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  return (units < 0n ? "-" : "") + whole + (places ? `.${digits.slice(digits.length - places)}` : "");
}

function aligned(a, b) {
  const [x, y] = [read(a), read(b)];
  const places = Math.max(x.places, y.places);
  return [x.units * 10n ** BigInt(places - x.places), y.units * 10n ** BigInt(places - y.places), places];
}

export function add(a, b) {
  const [x, y, places] = aligned(a, b);
  return write(x + y, places);
}

export function subtract(a, b) {
  const [x, y, places] = aligned(a, b);
  return write(x - y, places);
}

export function multiply(a, b) {
  const [x, y] = [read(a), read(b)];
  return write(x.units * y.units, x.places + y.places);
}

/** a / b rounded towards zero to so many places. */
export function divide(a, b, places) {
  const [x, y] = aligned(a, b);
  return y === 0n ? "0" : write((x * 10n ** BigInt(places)) / y, places);
}

/** Below 0, 0 or above 0. */
export function compare(a, b) {
  const [x, y] = aligned(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** The largest multiple of `step` that is not above; in the places of `step`. */
export function floorTo(text, step) {
  const [x, y] = aligned(text, step);
  const places = read(step).places;
  return write(((x / y) * y) / 10n ** BigInt(Math.max(read(text).places - places, 0)), places);
}

/** Without zeros behind the last digit that counts, but with at least `least` places. */
export function trim(text, least = 0) {
  const { units, places } = read(text);
  if (places < least) return write(units * 10n ** BigInt(least - places), least);
  let [rest, left] = [units, places];
  while (left > least && rest % 10n === 0n) [rest, left] = [rest / 10n, left - 1];
  return write(rest, left);
}

/** Rounded towards zero to so many places. */
export function cut(text, places) {
  const found = read(text);
  if (found.places <= places) return text;
  return write(found.units / 10n ** BigInt(found.places - places), places);
}

/** With commas between thousands. */
export function grouped(text) {
  const [whole, rest] = String(text).split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (rest === undefined ? "" : `.${rest}`);
}
