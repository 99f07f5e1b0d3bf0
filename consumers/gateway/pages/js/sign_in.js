// Signing in and out: a key that is pasted, or a demo account for the asking.

import { byId } from "./dom.js";
import { notice } from "./notices.js";

export class SignIn {
  #rest;
  #session;
  #account;

  constructor(rest, session, account, isDemo) {
    this.#rest = rest;
    this.#session = session;
    this.#account = account;
    byId("demo").hidden = !isDemo;
    if (isDemo) byId("welcome-text").textContent = "Try it: an account with play money, in one click.";
    byId("demo").addEventListener("click", () => this.#openDemo());
    byId("welcome-sign").addEventListener("click", () => this.#ask());
    byId("sign").addEventListener("click", () => (session.isOpen ? session.close() : this.#ask()));
    byId("sign-in-cancel").addEventListener("click", () => byId("sign-in").close());
    byId("sign-in-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#open();
    });
    session.addEventListener("change", () => this.show());
    account.addEventListener("change", () => this.show());
    this.show();
  }

  show() {
    const { isOpen } = this.#session;
    byId("welcome").hidden = isOpen;
    byId("ticket").hidden = !isOpen;
    byId("sign").textContent = !isOpen
      ? "Sign in"
      : this.#account.number
        ? `Account ${this.#account.number} · sign out`
        : "Sign out";
    byId("sign").classList.toggle("wrong", Boolean(isOpen && this.#account.refused));
    byId("sign").title = this.#account.refused;
  }

  #ask() {
    byId("sign-in-wrong").textContent = "";
    byId("sign-in").showModal();
  }

  async #open() {
    const [key, secret] = [byId("key").value.trim(), byId("secret").value.trim()];
    if (!key || !secret) {
      byId("sign-in-wrong").textContent = "Both are needed.";
      return;
    }
    this.#session.open(key, secret);
    try {
      await this.#rest.signed("GET", "/api/v3/account", { omitZeroBalances: true });
    } catch (error) {
      this.#session.close();
      byId("sign-in-wrong").textContent = error.message;
      return;
    }
    byId("secret").value = "";
    byId("sign-in").close();
  }

  async #openDemo() {
    byId("demo").disabled = true;
    try {
      const { apiKey, secret, account } = await this.#rest.post("/demo/account");
      this.#session.open(apiKey, secret);
      notice("good", `Account ${account} is yours. Its money is play money, its orders are real here.`);
    } catch (error) {
      notice("bad", `No demo account: ${error.message}`);
    } finally {
      byId("demo").disabled = false;
    }
  }
}
