import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** Kafka's Java clients, driven by interop's tests. See process_test.go for the commands. */
public class Client {
    private static final String TEXT =
        " the quick brown fox jumps over the lazy dog and then does so again, and again, and once more; ";
    static final String STRINGS = "org.apache.kafka.common.serialization.String";

    private final String bootstrap;
    private final Members members;
    private final Transactions transactions;
    private Admin admin;

    private Client(String bootstrap) {
        this.bootstrap = bootstrap;
        this.members = new Members(bootstrap);
        this.transactions = new Transactions(bootstrap);
    }

    public static void main(String[] args) throws Exception {
        Client client = new Client(args[args.length - 1]);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            try {
                client.run(line.split(" ", line.startsWith("set ") ? 4 : 0));
                System.out.println("ok");
            } catch (Exception e) {
                Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
                System.out.println("error " + cause.toString().replace('\n', ' '));
            }
        }
        if (client.admin != null) {
            client.admin.close(Duration.ofSeconds(5));
        }
    }

    private void run(String[] a) throws Exception {
        switch (a[0]) {
            case "produce" -> produce(a[1], Integer.parseInt(a[2]), a[3], a[4], a[5], Integer.parseInt(a[6]));
            case "consume" -> consume(a[1], Integer.parseInt(a[2]), Long.parseLong(a[3]), false, Integer.parseInt(a[4]));
            case "consume-at" -> consume(a[1], Integer.parseInt(a[2]), Long.parseLong(a[3]), true, Integer.parseInt(a[4]));
            case "create" -> admin().createTopics(List.of(
                new NewTopic(a[1], Integer.parseInt(a[2]), (short) 1).configs(configs(a[3])))).all().get();
            case "describe" -> System.out.println("partitions "
                + admin().describeTopics(List.of(a[1])).allTopicNames().get().get(a[1]).partitions().size());
            case "set" -> admin().incrementalAlterConfigs(Map.of(topic(a[1]), List.of(
                new AlterConfigOp(new ConfigEntry(a[2], a[3]), AlterConfigOp.OpType.SET)))).all().get();
            case "config" -> System.out.println("config "
                + admin().describeConfigs(List.of(topic(a[1]))).all().get().get(topic(a[1])).get(a[2]).value());
            case "grow" -> admin().createPartitions(
                Map.of(a[1], NewPartitions.increaseTo(Integer.parseInt(a[2])))).all().get();
            case "delete-records" -> admin().deleteRecords(Map.of(new TopicPartition(a[1], Integer.parseInt(a[2])),
                RecordsToDelete.beforeOffset(Long.parseLong(a[3])))).all().get();
            case "delete" -> admin().deleteTopics(List.of(a[1])).all().get();
            case "join" -> members.join(a[1], a[2], a[3], a.length > 4 ? configs(a[4]) : Map.of());
            case "read" -> members.read(a[1]);
            case "commit" -> members.commit(a[1]);
            case "rebalances" -> members.rebalances(a[1]);
            case "leave" -> members.leave(a[1]);
            case "transact" -> transactions.transact(a[1], a[2], a[3], Integer.parseInt(a[4]), a[5]);
            case "move" -> transactions.move(a[1], a[2], a[3], a[4], Integer.parseInt(a[5]), a[6]);
            case "committed" -> transactions.committed(a[1], Integer.parseInt(a[2]));
            case "fenced" -> transactions.fenced(a[1], a[2]);
            default -> throw new IllegalArgumentException(a[0]);
        }
    }

    private Admin admin() {
        if (admin == null) {
            admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
        }
        return admin;
    }

    private static ConfigResource topic(String name) {
        return new ConfigResource(ConfigResource.Type.TOPIC, name);
    }

    private static Map<String, String> configs(String pairs) {
        Map<String, String> m = new HashMap<>();
        for (String pair : pairs.split(",")) {
            String[] kv = pair.split("=", 2);
            m.put(kv[0], kv[1]);
        }
        return m;
    }

    private void produce(String topic, int partition, String codec, String acks, String idempotent, int n) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("key.serializer", STRINGS + "Serializer");
        p.put("value.serializer", STRINGS + "Serializer");
        p.put("compression.type", codec);
        p.put("acks", acks);
        p.put("enable.idempotence", idempotent);
        p.put("linger.ms", "50");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(p)) {
            List<Future<?>> sent = new ArrayList<>();
            for (int i = 0; i < n; i++) {
                ProducerRecord<String, String> r =
                    new ProducerRecord<>(topic, partition, "key-" + i, "value-" + i + TEXT + TEXT);
                r.headers().add("h", "v".getBytes());
                sent.add(producer.send(r));
            }
            for (Future<?> f : sent) {
                f.get();
            }
        }
    }

    private void consume(String topic, int partition, long from, boolean byTime, int n) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("key.deserializer", STRINGS + "Deserializer");
        p.put("value.deserializer", STRINGS + "Deserializer");
        p.put("auto.offset.reset", "none");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(p)) {
            TopicPartition tp = new TopicPartition(topic, partition);
            consumer.assign(List.of(tp));
            consumer.seek(tp, byTime ? consumer.offsetsForTimes(Map.of(tp, from)).get(tp).offset() : from);
            long deadline = System.currentTimeMillis() + 30_000;
            for (int got = 0; got < n; ) {
                if (System.currentTimeMillis() > deadline) {
                    throw new IllegalStateException(got + " of " + n + " records after 30 s");
                }
                for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(500))) {
                    if (got++ < n) {
                        System.out.println("record " + r.offset() + " " + r.timestamp() + " " + r.key() + "\t" + r.value());
                    }
                }
            }
        }
    }
}
