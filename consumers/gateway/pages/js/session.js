// The API key that this tab signs with: kept in sessionStorage, so it ends with the tab.

const KEY = "matchline.key";
const SECRET = "matchline.secret";

export class Session extends EventTarget {
  get key() {
    return sessionStorage.getItem(KEY) || "";
  }

  get isOpen() {
    return this.key !== "";
  }

  open(key, secret) {
    sessionStorage.setItem(KEY, key.trim());
    sessionStorage.setItem(SECRET, secret.trim());
    this.dispatchEvent(new Event("change"));
  }

  close() {
    sessionStorage.removeItem(KEY);
    sessionStorage.removeItem(SECRET);
    this.dispatchEvent(new Event("change"));
  }

  /** HMAC-SHA256 of a text in hex. Throws where the browser keeps its cryptography to secure addresses. */
  async sign(text) {
    if (!crypto.subtle) throw new Error("this browser signs only on https:// or on this very host (127.0.0.1)");
    const bytes = new TextEncoder();
    const secret = bytes.encode(sessionStorage.getItem(SECRET) || "");
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", secret, algorithm, false, ["sign"]);
    const signature = new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes.encode(text)));
    return Array.from(signature, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}
