// A WebSocket that comes back: again after a pause that grows, and given up on where it falls silent.

const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 8000;
const ASK_EVERY_MS = 5000;
const ANSWER_WITHIN_MS = 4000;

/**
 * Events: "state" (state: "off", "connecting", "live", "waiting"), "open", "message" (detail: the parsed JSON).
 * `address` gives the URL, each time anew. `isAnswered`: whether the other side answers a request, which then serves
 * to notice a connection that is dead without having said so.
 */
export class Link extends EventTarget {
  #socket = null;
  #timer = 0;
  #watch = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #asked = 0;
  #wanted = false;

  constructor(address, isAnswered) {
    super();
    this.address = address;
    this.isAnswered = isAnswered;
    this.state = "off";
    this.drops = 0;
    this.why = "";
  }

  open() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#connect();
  }

  close() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#let(this.#socket);
    this.#say("off");
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  async #connect() {
    this.#say("connecting");
    let socket;
    try {
      socket = new WebSocket(await this.address());
    } catch (error) {
      this.why = error.message;
      this.#lost(null);
      return;
    }
    if (!this.#wanted) {
      socket.close();
      return;
    }
    this.#socket = socket;
    socket.onopen = () => {
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#asked = 0;
      this.why = "";
      this.#say("live");
      this.dispatchEvent(new Event("open"));
      if (this.isAnswered) this.#watch = setInterval(() => this.#ask(socket), ASK_EVERY_MS);
    };
    socket.onmessage = (event) => {
      this.#asked = 0;
      this.dispatchEvent(new CustomEvent("message", { detail: JSON.parse(event.data) }));
    };
    socket.onclose = (event) => {
      this.why = event.reason || "connection lost";
      this.#lost(socket);
    };
  }

  #ask(socket) {
    if (this.#asked && Date.now() - this.#asked > ANSWER_WITHIN_MS) {
      this.why = "no life";
      this.#lost(socket);
      return;
    }
    this.#asked ||= Date.now();
    this.send({ method: "LIST_SUBSCRIPTIONS", id: "life" });
  }

  #let(socket) {
    clearInterval(this.#watch);
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    if (this.#socket === socket) this.#socket = null;
  }

  #lost(socket) {
    const wasLive = this.state === "live";
    this.#let(socket);
    if (!this.#wanted) return;
    if (wasLive) this.drops += 1;
    this.#say("waiting");
    this.#timer = setTimeout(() => this.#connect(), this.#pauseMs * (0.75 + Math.random() / 2));
    this.#pauseMs = Math.min(this.#pauseMs * 1.7, LONGEST_PAUSE_MS);
  }

  #say(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

export function socketUrl(path) {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}
