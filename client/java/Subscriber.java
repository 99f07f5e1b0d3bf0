// Keep a symbol's book from the public feed: Subscriber SYMBOL [PORT_BASE]. Stopped, it recovers.
import com.google.gson.Gson;
import java.util.*;
import org.zeromq.*;

public final class Subscriber {
    static final Gson gson = new Gson();
    record Message(
        long epoch, long seq, long prev, String[][] bids, String[][] asks, Map<String, Long> topics, String error) {}
    public static void main(String[] args) {
        int base = args.length > 1 ? Integer.parseInt(args[1]) : 5550;
        String topic = "depth/" + args[0] + "/", snapshots = "tcp://127.0.0.1:" + (base + 3);
        try (var context = new ZContext(); var feed = context.createSocket(SocketType.SUB)) {
            feed.connect("tcp://127.0.0.1:" + (base + 1));
            for (var wanted : List.of(topic, "hb/")) feed.subscribe(wanted);
            var book = Map.of("bids", new TreeMap<String, String>(), "asks", new TreeMap<String, String>());
            for (long epoch = 0, seq = 0; ; ) {
                feed.recvStr();
                var got = gson.fromJson(feed.recvStr(), Message.class);
                var lost = got.topics == null ? got.prev : got.topics.getOrDefault(topic, 0L);
                if (got.epoch != epoch || lost > seq) { // asked anew: what a service that died was asked is never answered
                    for (got = null; got == null; ) try (var service = context.createSocket(SocketType.DEALER)) {
                        var ask = gson.toJson(Map.of("op", "snapshot", "symbol", args[0]));
                        if (service.setReceiveTimeOut(2000) && service.connect(snapshots) && service.send(ask))
                            got = gson.fromJson(service.recvStr(), Message.class);
                    }
                    if (got.error != null) throw new IllegalStateException(got.error);
                    book.values().forEach(Map::clear); epoch = got.epoch; seq = -1;
                }
                if (got.bids != null && got.seq > seq) {
                    seq = got.seq;
                    for (var level : got.bids) book.get("bids").put(level[0], level[1]);
                    for (var level : got.asks) book.get("asks").put(level[0], level[1]);
                    book.values().forEach(side -> side.values().removeIf("0"::equals));
                }
                System.out.println(gson.toJson(Map.of("seq", seq, "bids", book.get("bids"), "asks", book.get("asks"))));
            }
        }
    }
}
