// Keep a symbol's book from the public feed: node subscriber.mjs SYMBOL [PORT_BASE]. Stopped, it recovers.
import { Dealer, Subscriber } from "zeromq";

const [symbol, base = "5550"] = process.argv.slice(2);
const topic = `depth/${symbol}/`;
const address = (offset) => `tcp://127.0.0.1:${Number(base) + offset}`;
const feed = new Subscriber();
feed.connect(address(1));
feed.subscribe(topic, "hb/");
const epochOf = (text) => /"epoch":(\d+)/.exec(text)[1]; // more digits than a number here can hold
let epoch, seq, book;

async function asked() { // on a connection of its own: what a service that died was asked is never answered
  const service = new Dealer({ receiveTimeout: 2000, linger: 0 });
  service.connect(address(3));
  await service.send(JSON.stringify({ op: "snapshot", symbol }));
  return service.receive().catch(asked).finally(() => service.close());
}

async function snapshot() {
  const [text] = await asked(), found = JSON.parse(text);
  if (found.error) throw new Error(found.error);
  [epoch, seq] = [epochOf(text), found.seq];
  book = { bids: Object.fromEntries(found.bids), asks: Object.fromEntries(found.asks) };
}

await snapshot();
for await (const [head, body] of feed) {
  const name = head.toString(), message = JSON.parse(body);
  const lostTail = name === "hb/" && (message.topics[topic] ?? 0) > seq;
  if (epochOf(body) !== epoch || lostTail || (message.prev ?? 0) > seq) await snapshot();
  else if (name === topic && message.seq > seq) {
    seq = message.seq;
    for (const side of ["bids", "asks"])
      for (const [price, qty] of message[side]) if ((book[side][price] = qty) === "0") delete book[side][price];
  }
  console.log(JSON.stringify({ seq, ...book }));
}
