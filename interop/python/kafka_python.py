"""kafka-python, driven by interop's tests."""

import concurrent.futures
import queue
import sys
import threading
import time

import common
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import InvalidProducerEpochError, ProducerFencedError

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


def read_from(topic, partition, count, offset_of):
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
    read_from(topic, partition, count, lambda c, tp: int(offset))


def consume_at(topic, partition, timestamp, count):
    read_from(topic, partition, count, lambda c, tp: c.offsets_for_times({tp: int(timestamp)})[tp].offset)


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


class Member(threading.Thread):
    """A member of a group, on a thread of its own that polls until the member leaves."""

    def __init__(self, name, group, topic, settings):
        super().__init__(daemon=True)
        assignors = {"partition_assignment_strategy": [CooperativeStickyAssignor]} if "assignor" in settings else {}
        self.consumer = KafkaConsumer(
            topic, bootstrap_servers=BOOTSTRAP, client_id=name, group_id=group, auto_offset_reset="earliest",
            enable_auto_commit=False, fetch_max_wait_ms=200, heartbeat_interval_ms=200, session_timeout_ms=6000, **assignors,
        )
        self.calls = queue.Queue()
        self.records = queue.Queue()
        self.leaving = False
        self.failure = None
        self.start()

    def run(self):
        try:
            while not self.leaving:
                # A poll that ends while its JoinGroup waits for the other members now and then never
                # joins, with any broker: the client's own fault, so it gets time.
                for batch in self.consumer.poll(timeout_ms=1000).values():
                    for r in batch:
                        self.records.put(r)
                while not self.calls.empty():
                    self.calls.get()()
            self.consumer.close()
        except Exception as e:
            self.failure = e

    def call(self, f):
        """Runs f on the member's thread."""
        done = concurrent.futures.Future()

        def work():
            try:
                done.set_result(f())
            except Exception as e:
                done.set_exception(e)

        self.calls.put(work)
        return done.result(common.TIMEOUT)


members = {}


def join(name, group, topic, settings=""):
    members[name] = Member(name, group, topic, common.configs(settings))


def read(name):
    m = members[name]
    if m.failure:
        raise m.failure
    while not m.records.empty():
        r = m.records.get()
        common.placed(r.topic, r.partition, r.offset, r.value)


def commit(name):
    m = members[name]
    m.call(m.consumer.commit)


def leave(name):
    m = members.pop(name)
    m.leaving = True
    m.join(common.TIMEOUT)
    if m.failure:
        raise m.failure


def begin(id):
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=id)
    producer.init_transactions()
    producer.begin_transaction()
    return producer


def finish(producer, end):
    producer.flush(timeout=common.TIMEOUT)
    if end == "commit":
        producer.commit_transaction()
    else:
        producer.abort_transaction()


def transact(id, topic, prefix, count, end):
    producer = begin(id)
    for i in range(int(count)):
        producer.send(topic, f"{prefix}-{i}".encode(), partition=i % 2)
    finish(producer, end)
    producer.close()


def committed_consumer(group, topic):
    return KafkaConsumer(
        topic, bootstrap_servers=BOOTSTRAP, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False,
        isolation_level="read_committed", heartbeat_interval_ms=200, session_timeout_ms=6000,
    )


def read_records(consumer, count):
    records = []
    deadline = time.monotonic() + common.TIMEOUT
    while len(records) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(records)} of {count} records")
        for batch in consumer.poll(timeout_ms=1000).values():
            records.extend(batch)
    return records


def move(id, group, source, to, count, end):
    consumer = committed_consumer(group, source)
    producer = begin(id)
    offsets = {}
    for r in read_records(consumer, int(count)):
        producer.send(to, r.value, partition=r.partition)
        offsets[TopicPartition(r.topic, r.partition)] = OffsetAndMetadata(r.offset + 1, "", -1)
    producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
    finish(producer, end)
    producer.close()
    consumer.close()


def committed(topic, count):
    consumer = committed_consumer(topic + "-readers", topic)
    common.show_values(r.value for r in read_records(consumer, int(count)))
    consumer.close()


def fenced(id, topic):
    first = begin(id)
    first.send(topic, b"lost", partition=0).get(common.TIMEOUT)
    transact(id, topic, "kept", 2, "commit")
    try:
        first.commit_transaction()
    except (ProducerFencedError, InvalidProducerEpochError):
        return
    finally:
        first.close()
    raise RuntimeError("the first producer could commit")


for verb, args in common.read_commands():
    try:
        globals()[verb](*args)
        common.answer()
    except Exception as e:  # whatever it is, the test wants to see it
        common.answer(e)
