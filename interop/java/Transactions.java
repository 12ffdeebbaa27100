import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ProducerFencedException;

/** Transactions of Kafka's Java producer. */
class Transactions {
    private final String bootstrap;

    Transactions(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    void transact(String id, String topic, String prefix, int n, String end) {
        try (KafkaProducer<String, String> producer = begin(id)) {
            for (int i = 0; i < n; i++) {
                producer.send(new ProducerRecord<>(topic, i % 2, null, prefix + "-" + i));
            }
            end(producer, end);
        }
    }

    void move(String id, String group, String from, String to, int n, String end) {
        try (KafkaConsumer<String, String> consumer = consumer(group); KafkaProducer<String, String> producer = begin(id)) {
            consumer.subscribe(List.of(from));
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            for (ConsumerRecord<String, String> r : read(consumer, n)) {
                producer.send(new ProducerRecord<>(to, r.partition(), null, r.value()));
                offsets.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1));
            }
            producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            end(producer, end);
        }
    }

    void committed(String topic, int n) {
        try (KafkaConsumer<String, String> consumer = consumer(topic + "-readers")) {
            consumer.subscribe(List.of(topic));
            StringBuilder values = new StringBuilder("values");
            for (ConsumerRecord<String, String> r : read(consumer, n)) {
                values.append(' ').append(r.value());
            }
            System.out.println(values);
        }
    }

    void fenced(String id, String topic) {
        try (KafkaProducer<String, String> first = begin(id)) {
            first.send(new ProducerRecord<>(topic, 0, null, "lost"));
            first.flush();
            transact(id, topic, "kept", 2, "commit");
            first.commitTransaction();
        } catch (ProducerFencedException e) {
            return;
        }
        throw new IllegalStateException("the first producer could commit");
    }

    private KafkaProducer<String, String> begin(String id) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("key.serializer", Client.STRINGS + "Serializer");
        p.put("value.serializer", Client.STRINGS + "Serializer");
        p.put("transactional.id", id);
        KafkaProducer<String, String> producer = new KafkaProducer<>(p);
        producer.initTransactions();
        producer.beginTransaction();
        return producer;
    }

    private static void end(KafkaProducer<String, String> producer, String end) {
        producer.flush(); // an abort would drop what is still queued
        if (end.equals("commit")) {
            producer.commitTransaction();
        } else {
            producer.abortTransaction();
        }
    }

    private KafkaConsumer<String, String> consumer(String group) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("group.id", group);
        p.put("key.deserializer", Client.STRINGS + "Deserializer");
        p.put("value.deserializer", Client.STRINGS + "Deserializer");
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        p.put("isolation.level", "read_committed");
        return new KafkaConsumer<>(p);
    }

    private static List<ConsumerRecord<String, String>> read(KafkaConsumer<String, String> consumer, int n) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        long deadline = System.currentTimeMillis() + 30_000;
        while (records.size() < n) {
            if (System.currentTimeMillis() > deadline) {
                throw new IllegalStateException(records.size() + " of " + n + " records after 30 s");
            }
            consumer.poll(Duration.ofMillis(100)).forEach(records::add);
        }
        return records;
    }
}
