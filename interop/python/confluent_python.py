"""confluent-kafka, librdkafka's Python binding, driven by interop's tests: groups and transactions."""

import concurrent.futures
import queue
import sys
import threading
import time

import common
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

BOOTSTRAP = sys.argv[1]


def consumer(group, settings, **more):
    conf = {
        "bootstrap.servers": BOOTSTRAP, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 200, **more,
    }
    if settings.get("protocol") == "consumer":
        conf["group.protocol"] = "consumer"  # the broker says how often to send a heartbeat
    else:
        conf.update({"heartbeat.interval.ms": 200, "session.timeout.ms": 6000})
    if "assignor" in settings:
        conf["partition.assignment.strategy"] = settings["assignor"]
    return Consumer(conf)


class Member(threading.Thread):
    """A member of a group, on a thread of its own that polls until the member leaves."""

    def __init__(self, name, group, topic, settings):
        super().__init__(daemon=True)
        self.consumer = consumer(group, settings, **{"client.id": name})
        self.consumer.subscribe([topic])
        self.calls = queue.Queue()
        self.messages = queue.Queue()
        self.leaving = False
        self.failure = None
        self.start()

    def run(self):
        try:
            while not self.leaving:
                m = self.consumer.poll(0.1)
                if m is not None:
                    if m.error():
                        raise KafkaException(m.error())
                    self.messages.put(m)
                while not self.calls.empty():
                    self.calls.get()()
            self.consumer.close()
        except Exception as e:
            self.failure = e

    def call(self, f):
        """Runs f on the member's thread, after what it has read so far."""
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
    while not m.messages.empty():
        r = m.messages.get()
        common.placed(r.topic(), r.partition(), r.offset(), r.value())


def commit(name):
    m = members[name]
    m.call(lambda: m.consumer.commit(asynchronous=False))


def leave(name):
    m = members.pop(name)
    m.leaving = True
    m.join(common.TIMEOUT)
    if m.failure:
        raise m.failure


def begin(id):
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "transactional.id": id, "linger.ms": 5})
    producer.init_transactions(common.TIMEOUT)
    producer.begin_transaction()
    return producer


def finish(producer, end):
    if producer.flush(common.TIMEOUT):
        raise TimeoutError("not all messages were delivered")
    if end == "commit":
        producer.commit_transaction(common.TIMEOUT)
    else:
        producer.abort_transaction(common.TIMEOUT)


def transact(id, topic, prefix, count, end):
    producer = begin(id)
    for i in range(int(count)):
        producer.produce(topic, f"{prefix}-{i}".encode(), partition=i % 2)
    finish(producer, end)


def read_messages(c, count):
    messages = []
    deadline = time.monotonic() + common.TIMEOUT
    while len(messages) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(messages)} of {count} records")
        m = c.poll(0.1)
        if m is None:
            continue
        if m.error():
            raise KafkaException(m.error())
        messages.append(m)
    return messages


def move(id, group, source, to, count, end):
    c = consumer(group, {}, **{"isolation.level": "read_committed"})
    c.subscribe([source])
    producer = begin(id)
    for m in read_messages(c, int(count)):
        producer.produce(to, m.value(), partition=m.partition())
    producer.send_offsets_to_transaction(c.position(c.assignment()), c.consumer_group_metadata())
    finish(producer, end)
    c.close()


def committed(topic, count):
    c = consumer(topic + "-readers", {}, **{"isolation.level": "read_committed"})
    c.subscribe([topic])
    common.show_values(m.value() for m in read_messages(c, int(count)))
    c.close()


def fenced(id, topic):
    first = begin(id)
    first.produce(topic, b"lost", partition=0)
    transact(id, topic, "kept", 2, "commit")
    try:
        first.commit_transaction(common.TIMEOUT)
    except KafkaException as e:
        if e.args[0].fatal() and e.args[0].code() == KafkaError._FENCED:
            return
        raise
    raise RuntimeError("the first producer could commit")


for verb, args in common.read_commands():
    try:
        globals()[verb](*args)
        common.answer()
    except Exception as e:  # whatever it is, the test wants to see it
        common.answer(e)
