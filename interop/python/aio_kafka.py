"""aiokafka, driven by interop's tests."""

import asyncio
import sys

import common
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

BOOTSTRAP = sys.argv[1]


async def produce(topic, partition, codec, acks, idempotent, count):
    producer = AIOKafkaProducer(
        bootstrap_servers=BOOTSTRAP,
        compression_type=None if codec == "none" else codec,
        acks=acks if acks == "all" else int(acks),
        enable_idempotence=idempotent == "true",
        linger_ms=50,
    )
    await producer.start()
    try:
        sent = [
            await producer.send(topic, common.value(i), key=common.key(i), headers=[("h", b"v")], partition=int(partition))
            for i in range(int(count))
        ]
        await producer.flush()
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def read_from(topic, partition, count, offset_of):
    consumer = AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, group_id=None, enable_auto_commit=False)
    await consumer.start()
    try:
        tp = TopicPartition(topic, int(partition))
        consumer.assign([tp])
        consumer.seek(tp, await offset_of(consumer, tp))
        for _ in range(int(count)):
            common.show(await asyncio.wait_for(consumer.getone(), 10))
    finally:
        await consumer.stop()


async def consume(topic, partition, offset, count):
    async def at(consumer, tp):
        return int(offset)

    await read_from(topic, partition, count, at)


async def consume_at(topic, partition, timestamp, count):
    async def at(consumer, tp):
        return (await consumer.offsets_for_times({tp: int(timestamp)}))[tp].offset

    await read_from(topic, partition, count, at)


async def with_admin(f):
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    try:
        return await f(admin)
    finally:
        await admin.close()


def check(response):
    """Raises the first error code of a response: these calls return responses as they came."""
    for name in ("topic_errors", "topic_error_codes", "resources"):
        for entry in getattr(response, name, []):
            code = entry[0] if name == "resources" else entry[1]
            if code:
                raise RuntimeError(f"error code {code}: {entry}")


async def create(topic, partitions, configs):
    new = NewTopic(topic, int(partitions), 1, topic_configs=common.configs(configs))
    check(await with_admin(lambda a: a.create_topics([new])))


async def describe(topic):
    (t,) = await with_admin(lambda a: a.describe_topics([topic]))
    if t["error_code"]:
        raise RuntimeError(f"error {t['error_code']}")
    print("partitions", len(t["partitions"]))


async def set(topic, key, value):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={key: value})
    for response in await with_admin(lambda a: a.alter_configs([resource])):
        check(response)


async def config(topic, key):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={key: None})
    for response in await with_admin(lambda a: a.describe_configs([resource])):
        for res in response.resources:
            for entry in res[4]:
                if entry[0] == key:
                    print("config", entry[1])
                    return
    raise KeyError(key)


async def grow(topic, total):
    check(await with_admin(lambda a: a.create_partitions({topic: NewPartitions(total_count=int(total))})))


async def delete_records(topic, partition, offset):
    tp = TopicPartition(topic, int(partition))
    await with_admin(lambda a: a.delete_records({tp: RecordsToDelete(before_offset=int(offset))}))


async def delete(topic):
    check(await with_admin(lambda a: a.delete_topics([topic])))


class Member:
    """A member of a group, with a task that reads until the member leaves."""

    def __init__(self, name, group, topic, settings):
        assignors = {"partition_assignment_strategy": [StickyPartitionAssignor]} if "assignor" in settings else {}
        self.consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=BOOTSTRAP, client_id=name, group_id=group, auto_offset_reset="earliest",
            enable_auto_commit=False, fetch_max_wait_ms=200, heartbeat_interval_ms=200, session_timeout_ms=6000, **assignors,
        )
        self.records = []
        self.task = asyncio.create_task(self.run())

    async def run(self):
        await self.consumer.start()
        while True:
            record = await self.consumer.getone()
            self.records.append(record)


members = {}


async def join(name, group, topic, settings=""):
    members[name] = Member(name, group, topic, common.configs(settings))


async def read(name):
    m = members[name]
    if m.task.done():
        m.task.result()
    taken, m.records = m.records, []
    for r in taken:
        common.placed(r.topic, r.partition, r.offset, r.value)


async def commit(name):
    await members[name].consumer.commit()


async def leave(name):
    m = members.pop(name)
    m.task.cancel()
    await m.consumer.stop()


async def begin(id):
    producer = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=id)
    await producer.start()
    await producer.begin_transaction()
    return producer


async def finish(producer, end):
    await producer.flush()
    if end == "commit":
        await producer.commit_transaction()
    else:
        await producer.abort_transaction()


async def transact(id, topic, prefix, count, end):
    producer = await begin(id)
    try:
        for i in range(int(count)):
            await producer.send(topic, f"{prefix}-{i}".encode(), partition=i % 2)
        await finish(producer, end)
    finally:
        await producer.stop()


async def committed_consumer(group, topic):
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=BOOTSTRAP, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False,
        isolation_level="read_committed", heartbeat_interval_ms=200, session_timeout_ms=6000,
    )
    await consumer.start()
    return consumer


async def read_records(consumer, count):
    return [await asyncio.wait_for(consumer.getone(), common.TIMEOUT) for _ in range(count)]


async def move(id, group, source, to, count, end):
    consumer = await committed_consumer(group, source)
    producer = await begin(id)
    try:
        offsets = {}
        for r in await read_records(consumer, int(count)):
            await producer.send(to, r.value, partition=r.partition)
            offsets[TopicPartition(r.topic, r.partition)] = r.offset + 1
        await producer.send_offsets_to_transaction(offsets, group)
        await finish(producer, end)
    finally:
        await producer.stop()
        await consumer.stop()


async def committed(topic, count):
    consumer = await committed_consumer(topic + "-readers", topic)
    try:
        common.show_values(r.value for r in await read_records(consumer, int(count)))
    finally:
        await consumer.stop()


async def fenced(id, topic):
    first = await begin(id)
    try:
        await first.send_and_wait(topic, b"lost", partition=0)
        await transact(id, topic, "kept", 2, "commit")
        await first.commit_transaction()
    except (ProducerFenced, InvalidProducerEpoch):
        return
    finally:
        await first.stop()
    raise RuntimeError("the first producer could commit")


async def commands():
    """Reads commands on a thread, so that members go on while none comes."""
    loop = asyncio.get_running_loop()
    source = common.read_commands()
    while (command := await loop.run_in_executor(None, next, source, None)) is not None:
        yield command


async def main():
    async for verb, args in commands():
        try:
            await globals()[verb](*args)
            common.answer()
        except Exception as e:  # whatever it is, the test wants to see it
            common.answer(e)


asyncio.run(main())
