import java.io.BufferedOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * Carries lines of bytes between a pipe and partition 0 of a topic. Kafka's console tools decode text
 * and so change a line that isn't UTF-8; here a record's value is the line's bytes, its line feed left
 * out.
 *
 * <pre>
 * Text produce BOOTSTRAP TOPIC CODEC LARGEST   standard input to the topic
 * Text consume BOOTSTRAP TOPIC END             records 0 to END-1 to standard output
 * </pre>
 */
public class Text {
    private static final String BYTES = "org.apache.kafka.common.serialization.ByteArray";

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "produce" -> produce(args[1], args[2], args[3], args[4]);
            case "consume" -> consume(args[1], args[2], Long.parseLong(args[3]));
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static void produce(String bootstrap, String topic, String codec, String largest) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("key.serializer", BYTES + "Serializer");
        p.put("value.serializer", BYTES + "Serializer");
        p.put("compression.type", codec);
        p.put("acks", "all");
        p.put("batch.size", "262144");
        p.put("max.request.size", largest);
        AtomicReference<Exception> failure = new AtomicReference<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(p)) {
            InputStream in = System.in;
            byte[] buf = new byte[1 << 20];
            int filled = 0;
            for (int n; (n = in.read(buf, filled, buf.length - filled)) > 0 && failure.get() == null; ) {
                int from = 0;
                int to = filled + n;
                for (int i = filled; i < to; i++) {
                    if (buf[i] != '\n') {
                        continue;
                    }
                    byte[] line = Arrays.copyOfRange(buf, from, i);
                    from = i + 1;
                    producer.send(new ProducerRecord<>(topic, 0, null, line), (sent, e) -> {
                        if (e != null) {
                            failure.compareAndSet(null, e);
                        }
                    });
                }
                filled = to - from;
                if (from > 0) {
                    System.arraycopy(buf, from, buf, 0, filled);
                } else if (filled == buf.length) {
                    buf = Arrays.copyOf(buf, 2 * filled);
                }
            }
            if (filled > 0 && failure.get() == null) {
                throw new IllegalArgumentException("the input doesn't end with a line feed");
            }
        }
        if (failure.get() != null) {
            throw failure.get();
        }
    }

    private static void consume(String bootstrap, String topic, long end) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("key.deserializer", BYTES + "Deserializer");
        p.put("value.deserializer", BYTES + "Deserializer");
        p.put("auto.offset.reset", "none");
        p.put("max.poll.records", "10000");
        p.put("max.partition.fetch.bytes", "8388608");
        OutputStream out = new BufferedOutputStream(System.out, 1 << 18);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(p)) {
            TopicPartition tp = new TopicPartition(topic, 0);
            consumer.assign(List.of(tp));
            consumer.seek(tp, 0);
            for (long next = 0; next < end; ) {
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofSeconds(5)).records(tp)) {
                    if (r.offset() != next++) {
                        throw new IllegalStateException("offset " + r.offset() + ", want " + (next - 1));
                    }
                    out.write(r.value());
                    out.write('\n');
                }
            }
        }
        out.flush();
    }
}
