"""kafka-python, driven by interop's tests."""

import sys

import common
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic

BOOTSTRAP = sys.argv[1]


def produce(topic, partition, codec, acks, idempotent, count):
    producer = KafkaProducer(
        bootstrap_servers=BOOTSTRAP,
        compression_type=None if codec == "none" else codec,
        acks=acks if acks == "all" else int(acks),
        enable_idempotence=idempotent == "true",
        max_in_flight_requests_per_connection=1,
        linger_ms=50,
    )
    sent = [
        producer.send(topic, common.value(i), key=common.key(i), headers=[("h", b"v")], partition=int(partition))
        for i in range(int(count))
    ]
    producer.flush(timeout=30)
    for f in sent:
        f.get(timeout=30)
    producer.close()


def read(topic, partition, count, offset_of):
    consumer = KafkaConsumer(bootstrap_servers=BOOTSTRAP, group_id=None, enable_auto_commit=False)
    tp = TopicPartition(topic, int(partition))
    consumer.assign([tp])
    consumer.seek(tp, offset_of(consumer, tp))
    left = int(count)
    while left > 0:
        batch = consumer.poll(timeout_ms=10000, max_records=left)
        if not batch:
            raise TimeoutError(f"{left} records are missing")
        for r in batch[tp]:
            common.show(r)
            left -= 1
    consumer.close()


def consume(topic, partition, offset, count):
    read(topic, partition, count, lambda c, tp: int(offset))


def consume_at(topic, partition, timestamp, count):
    read(topic, partition, count, lambda c, tp: c.offsets_for_times({tp: int(timestamp)})[tp].offset)


_admin = None


def admin():
    global _admin
    if _admin is None:
        _admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    return _admin


def create(topic, partitions, configs):
    admin().create_topics([NewTopic(topic, int(partitions), 1, topic_configs=common.configs(configs))])


def describe(topic):
    (t,) = admin().describe_topics([topic])
    if t["error_code"]:
        raise RuntimeError(f"error {t['error_code']}")
    print("partitions", len(t["partitions"]))


def set(topic, key, value):
    done = admin().alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs={key: value})])
    if done["topic"][topic] != "OK":
        raise RuntimeError(done["topic"][topic])


def config(topic, key):
    found = admin().describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, topic, configs={key: None})], config_filter="all"
    )
    print("config", found["topic"][topic][key]["value"])


def grow(topic, total):
    admin().create_partitions({topic: NewPartitions(total_count=int(total))})


def delete_records(topic, partition, offset):
    admin().delete_records({TopicPartition(topic, int(partition)): int(offset)})


def delete(topic):
    admin().delete_topics([topic])


for verb, args in common.read_commands():
    try:
        globals()[verb](*args)
        common.answer()
    except Exception as e:  # whatever it is, the test wants to see it
        common.answer(e)
