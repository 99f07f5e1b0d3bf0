// Requests to the gateway: public ones, and such as are signed with the session's key.

const KEY_HEADER = "X-MBX-APIKEY";
const PATIENCE_MS = 8000;

/** The gateway refused; `code` is Binance's. */
export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** No answer: nobody knows whether the request was carried out. */
export class Unanswered extends Error {}

export class Rest {
  constructor(session, base = "") {
    this.session = session;
    this.base = base;
    this.aheadMs = 0; // of the gateway's clock before ours
  }

  async learnTime() {
    const before = Date.now();
    const { serverTime } = await this.get("/api/v3/time");
    this.aheadMs = Math.round(serverTime - (before + Date.now()) / 2);
  }

  get(path, parameters = {}) {
    return this.#send("GET", path, new URLSearchParams(parameters).toString(), {});
  }

  post(path, parameters = {}) {
    return this.plain("POST", path, parameters);
  }

  plain(method, path, parameters = {}) {
    return this.#send(method, path, new URLSearchParams(parameters).toString(), {});
  }

  /** With the key alone. */
  keyed(method, path, parameters = {}) {
    const headers = { [KEY_HEADER]: this.session.key };
    return this.#send(method, path, new URLSearchParams(parameters).toString(), headers);
  }

  /** With key and signature. What is undefined or empty is left out. */
  async signed(method, path, parameters = {}) {
    const text = await this.signedQuery(parameters);
    return this.#send(method, path, text, { [KEY_HEADER]: this.session.key });
  }

  async signedQuery(parameters) {
    const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
    const query = new URLSearchParams([...given, ["timestamp", Date.now() + this.aheadMs]]).toString();
    return `${query}&signature=${await this.session.sign(query)}`;
  }

  /** With key, signature and a JSON body, as the admin API takes it. */
  async signedBody(method, path, parameters, body) {
    const text = body === undefined ? "" : JSON.stringify(body);
    const query = new URLSearchParams([
      ...Object.entries(parameters),
      ["timestamp", Date.now() + this.aheadMs],
    ]).toString();
    const signed = `${query}&signature=${await this.session.sign(query + text)}`;
    const headers = { [KEY_HEADER]: this.session.key, ...(text ? { "Content-Type": "application/json" } : {}) };
    return this.#send(method, path, signed, headers, text || undefined);
  }

  async #send(method, path, query, headers, sent) {
    const url = `${this.base}${path}${query ? `?${query}` : ""}`;
    let answer;
    let body;
    try {
      answer = await fetch(url, {
        method,
        headers,
        body: sent,
        cache: "no-store",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      body = await answer.json();
    } catch (error) {
      throw new Unanswered(`no answer from the gateway (${error.name})`);
    }
    if (!answer.ok)
      throw new Refused(answer.status, body.code ?? 0, body.msg ?? body.error ?? `status ${answer.status}`);
    return body;
  }
}
