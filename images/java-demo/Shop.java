import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import javax.management.ObjectName;

/** A small shop whose state can be watched from outside: what lab 4 monitors. */
public final class Shop implements ShopMBean {
    /** The most that /heap holds, in MiB; the container's limit leaves room for it. */
    private static final int HEAP_LIMIT = 96;

    private final AtomicLong orders = new AtomicLong();
    private final AtomicInteger openCarts = new AtomicInteger();
    private final Deque<byte[]> held = new ArrayDeque<>();

    public static void main(String[] args) throws Exception {
        Shop shop = new Shop();
        ManagementFactory.getPlatformMBeanServer().registerMBean(shop, new ObjectName("shop:type=Shop"));
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.createContext("/healthz", exchange -> answer(exchange, "ok"));
        server.createContext("/orders", exchange -> answer(exchange, shop.order()));
        server.createContext("/heap", exchange -> answer(exchange, shop.hold(megabytes(exchange))));
        server.createContext("/work", exchange -> answer(exchange, work()));
        server.start();
        System.out.println("shop listens on :8080");
    }

    @Override
    public long getOrders() {
        return orders.get();
    }

    @Override
    public int getOpenCarts() {
        return openCarts.get();
    }

    /** One order. Every third customer leaves a cart behind, until five are open. */
    private String order() {
        long number = orders.incrementAndGet();
        openCarts.set((int) (number / 3 % 6));
        return "order " + number;
    }

    /** Holds so much memory, and lets go of what was held longest where that would be too much. 0 lets go of all. */
    private synchronized String hold(int megabytes) {
        if (megabytes == 0) {
            held.clear();
        }
        for (int i = 0; i < megabytes; i++) {
            if (held.size() == HEAP_LIMIT) {
                held.removeFirst();
            }
            held.addLast(new byte[1 << 20]);
        }
        return "holding " + held.size() + " MiB";
    }

    /** A moment of work for the processor. */
    private static String work() {
        long sum = 0;
        for (int i = 0; i < 50_000_000; i++) {
            sum += i ^ (sum >> 3);
        }
        return "worked: " + sum;
    }

    /** The number in ?mb=NUMBER; 10 without one. */
    private static int megabytes(HttpExchange exchange) {
        String query = exchange.getRequestURI().getQuery();
        if (query == null || !query.matches("mb=\\d{1,4}")) {
            return 10;
        }
        return Math.min(Integer.parseInt(query.substring(3)), HEAP_LIMIT);
    }

    private static void answer(HttpExchange exchange, String text) throws IOException {
        byte[] body = (text + "\n").getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }
}
