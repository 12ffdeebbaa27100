import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.TopicPartition;

/** Members of consumer groups, each on a thread of its own that polls until the member leaves. */
class Members {
    private final String bootstrap;
    private final Map<String, Member> members = new HashMap<>();

    Members(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    void join(String name, String group, String topic, Map<String, String> settings) {
        members.put(name, new Member(name, group, topic, settings));
    }

    void read(String name) throws Exception {
        for (ConsumerRecord<String, String> r : members.get(name).take()) {
            System.out.println("placed " + r.topic() + " " + r.partition() + " " + r.offset() + " " + r.value());
        }
    }

    void commit(String name) throws Exception {
        Member m = members.get(name);
        m.call(m.consumer::commitSync);
    }

    /** Prints how often the member was given partitions or lost some. */
    void rebalances(String name) throws Exception {
        Member m = members.get(name);
        int[] n = new int[1];
        m.call(() -> n[0] = m.rebalances);
        System.out.println("rebalances " + n[0]);
    }

    void leave(String name) throws Exception {
        Member m = members.remove(name);
        m.leaving = true;
        m.thread.join();
        if (m.failure != null) {
            throw m.failure;
        }
    }

    private class Member implements ConsumerRebalanceListener, Runnable {
        final KafkaConsumer<String, String> consumer;
        final Thread thread;
        volatile boolean leaving;
        volatile Exception failure;
        int rebalances; // of the thread
        private final BlockingQueue<Runnable> calls = new LinkedBlockingQueue<>();
        private List<ConsumerRecord<String, String>> records = new ArrayList<>(); // guarded by this

        Member(String name, String group, String topic, Map<String, String> settings) {
            consumer = new KafkaConsumer<>(properties(name, group, settings));
            if (!settings.containsKey("pattern")) {
                consumer.subscribe(List.of(topic), this);
            } else if (settings.get("protocol").equals("consumer")) {
                consumer.subscribe(new SubscriptionPattern(topic), this);
            } else {
                consumer.subscribe(Pattern.compile(topic), this);
            }
            thread = new Thread(this, name);
            thread.setDaemon(true);
            thread.start();
        }

        private Properties properties(String name, String group, Map<String, String> settings) {
            Properties p = new Properties();
            p.put("bootstrap.servers", bootstrap);
            p.put("client.id", name);
            p.put("group.id", group);
            p.put("key.deserializer", Client.STRINGS + "Deserializer");
            p.put("value.deserializer", Client.STRINGS + "Deserializer");
            p.put("auto.offset.reset", "earliest");
            p.put("enable.auto.commit", "false");
            p.put("fetch.max.wait.ms", "200");
            p.put("metadata.max.age.ms", "1000");
            String protocol = settings.getOrDefault("protocol", "classic");
            p.put("group.protocol", protocol);
            if (protocol.equals("classic")) {
                p.put("heartbeat.interval.ms", "200");
                p.put("session.timeout.ms", "6000");
            }
            String assignor = settings.get("assignor");
            if (assignor != null) {
                p.put(protocol.equals("classic") ? "partition.assignment.strategy" : "group.remote.assignor", assignor);
            }
            if (settings.containsKey("instance")) {
                p.put("group.instance.id", settings.get("instance"));
            }
            return p;
        }

        @Override
        public void run() {
            try (consumer) {
                while (!leaving) {
                    poll();
                    for (Runnable call = calls.poll(); call != null; call = calls.poll()) {
                        call.run();
                    }
                }
            } catch (Exception e) {
                failure = e;
            }
        }

        private void poll() {
            for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(100))) {
                synchronized (this) {
                    records.add(r);
                }
            }
        }

        synchronized List<ConsumerRecord<String, String>> take() throws Exception {
            if (failure != null) {
                throw failure;
            }
            List<ConsumerRecord<String, String>> taken = records;
            records = new ArrayList<>();
            return taken;
        }

        /** Runs on the member's thread what only that thread may do. */
        void call(Runnable work) throws Exception {
            CompletableFuture<Void> done = new CompletableFuture<>();
            calls.add(() -> {
                try {
                    work.run();
                    done.complete(null);
                } catch (RuntimeException e) {
                    done.completeExceptionally(e);
                }
            });
            done.get();
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            rebalances++;
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            rebalances++;
        }
    }
}
