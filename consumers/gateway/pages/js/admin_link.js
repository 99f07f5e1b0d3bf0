// The admin API from a page of the gateway: another port of this host. Its picture comes as a line of JSON a second.

import { Rest } from "./rest.js";

const PAUSE_MS = 1000;
const SILENT_MS = 5000;

export class AdminLink extends EventTarget {
  #session;
  #port;
  #turn = 0;

  /** Events: "picture" (detail), "state" (state: connecting, live, waiting, refused; why). */
  constructor(session, port) {
    super();
    this.#session = session;
    this.#port = port;
    this.base = `${location.protocol}//${location.hostname}:${port}`;
    this.rest = new Rest(session, this.base);
    this.state = "connecting";
    this.why = "";
  }

  /** Signed where there is a key; a demo lets anybody look. */
  ask(method, path, parameters = {}) {
    return this.#session.isOpen
      ? this.rest.signed(method, path, parameters)
      : this.rest.plain(method, path, parameters);
  }

  async follow() {
    const turn = ++this.#turn;
    while (turn === this.#turn) {
      try {
        await this.#read(turn);
      } catch (error) {
        this.why = error.message;
      }
      if (turn !== this.#turn) return;
      if (this.state === "refused") return;
      this.#say("waiting");
      await new Promise((done) => setTimeout(done, PAUSE_MS));
    }
  }

  async #read(turn) {
    const query = this.#session.isOpen ? `?${await this.rest.signedQuery({})}` : "";
    const headers = this.#session.isOpen ? { "X-MBX-APIKEY": this.#session.key } : {};
    const stop = new AbortController();
    const answer = await fetch(`${this.base}/admin/v1/pipeline/stream${query}`, {
      headers,
      cache: "no-store",
      signal: stop.signal,
    });
    if (!answer.ok) {
      const { msg } = await answer.json();
      this.why = msg;
      this.#say(answer.status < 500 ? "refused" : "waiting");
      return;
    }
    this.#say("live");
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const silence = setTimeout(() => stop.abort(), SILENT_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done || turn !== this.#turn) {
        stop.abort();
        return;
      }
      const lines = (text + value).split("\n");
      text = lines.pop();
      if (lines.length) this.dispatchEvent(new CustomEvent("picture", { detail: JSON.parse(lines.at(-1)) }));
    }
  }

  #say(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
